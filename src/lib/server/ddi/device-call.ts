import * as z from 'zod/mini';
import { deviceId } from '../../wire/device-id.js';
import type { KnownDevice } from '../access/device-lookup.js';
import type { DevicePrincipal } from '../access/principal.js';
import type { Call } from '../http/route.js';
import { badRequest, notFound } from '../http/server-failure.js';

/** Where a device's resources lie. */
export const DEVICE_PATH = '/{tenant}/controller/v1/{controllerId}';

const identifier = z.pipe(
  z.string().check(z.regex(/^\d{1,15}$/, 'expected a number')),
  z.transform((digits: string) => Number(digits)),
);
const tenant = z.string().check(z.minLength(1), z.maxLength(128));

export const deviceParams = z.object({ tenant, controllerId: deviceId });
export type DeviceParams = z.output<typeof deviceParams>;
export const actionParams = z.object({ tenant, controllerId: deviceId, actionId: identifier });
export const moduleParams = z.object({ tenant, controllerId: deviceId, moduleId: identifier });
export const fileParams = z.object({
  ...{ tenant, controllerId: deviceId, moduleId: identifier },
  filename: z.string().check(z.minLength(1), z.maxLength(300)),
});

/** A request that a device makes. */
export type DeviceCall<P extends DeviceParams = DeviceParams, B = unknown> = Call<DevicePrincipal, P, unknown, B>;

/** @throws ServerFailure 404: a gateway speaks for a device that has never polled */
export function knownDevice({ principal }: Pick<DeviceCall, 'principal'>): KnownDevice {
  if (principal.device === undefined) throw notFound('such device; it registers with its first poll');
  return principal.device;
}

/**
 * The address of the device's resources: by the name that the device itself used, or by the one that the server was
 * started with where a proxy stands before it. What a proxy's headers say is believed of nobody.
 */
export function deviceUrl({ server, request, params }: Pick<DeviceCall, 'server' | 'request' | 'params'>): string {
  const base = server.settings.publicUrl ?? `${request.protocol}://${hostOf(request.headers.host)}`;
  return `${base}/${encodeURIComponent(params.tenant)}/controller/v1/${encodeURIComponent(params.controllerId)}`;
}

function hostOf(host: string | undefined): string {
  if (host === undefined || !/^[\w.-]+(:\d{1,5})?$|^\[[0-9a-fA-F:.]+\](:\d{1,5})?$/.test(host)) {
    throw badRequest('the header Host is missing or is no host');
  }
  return host;
}

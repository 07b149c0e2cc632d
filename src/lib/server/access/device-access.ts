import type { FastifyRequest } from 'fastify';
import { audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import { notFound, ServerFailure } from '../http/server-failure.js';
import { type FoundDevice, openDeviceLookup } from './device-lookup.js';
import type { DevicePrincipal } from './principal.js';
import { tokenHash } from './token.js';

export type DeviceAccess = (request: FastifyRequest) => Promise<DevicePrincipal>;

type Needs = Pick<ServerContext, 'database' | 'tenantSettings' | 'lastSeen' | 'clock'>;

/**
 * Finds out which device sends a request, by `TargetToken` (its own) or `GatewayToken` (its tenant's).
 *
 * A device that asks for another one's path is told that there is nothing, and the tenant's audit log has it: row 52 of
 * the refusal catalogue.
 */
export function openDeviceAccess(server: Needs): DeviceAccess {
  const lookup = openDeviceLookup(server.database);
  return async (request) => {
    const { tenant: tenantName, controllerId } = request.params as { tenant: string; controllerId: string };
    const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ', 2);
    const found = await lookup.find(tenantName, controllerId);
    if (found === undefined || token === '') throw unauthenticated();
    const settings = await server.tenantSettings.of(found.tenant.id);
    const hash = tokenHash(token);
    if (scheme === 'GatewayToken') {
      const isKnown =
        settings['authentication.gatewaytoken.enabled'] && settings['authentication.gatewaytoken.key'] === hash;
      if (!isKnown) throw unauthenticated();
      return principal(server, 'gateway', found, controllerId);
    }
    if (scheme !== 'TargetToken' || !settings['authentication.targettoken.enabled']) throw unauthenticated();
    if (found.device?.tokenHash !== hash) throw await stranger(server, found, { hash, controllerId });
    return principal(server, 'device', found, controllerId);
  };
}

function principal(
  { lastSeen, clock }: Needs,
  kind: DevicePrincipal['kind'],
  { tenant, device }: FoundDevice,
  controllerId: string,
): DevicePrincipal {
  if (device === undefined) return { kind, tenant, controllerId };
  lastSeen.saw(device.id, clock.now().getTime());
  return { kind, tenant, controllerId, device };
}

/** What a token is told that is not the one of this device. */
async function stranger(
  { database, clock }: Needs,
  { tenant }: FoundDevice,
  { hash, controllerId }: { hash: string; controllerId: string },
): Promise<ServerFailure> {
  const other = await database.sql
    .selectFrom('device')
    .select('controller_id')
    .where('tenant_id', '=', tenant.id)
    .where('token_hash', '=', hash)
    .executeTakeFirst();
  if (other === undefined) return unauthenticated();
  await database.transaction((tx) =>
    audit(tx, {
      tenantId: tenant.id,
      actor: `device:${other.controller_id}`,
      action: 'device.refused',
      object: `device:${controllerId}`,
      detail: { reason: 'the token is the one of another device' },
      now: clock.now().getTime(),
    }),
  );
  return notFound('such device');
}

function unauthenticated(): ServerFailure {
  return new ServerFailure(401, 'UNAUTHENTICATED', 'no known credentials', {
    headers: { 'www-authenticate': 'TargetToken' },
  });
}

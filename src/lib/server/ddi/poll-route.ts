import type { DdiPoll } from '../../wire/ddi.js';
import { ddiPoll } from '../../wire/ddi.js';
import type { KnownDevice } from '../access/device-lookup.js';
import { createDevices } from '../devices/create-devices.js';
import { DEVICE, type RouteDefinition, route } from '../http/route.js';
import { DEVICE_PATH, type DeviceCall, deviceParams, deviceUrl } from './device-call.js';

/** What a device calls every few minutes all its life: nothing is written for it, and one statement read. */
export const pollRoute: RouteDefinition = route({
  method: 'GET',
  path: DEVICE_PATH,
  access: DEVICE,
  summary: 'Tells a device what there is to do, at most one thing, and when to ask again.',
  params: deviceParams,
  answers: { 200: { description: 'When to come again, and links to what there is to do.', json: ddiPoll } },
  handle: async (call) => {
    const { server, principal, tenant, now } = call;
    if (principal.device === undefined) await register(call);
    else server.lastSeen.polled(principal.device.id, now);
    const { pollingTime } = await server.tenantSettings.of(tenant.id);
    const links = linksFor(deviceUrl(call), principal.device);
    return { config: { polling: { sleep: pollingTime } }, _links: links } satisfies DdiPoll;
  },
});

/** A device that its gateway has brought along. */
async function register({ server, tenant, params, now }: DeviceCall): Promise<void> {
  await server.database.transaction(async (tx) => {
    const device = { controllerId: params.controllerId, securityToken: null };
    const options = {
      tenantId: tenant.id,
      createdBy: 'gateway',
      now,
      existing: 'keep',
      updateStatus: 'registered',
    } as const;
    const { created, events } = await createDevices(tx, [device], options);
    await server.events.append(tx, events);
    for (const { id } of created) server.lastSeen.polled(id, now);
  });
}

function linksFor(base: string, device: KnownDevice | undefined): NonNullable<DdiPoll['_links']> {
  const action = device?.openAction;
  return {
    ...(action?.status === 'canceling' && { cancelAction: { href: `${base}/cancelAction/${action.id}` } }),
    ...(action?.status === 'wait_for_confirmation' && {
      confirmationBase: { href: `${base}/confirmationBase/${action.id}` },
    }),
    ...(action !== undefined &&
      action.status !== 'canceling' &&
      action.status !== 'wait_for_confirmation' && { deploymentBase: { href: `${base}/deploymentBase/${action.id}` } }),
    ...(device?.installedActionId !== undefined && {
      installedBase: { href: `${base}/installedBase/${device.installedActionId}` },
    }),
    ...(device?.wantsAttributes !== false && { configData: { href: `${base}/configData` } }),
  };
}

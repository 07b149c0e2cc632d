import type { Transaction } from 'kysely';
import {
  DDI_MAX_ATTRIBUTES,
  DDI_MAX_BODY_BYTES,
  type DdiConfigData,
  ddiConfigData,
  ddiInstalledBase,
} from '../../wire/ddi.js';
import { recordInstalled } from '../actions/record-installed.js';
import { recordDeviceRelease } from '../catalog/record-device-release.js';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import { Answer, DEVICE, type RouteDefinition, route } from '../http/route.js';
import { notFound, ServerFailure } from '../http/server-failure.js';
import { DEVICE_PATH, deviceParams, knownDevice } from './device-call.js';

/** What a device tells about itself. */
export const configRoutes: readonly RouteDefinition[] = [
  route({
    method: 'PUT',
    path: `${DEVICE_PATH}/configData`,
    access: DEVICE,
    summary: 'Takes down attributes of a device.',
    params: deviceParams,
    body: { json: ddiConfigData, maxBytes: DDI_MAX_BODY_BYTES },
    answers: { 200: { description: 'They were taken down.' } },
    handle: async (call) => {
      const { server, tenant, body, now } = call;
      const { id } = knownDevice(call);
      await server.database.transaction(async (tx) => {
        await tx.updateTable('device').set({ wants_attributes: 0, updated_at: now }).where('id', '=', id).execute();
        const device = { tenantId: tenant.id, deviceId: id };
        await changeAttributes(tx, { ...device, change: body });
        // What it tells at once belongs together; older attributes may be of another release.
        if (body.mode !== 'remove') {
          await recordDeviceRelease(tx, { ...device, now }, new Map(Object.entries(body.data)));
        }
      });
      return new Answer(200);
    },
  }),
  route({
    method: 'PUT',
    path: `${DEVICE_PATH}/installedBase`,
    access: DEVICE,
    summary: 'Takes down which distribution set a device has without having got it from here.',
    params: deviceParams,
    body: { json: ddiInstalledBase, maxBytes: 4096 },
    answers: { 200: { description: 'It was taken down.' } },
    handle: async (call) => {
      const { server, tenant, principal, body, now } = call;
      const deviceIds = [knownDevice(call).id];
      await server.database.transaction(async (tx) => {
        const set = await tx
          .selectFrom('distribution_set')
          .select('id')
          .where('tenant_id', '=', tenant.id)
          .where('name', '=', body.name)
          .where('version', '=', body.version)
          .where('deleted_at', 'is', null)
          .executeTakeFirst();
        if (set === undefined) throw notFound('distribution set with this name and version');
        const actor = `device:${principal.controllerId}`;
        const { events } = await recordInstalled(tx, { tenantId: tenant.id, deviceIds, setId: set.id, actor, now });
        await server.events.append(tx, events);
      });
      return new Answer(200);
    },
  }),
];

/** @throws ServerFailure 429: the device would have more attributes than allowed */
async function changeAttributes(
  tx: Transaction<Schema>,
  { tenantId, deviceId, change: { mode, data } }: { tenantId: number; deviceId: number; change: DdiConfigData },
): Promise<void> {
  const names = Object.keys(data);
  const obsolete = tx.deleteFrom('device_attribute').where('device_id', '=', deviceId);
  if (mode === 'remove') {
    if (names.length > 0) await obsolete.where('name', 'in', names).execute();
    return;
  }
  if (mode === 'replace') await obsolete.execute();
  const rows = Object.entries(data).map(([name, value]) => ({ device_id: deviceId, tenant_id: tenantId, name, value }));
  for (const chunk of chunksOf(rows, 4)) {
    await tx
      .insertInto('device_attribute')
      .values(chunk)
      .onConflict((known) =>
        known.columns(['device_id', 'name']).doUpdateSet(({ ref }) => ({ value: ref('excluded.value') })),
      )
      .execute();
  }
  const { count } = await tx
    .selectFrom('device_attribute')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('device_id', '=', deviceId)
    .executeTakeFirstOrThrow();
  if (count <= DDI_MAX_ATTRIBUTES) return;
  throw new ServerFailure(
    429,
    'TOO_MANY_ATTRIBUTES',
    `the device would have ${count} attributes, at most ${DDI_MAX_ATTRIBUTES} are kept`,
  );
}

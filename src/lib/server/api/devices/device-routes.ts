import * as z from 'zod/mini';
import {
  bulkResult,
  type DeviceChange,
  device,
  deviceChange,
  deviceDetail,
  devicePage,
  MAX_DEVICES_BYTES,
  registered,
} from '../../../wire/devices.js';
import { audit } from '../../audit/audit.js';
import { changeDevices } from '../../devices/change-devices.js';
import { removeDevices } from '../../devices/remove-devices.js';
import { Answer, needs, type RouteDefinition, route } from '../../http/route.js';
import { bulkQuery, changeMany } from './change-many.js';
import { auditedDevices } from './device-audit.js';
import { listDevices, listQuery } from './list-devices.js';
import { deviceParams, withDevice } from './one-device.js';
import { flagQuery } from './query-flag.js';
import { DEVICE_TYPES, readDevices } from './read-devices.js';
import { register } from './register.js';
import { showDevice } from './show-device.js';

/** The registry of devices. */
export const deviceRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/devices',
    access: needs('devices:read'),
    summary: 'Lists devices, those that a filter in FIQL chooses, a page at a time.',
    query: listQuery,
    answers: { 200: { description: 'A page.', json: devicePage } },
    handle: (call) => listDevices(call, call.query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/devices/{controllerId}',
    access: needs('devices:read'),
    summary: 'Tells all about one device, with its newest actions.',
    params: deviceParams,
    answers: { 200: { description: 'The device.', json: deviceDetail } },
    handle: ({ server, tenant, params }) => showDevice(server.database.sql, tenant.id, params.controllerId),
  }),
  route({
    method: 'POST',
    path: '/api/v1/devices',
    access: needs('devices:write'),
    summary: 'Registers devices: one, an array of them, or one a line. Without `partial` all of them or none.',
    query: z.strictObject({
      /** Devices that are known are changed instead of being conflicts. */
      update: flagQuery,
      /** The others are made even if there are conflicts. */
      partial: flagQuery,
      dryRun: flagQuery,
    }),
    body: { stream: DEVICE_TYPES, maxBytes: MAX_DEVICES_BYTES },
    answers: {
      200: { description: 'No device was made; what would become of them, or was changed.', json: registered },
      201: { description: 'Devices were made.', json: registered },
    },
    async handle(call) {
      const result = await register(call, await readDevices(call.request.raw), call.query);
      return new Answer(result.created > 0 && !result.isDryRun ? 201 : 200, result);
    },
  }),
  route({
    method: 'PATCH',
    path: '/api/v1/devices/{controllerId}',
    access: needs('devices:write'),
    summary: 'Changes what operators say about a device.',
    params: deviceParams,
    body: { json: deviceChange },
    answers: { 200: { description: 'The device as it is now.', json: device } },
    async handle({ server, principal, tenant, params: { controllerId }, body, now }) {
      await withDevice(server, { tenantId: tenant.id, controllerId }, async (tx, chosen) => {
        const events = await changeDevices(tx, [chosen], body, {
          tenantId: tenant.id,
          changedBy: principal.name,
          now,
        });
        await audit(tx, {
          tenantId: tenant.id,
          actor: principal.name,
          action: 'device.changed',
          object: `device:${controllerId}`,
          detail: { change: withoutToken(body) },
          now,
        });
        return events;
      });
      const { actions: _, ...view } = await showDevice(server.database.sql, tenant.id, controllerId);
      return view;
    },
  }),
  route({
    method: 'PATCH',
    path: '/api/v1/devices',
    access: needs('devices:write'),
    summary: 'Changes the devices that a filter chooses, if they are as many as expected.',
    query: bulkQuery,
    body: { json: deviceChange },
    answers: { 200: { description: 'How many.', json: bulkResult } },
    handle: (call) =>
      changeMany(call, async (tx, devices) => {
        const { tenant, principal, body, now, query } = call;
        const events = await changeDevices(tx, devices, body, { tenantId: tenant.id, changedBy: principal.name, now });
        await audit(tx, {
          tenantId: tenant.id,
          actor: principal.name,
          action: 'devices.changed',
          object: `devices:${query.where}`,
          detail: { change: withoutToken(body), ...auditedDevices(devices.map(({ controllerId }) => controllerId)) },
          now,
        });
        return events;
      }),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/devices/{controllerId}',
    access: needs('devices:write'),
    summary: 'Forgets a device and its actions.',
    params: deviceParams,
    answers: { 204: { description: 'It is gone.' } },
    async handle({ server, principal, tenant, params: { controllerId }, now }) {
      await withDevice(server, { tenantId: tenant.id, controllerId }, async (tx, chosen) => {
        const events = await removeDevices(tx, [chosen], { tenantId: tenant.id, now });
        await audit(tx, {
          tenantId: tenant.id,
          actor: principal.name,
          action: 'device.removed',
          object: `device:${controllerId}`,
          detail: {},
          now,
        });
        return events;
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/devices',
    access: needs('devices:write'),
    summary: 'Forgets the devices that a filter chooses, if they are as many as expected.',
    query: bulkQuery,
    answers: { 200: { description: 'How many.', json: bulkResult } },
    handle: (call) =>
      changeMany(call, async (tx, devices) => {
        const { tenant, principal, now, query } = call;
        const events = await removeDevices(tx, devices, { tenantId: tenant.id, now });
        await audit(tx, {
          tenantId: tenant.id,
          actor: principal.name,
          action: 'devices.removed',
          object: `devices:${query.where}`,
          detail: auditedDevices(devices.map(({ controllerId }) => controllerId)),
          now,
        });
        return events;
      }),
  }),
];

/** What may be read by auditors. */
function withoutToken({ token, ...change }: DeviceChange): Omit<DeviceChange, 'token'> & { token?: 'changed' } {
  return { ...change, ...(token !== undefined && { token: 'changed' as const }) };
}

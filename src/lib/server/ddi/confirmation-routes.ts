import * as z from 'zod/mini';
import { DDI_MAX_BODY_BYTES, ddiConfirmation } from '../../wire/ddi.js';
import { setAutoConfirm } from '../actions/auto-confirm.js';
import { Answer, DEVICE, type RouteDefinition, route } from '../http/route.js';
import { deviceAction, moveDeviceAction, requireActive } from './device-action.js';
import { actionParams, DEVICE_PATH, deviceParams, deviceUrl, knownDevice } from './device-call.js';

const link = z.object({ href: z.string() });
const confirmationState = z.object({
  autoConfirm: z.object({ active: z.boolean() }),
  _links: z.record(z.string(), link),
});
/** hawkBit's; who it was is for the device to know. */
const initiator = z.object({
  initiator: z.optional(z.nullable(z.string().check(z.maxLength(64)))),
  remark: z.optional(z.nullable(z.string().check(z.maxLength(512)))),
});

/** Somebody at the device decides whether it updates. */
export const confirmationRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: `${DEVICE_PATH}/confirmationBase`,
    access: DEVICE,
    summary: 'Tells whether a device confirms by itself, and what waits to be confirmed.',
    params: deviceParams,
    answers: { 200: { description: 'The state, with links.', json: confirmationState } },
    handle: async (call) => {
      const { isAutoConfirmed, openAction } = knownDevice(call);
      const base = `${deviceUrl(call)}/confirmationBase`;
      const change = isAutoConfirmed ? 'deactivateAutoConfirm' : 'activateAutoConfirm';
      return {
        autoConfirm: { active: isAutoConfirmed },
        _links: {
          [change]: { href: `${base}/${change}` },
          ...(openAction?.status === 'wait_for_confirmation' && {
            confirmationBase: { href: `${base}/${openAction.id}` },
          }),
        },
      };
    },
  }),
  route({
    method: 'POST',
    path: `${DEVICE_PATH}/confirmationBase/{actionId}/feedback`,
    access: DEVICE,
    summary: 'Takes down whether a deployment may be installed.',
    params: actionParams,
    body: { json: ddiConfirmation, maxBytes: DDI_MAX_BODY_BYTES },
    answers: { 200: { description: 'It was taken down.' } },
    handle: async (call) => {
      requireActive(await deviceAction(call));
      const { confirmation, code, details = [] } = call.body;
      const said = confirmation === 'confirmed' ? 'The device confirmed it.' : 'The device denied it.';
      await moveDeviceAction(
        call,
        { kind: confirmation === 'confirmed' ? 'confirm' : 'deny' },
        { messages: [said, ...details], code, now: call.now },
      );
      return new Answer(200);
    },
  }),
  ...([true, false] as const).map((isActive) =>
    route({
      method: 'POST',
      path: `${DEVICE_PATH}/confirmationBase/${isActive ? 'activate' : 'deactivate'}AutoConfirm`,
      access: DEVICE,
      summary: isActive
        ? 'Lets a device confirm everything by itself, what waits already too.'
        : 'Lets a device wait for confirmations again.',
      params: deviceParams,
      body: { json: initiator, maxBytes: 4096, isOptional: true },
      answers: { 200: { description: 'It was taken down.' } },
      handle: async (call) => {
        const { server, tenant, principal, now } = call;
        const deviceId = knownDevice(call).id;
        await server.database.transaction(async (tx) => {
          const actor = `device:${principal.controllerId}`;
          const events = await setAutoConfirm(tx, { tenantId: tenant.id, deviceId, isActive, actor, now });
          await server.events.append(tx, events);
        });
        return new Answer(200);
      },
    }),
  ),
];

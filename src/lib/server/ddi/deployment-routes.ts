import * as z from 'zod/mini';
import { ddiConfirmationBase, ddiDeploymentBase } from '../../wire/ddi.js';
import { offerFor, type SetOffer } from '../artifacts/offers-for.js';
import { DEVICE, type RouteDefinition, route } from '../http/route.js';
import { notFound } from '../http/server-failure.js';
import { deploymentOf } from './deployment.js';
import { type DeviceAction, deviceAction, gone, moveDeviceAction, requireActive } from './device-action.js';
import {
  actionParams,
  DEVICE_PATH,
  type DeviceCall,
  type DeviceParams,
  deviceUrl,
  knownDevice,
} from './device-call.js';

/** Most messages of the history in one answer. */
const MAX_HISTORY = 50;

const historyQuery = z.object({
  /** hawkBit: so many of the latest messages, −1 for all. */
  actionHistory: z._default(
    z.pipe(z.string().check(z.regex(/^(-1|\d{1,4})$/, 'expected a number')), z.transform(Number)),
    0,
  ),
});

type ActionCall = DeviceCall<DeviceParams & { actionId: number }>;

/** What a device is to install, waits to be allowed to install, or has installed. */
export const deploymentRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: `${DEVICE_PATH}/deploymentBase/{actionId}`,
    access: DEVICE,
    summary: 'Tells a device what to download and to install.',
    params: actionParams,
    query: historyQuery,
    answers: { 200: { description: 'The deployment.', json: ddiDeploymentBase } },
    handle: async (call) => {
      const action = await offeredAction(call);
      if (action.status === 'wait_for_confirmation')
        throw notFound(`deployment ${action.id}: it waits for a confirmation`);
      const offer = await servedOffer(call, action);
      if (action.deviceReportedAt === null) {
        await moveDeviceAction(
          call,
          { kind: 'retrieve' },
          { messages: ['The device has read it.', ...offer.messages], now: call.now },
        );
      }
      return {
        id: String(action.id),
        deployment: deploymentOf(action, offer, { base: deviceUrl(call), now: call.now }),
        ...(await historyOf(call, action, call.query.actionHistory)),
      };
    },
  }),
  route({
    method: 'GET',
    path: `${DEVICE_PATH}/confirmationBase/{actionId}`,
    access: DEVICE,
    summary: 'Tells a device what it would install once somebody has confirmed it.',
    params: actionParams,
    query: historyQuery,
    answers: { 200: { description: 'The deployment that waits.', json: ddiConfirmationBase } },
    handle: async (call) => {
      const action = await offeredAction(call);
      if (action.status !== 'wait_for_confirmation') throw notFound(`confirmation to wait for in action ${action.id}`);
      const offer = await servedOffer(call, action);
      return {
        id: String(action.id),
        confirmation: deploymentOf(action, offer, { base: deviceUrl(call), now: call.now }),
        ...(await historyOf(call, action, call.query.actionHistory)),
      };
    },
  }),
  route({
    method: 'GET',
    path: `${DEVICE_PATH}/installedBase/{actionId}`,
    access: DEVICE,
    summary: 'Tells a device what it has installed.',
    params: actionParams,
    query: historyQuery,
    answers: { 200: { description: 'The deployment that it ended well.', json: ddiDeploymentBase } },
    handle: async (call) => {
      const action = await deviceAction(call);
      if (action.status !== 'finished') throw notFound(`installed deployment ${action.id}`);
      const offer = await offerOf(call, action);
      return {
        id: String(action.id),
        deployment: deploymentOf(action, offer, { base: deviceUrl(call), now: call.now }),
        ...(await historyOf(call, action, call.query.actionHistory)),
      };
    },
  }),
];

async function offeredAction(call: ActionCall): Promise<DeviceAction> {
  const action = await deviceAction(call);
  requireActive(action);
  if (action.status === 'canceling') throw notFound(`deployment ${action.id} any more: it is being cancelled`);
  if (action.isWithdrawn) throw gone(`what action ${action.id} would install was withdrawn`);
  return action;
}

/** Ends the action where the package has nothing for this device, in words for the operator. */
async function servedOffer(call: ActionCall, action: DeviceAction): Promise<SetOffer> {
  const offer = await offerOf(call, action);
  if (offer.failure === undefined) return offer;
  await moveDeviceAction(call, { kind: 'fail' }, { messages: [offer.failure], now: call.now });
  throw gone(offer.failure);
}

function offerOf(call: ActionCall, { setId }: DeviceAction): Promise<SetOffer> {
  const ids = { tenantId: call.tenant.id, deviceId: knownDevice(call).id, setId };
  return offerFor(call.server.database.sql, ids);
}

async function historyOf({ server }: ActionCall, { id, status }: DeviceAction, wanted: number) {
  if (wanted === 0) return {};
  const rows = await server.database.sql
    .selectFrom('action_status')
    .select('messages')
    .where('action_id', '=', id)
    .orderBy('id', 'desc')
    .limit(wanted < 0 ? MAX_HISTORY : Math.min(wanted, MAX_HISTORY))
    .execute();
  const messages = rows.flatMap((row) => JSON.parse(row.messages) as string[]);
  return { actionHistory: { status: status.toUpperCase(), messages } };
}

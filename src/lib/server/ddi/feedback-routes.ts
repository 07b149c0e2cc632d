import { DDI_MAX_BODY_BYTES, type DdiFeedback, ddiCancelAction, ddiFeedback, ddiTimeMs } from '../../wire/ddi.js';
import type { Report } from '../actions/move-action.js';
import { Answer, DEVICE, type RouteDefinition, route } from '../http/route.js';
import { notFound } from '../http/server-failure.js';
import { deviceAction, moveDeviceAction, requireActive } from './device-action.js';
import { actionParams, DEVICE_PATH } from './device-call.js';

const feedbackBody = { json: ddiFeedback, maxBytes: DDI_MAX_BODY_BYTES } as const;
const taken = { 200: { description: 'It was taken down.' } } as const;

/** What devices report of their actions. */
export const feedbackRoutes: readonly RouteDefinition[] = [
  route({
    method: 'POST',
    path: `${DEVICE_PATH}/deploymentBase/{actionId}/feedback`,
    access: DEVICE,
    summary: 'Takes down how a deployment goes; `closed` ends it.',
    params: actionParams,
    body: feedbackBody,
    answers: taken,
    handle: (call) => takeFeedback('report', call),
  }),
  route({
    method: 'GET',
    path: `${DEVICE_PATH}/cancelAction/{actionId}`,
    access: DEVICE,
    summary: 'Tells a device which action to let go of.',
    params: actionParams,
    answers: { 200: { description: 'The action.', json: ddiCancelAction } },
    handle: async (call) => {
      const action = await deviceAction(call);
      requireActive(action);
      if (action.status !== 'canceling') throw notFound(`wish to cancel action ${action.id}`);
      return { id: String(action.id), cancelAction: { stopId: String(action.id) } };
    },
  }),
  route({
    method: 'POST',
    path: `${DEVICE_PATH}/cancelAction/{actionId}/feedback`,
    access: DEVICE,
    summary: 'Takes down what a device makes of the wish to cancel.',
    params: actionParams,
    body: feedbackBody,
    answers: taken,
    handle: (call) => takeFeedback('answer-cancel', call),
  }),
];

async function takeFeedback(
  kind: 'report' | 'answer-cancel',
  call: Parameters<typeof moveDeviceAction>[0] & Parameters<typeof deviceAction>[0] & { readonly body: DdiFeedback },
): Promise<Answer> {
  requireActive(await deviceAction(call));
  const { execution, result } = call.body.status;
  await moveDeviceAction(call, { kind, execution, finished: result.finished }, reportOf(call.body, call.now));
  return new Answer(200);
}

function reportOf(feedback: DdiFeedback, now: number): Report {
  const { execution, result, code, details = [] } = feedback.status;
  const { cnt, of } = result.progress ?? {};
  const progress = cnt === undefined ? '' : ` (${cnt}${of === undefined ? '' : ` of ${of}`})`;
  const messages = details.length > 0 ? details : [`The device reports ${execution}${progress}.`];
  return { messages, code, occurredAt: ddiTimeMs(feedback), now };
}

import { OtaError } from '../../core/errors.js';
import type { RolloutAnswer } from '../../wire/management-answers.js';
import type { DeviceOutcome, PortionProgress, ProgressOptions } from '../driver.js';
import { type HawkbitServer, isRefusedAs } from './hawkbit-server.js';
import { countOf } from './pages.js';
import { type PortionAction, portionActions, taggedNames } from './portion-actions.js';
import { isRollout, type PortionRef, type RolloutRef } from './portion-ref.js';
import { ROLLOUTS, readRollout } from './rollouts.js';
import { countStuck, stuckAmong } from './silence.js';
import { markOf } from './tags.js';

const NOTHING: Readonly<Record<DeviceOutcome, number>> = {
  ...{ waiting: 0, running: 0, stuck: 0, installed: 0, failed: 0, canceled: 0, already: 0, gone: 0 },
};

const NONE_TOLD = { running: 0, finished: 0, error: 0, cancelled: 0 };

/** How a portion goes. @throws OtaError NOT_FOUND: the server has forgotten it */
export function progressOf(
  server: HawkbitServer,
  ref: PortionRef,
  options: ProgressOptions,
  signal?: AbortSignal,
): Promise<PortionProgress> {
  return isRollout(ref) ? rolloutProgress(server, ref, options, signal) : windowProgress(server, ref, options, signal);
}

/** However many devices it has, a few requests: the server counts. */
async function rolloutProgress(
  server: HawkbitServer,
  ref: RolloutRef,
  options: ProgressOptions,
  signal?: AbortSignal,
): Promise<PortionProgress> {
  const { client } = server;
  const { rollout: of, devices: total } = ref;
  const rollout = await readRollout(client, of.id, signal);
  const told = rollout.totalTargetsPerStatus ?? NONE_TOLD;
  const status = await statusOf(server, ref, rollout, told.running, signal);
  if (status === 'preparing') return { status, total, counts: { ...NOTHING, waiting: total } };
  // hawkBit's figures go on counting devices that were deleted, as if they had not begun.
  const group = `${ROLLOUTS}/${of.id}/deploygroups/${of.group}/targets`;
  const gone = Math.max(0, total - (await countOf(client, group, { signal })));
  const already = Math.min(rollout.alreadyAssigned ?? ref.already, told.finished);
  const stuck = told.running === 0 ? 0 : Math.min(told.running, await countStuck(server, ref, options, signal));
  const counts = {
    ...{ ...NOTHING, stuck, already, gone, running: told.running - stuck },
    ...{ installed: told.finished - already, failed: told.error, canceled: told.cancelled },
  };
  return { status, total, counts: withWaiting(counts, ref) };
}

/**
 * Whatever is left waits. The figures and the devices were asked for one after the other: a device that went in between
 * stands in both, and is counted once.
 */
function withWaiting(
  counts: Record<DeviceOutcome, number>,
  { name, devices: total }: PortionRef,
): Record<DeviceOutcome, number> {
  const begun = Object.values(counts).reduce((sum, count) => sum + count, 0) - counts.waiting - counts.gone;
  if (begun > total) {
    throw new OtaError('HTTP_STATUS', `the server tells of ${begun} devices of ${name}, which is for ${total}`, [
      'Look at the rollout at the server: somebody else may have changed it.',
    ]);
  }
  const gone = Math.min(counts.gone, total - begun);
  return { ...counts, gone, waiting: total - begun - gone };
}

async function statusOf(
  { client }: HawkbitServer,
  { tag }: PortionRef,
  { status }: RolloutAnswer,
  running: number,
  signal?: AbortSignal,
): Promise<PortionProgress['status']> {
  switch (status) {
    case 'finished':
      // After a pause above its error threshold, hawkBit calls it so while devices are still on their way.
      return running > 0 ? 'running' : 'finished';
    case 'stopped':
    case 'approval_denied':
      return 'stopped';
    case 'starting':
    case 'running':
    case 'stopping':
      return 'running';
  }
  const mark = await markOf(client, tag, signal).catch((error: unknown) => {
    if (isRefusedAs(error, 'NOT_FOUND')) return undefined;
    throw error;
  });
  if (mark === 'stopped') return 'stopped';
  if (status === 'paused') return 'paused';
  return status === 'ready' ? 'prepared' : 'preparing';
}

async function windowProgress(
  server: HawkbitServer,
  ref: PortionRef,
  options: ProgressOptions,
  signal?: AbortSignal,
): Promise<PortionProgress> {
  const mark = await markOf(server.client, ref.tag, signal);
  const devices = await taggedNames(server, ref, signal);
  const actions = await newestActions(server, ref, signal);
  const stuck = await stuckAmong(server, actions, options, signal);
  const total = ref.devices;
  const without = devices.size - actions.length;
  const counts = { ...NOTHING, gone: Math.max(0, total - devices.size), stuck: stuck.size };
  for (const { id, state } of actions) {
    if (!stuck.has(id)) counts[state === 'active' ? 'running' : state] += 1;
  }
  counts[mark === 'started' ? 'already' : 'waiting'] += without;
  const isOver = mark === 'started' && counts.waiting + counts.running + counts.stuck === 0;
  const begun = mark === undefined && actions.length === 0 ? 'prepared' : 'running';
  return { status: mark === 'stopped' ? 'stopped' : isOver ? 'finished' : begun, total, counts };
}

/** Of each device the newest one: it may have been given the same again by somebody else. */
export async function newestActions(
  server: HawkbitServer,
  ref: PortionRef,
  signal?: AbortSignal,
): Promise<PortionAction[]> {
  const newest = new Map<string, PortionAction>();
  for await (const page of portionActions(server, ref, { signal })) {
    for (const action of page) {
      if ((newest.get(action.device)?.id ?? -1) < action.id) newest.set(action.device, action);
    }
  }
  return [...newest.values()];
}

import { OtaError } from '../../core/errors.js';
import { rolloutAnswer } from '../../wire/management-answers.js';
import { eachOf } from './each-of.js';
import { type HawkbitServer, isRefusedAs } from './hawkbit-server.js';
import { pagesOf } from './pages.js';
import { type PortionAction, portionActions } from './portion-actions.js';
import { isRollout, type PortionRef } from './portion-ref.js';
import { doToRollout, ROLLOUTS, readRollout } from './rollouts.js';
import { markTag } from './tags.js';

const AT_ONCE = 4;
/** A rollout is `starting` until the server's scheduler comes by: every 2 s. */
const STARTING_TRIES = 30;
const STARTING_WAIT_MS = 1_000;

/** Gives it to no further device, and asks those that have not finished to let go of it. */
export async function stopPortion(server: HawkbitServer, ref: PortionRef, signal?: AbortSignal): Promise<void> {
  const { client } = server;
  if (isRollout(ref)) {
    if (await stopRollout(server, ref.rollout.id, signal)) return;
  }
  // Before it is cancelled: whoever asks meanwhile does not take it for running.
  await markTag(client, { id: ref.tag, name: ref.name }, 'stopped', signal).catch((error: unknown) => {
    if (!isRollout(ref) || !isRefusedAs(error, 'NOT_FOUND')) throw error;
  });
  await cancelActive(server, ref, signal);
}

/**
 * @returns whether the server does all of it; otherwise it gives no further device anything, and actions are left to be
 *   cancelled one by one
 */
async function stopRollout(server: HawkbitServer, id: number, signal?: AbortSignal): Promise<boolean> {
  const { client } = server;
  const { status } = await readRollout(client, id, signal);
  if (status === 'stopping' || status === 'stopped') return true;
  if (status !== 'finished') {
    try {
      await doToRollout(client, id, 'stop', signal);
      return true;
    } catch (error) {
      // Before 0.10 there is no `stop`, and later it is not allowed in each state.
      if (!isRefusedAs(error, 'NOT_FOUND', 'USAGE', 'CONFLICT')) throw error;
    }
  }
  return pauseInstead(server, id, signal);
}

async function pauseInstead({ client, pacing }: HawkbitServer, id: number, signal?: AbortSignal): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    const { status, name } = await readRollout(client, id, signal);
    if (status === 'stopping' || status === 'stopped') return true;
    if (status !== 'starting' && status !== 'running') return false;
    try {
      if (status === 'running') {
        await doToRollout(client, id, 'pause', signal);
        return false;
      }
    } catch (error) {
      if (!isRefusedAs(error, 'USAGE', 'CONFLICT')) throw error;
    }
    if (tries === STARTING_TRIES) {
      throw new OtaError('CONFLICT', `the rollout ${name} stays ${status} and cannot be paused`, [
        'Ask again; if it stays, delete the rollout at the server.',
      ]);
    }
    await pacing.delay(STARTING_WAIT_MS, signal);
  }
}

async function cancelActive(server: HawkbitServer, ref: PortionRef, signal?: AbortSignal): Promise<void> {
  // All of them first: what is cancelled falls out of the list, and its pages would move.
  const active: PortionAction[] = [];
  for await (const page of portionActions(server, ref, { choice: 'active', signal })) active.push(...page);
  await eachOf(active, AT_ONCE, async ({ id, device }) => {
    const path = `/rest/v1/targets/${encodeURIComponent(device)}/actions/${id}`;
    await server.client.call('DELETE', path, { signal }).catch((error: unknown) => {
      // Gone, ended meanwhile, or being cancelled already.
      if (!isRefusedAs(error, 'NOT_FOUND', 'USAGE', 'CONFLICT')) throw error;
    });
  });
}

const UNDER_WAY: ReadonlySet<string> = new Set([
  ...['creating', 'waiting_for_approval', 'ready', 'starting', 'running', 'paused'],
]);

/**
 * Stops every rollout, also where some of them cannot be stopped.
 *
 * @returns their names
 * @throws OtaError what the first one failed with that could not be stopped, when all others are
 */
export async function stopAllRollouts(server: HawkbitServer, signal?: AbortSignal): Promise<string[]> {
  const { client } = server;
  const found: { id: number; name: string }[] = [];
  for await (const page of pagesOf(client, ROLLOUTS, rolloutAnswer, {
    sort: 'id:ASC',
    signal,
    keyOf: ({ id }) => id,
  })) {
    found.push(...page.filter(({ status }) => UNDER_WAY.has(status.toLowerCase())));
  }
  const names: string[] = [];
  let failure: { readonly error: unknown } | undefined;
  await eachOf(found, AT_ONCE, async ({ id, name }) => {
    try {
      if (!(await stopRollout(server, id, signal))) await cancelActive(server, bareRef(id, name), signal);
      names.push(name);
    } catch (error) {
      if (!isRefusedAs(error, 'NOT_FOUND')) failure ??= { error };
    }
  });
  if (failure !== undefined) throw failure.error;
  return names.sort();
}

/** Of a rollout that may be anybody's. */
function bareRef(id: number, name: string): PortionRef {
  return { name, tag: 0, set: 0, devices: 0, already: 0, rollout: { id, group: 0 } };
}

import type { DeviceOutcome, OutcomeEntry, ProgressOptions } from '../driver.js';
import { eachOf } from './each-of.js';
import type { HawkbitServer } from './hawkbit-server.js';
import { targetNames } from './pages.js';
import { type ActionChoice, type PortionAction, portionActions, taggedNames } from './portion-actions.js';
import { isRollout, type PortionRef } from './portion-ref.js';
import { alreadyTag } from './prepare-portion.js';
import { newestActions } from './progress.js';
import { ROLLOUTS, readRollout } from './rollouts.js';
import { lastReport, stuckAmong } from './silence.js';
import { findTag, markOf, taggedDevices } from './tags.js';

/** Messages are asked for one by one: whoever has seen enough lets it be. */
const CHUNK = 50;
const AT_ONCE = 8;

const CHOICE: Partial<Record<DeviceOutcome, ActionChoice>> = {
  running: 'active',
  stuck: 'active',
  installed: 'FINISHED',
  failed: 'ERROR',
  canceled: 'CANCELED',
};

/** The devices of an outcome. Of `gone` nobody knows the names any more: it is none. */
export async function* outcomesOf(
  server: HawkbitServer,
  ref: PortionRef,
  outcome: DeviceOutcome,
  options: ProgressOptions,
  signal?: AbortSignal,
): AsyncGenerator<OutcomeEntry[]> {
  const choice = CHOICE[outcome];
  if (choice === undefined) {
    const names = outcome === 'gone' ? [] : await withoutAction(server, ref, outcome === 'already', signal);
    for (let from = 0; from < names.length; from += CHUNK) {
      yield names.slice(from, from + CHUNK).map((device) => ({ device, message: '' }));
    }
    return;
  }
  const already = outcome === 'installed' ? await alreadyNames(server, ref, signal) : NOBODY;
  for await (const page of actionPages(server, ref, choice, signal)) {
    const stuck = choice === 'active' ? await stuckAmong(server, page, options, signal) : undefined;
    const chosen = page.filter((action) => isOf(outcome, action, stuck) && !already.has(action.device));
    for (let from = 0; from < chosen.length; from += CHUNK) {
      yield await withMessages(server, chosen.slice(from, from + CHUNK), signal);
    }
  }
}

const NOBODY: ReadonlySet<string> = new Set();

function isOf(outcome: DeviceOutcome, { id, state }: PortionAction, stuck: ReadonlySet<number> | undefined): boolean {
  if (stuck === undefined) return state === outcome;
  return state === 'active' && stuck.has(id) === (outcome === 'stuck');
}

/** Of a rollout each device has one action, which its server chooses; of others the newest one counts. */
async function* actionPages(
  server: HawkbitServer,
  ref: PortionRef,
  choice: ActionChoice,
  signal?: AbortSignal,
): AsyncGenerator<PortionAction[]> {
  if (isRollout(ref)) yield* portionActions(server, ref, { choice, signal });
  else yield await newestActions(server, ref, signal);
}

async function withMessages(
  server: HawkbitServer,
  actions: readonly PortionAction[],
  signal?: AbortSignal,
): Promise<OutcomeEntry[]> {
  const entries: OutcomeEntry[] = [];
  await eachOf(actions, AT_ONCE, async (action) => {
    const { message } = await lastReport(server, action, signal);
    entries.push({ device: action.device, message });
  });
  return entries;
}

/** Devices that were given nothing: because they had it, or because they have not been given it yet. */
async function withoutAction(
  server: HawkbitServer,
  ref: PortionRef,
  wantsAlready: boolean,
  signal?: AbortSignal,
): Promise<string[]> {
  const tagged = await alreadyNames(server, ref, signal);
  if (tagged.size > 0 && wantsAlready) return [...tagged];
  const given = new Set<string>();
  for await (const page of portionActions(server, ref, { signal })) {
    for (const { device, state } of page) if (state !== 'waiting') given.add(device);
  }
  if ((await hasGivenAll(server, ref, signal)) !== wantsAlready) return [];
  const names: string[] = [];
  for await (const page of membersOf(server, ref, signal)) names.push(...page.filter((name) => !given.has(name)));
  return names;
}

async function* membersOf(server: HawkbitServer, ref: PortionRef, signal?: AbortSignal): AsyncGenerator<string[]> {
  if (!isRollout(ref)) {
    yield [...(await taggedNames(server, ref, signal))];
    return;
  }
  const { id, group } = ref.rollout;
  yield* targetNames(server.client, `${ROLLOUTS}/${id}/deploygroups/${group}/targets`, { signal });
}

/** While devices are being given it, who waits and who had it cannot be told apart: then they wait. */
async function hasGivenAll({ client }: HawkbitServer, ref: PortionRef, signal?: AbortSignal): Promise<boolean> {
  if (!isRollout(ref)) return (await markOf(client, ref.tag, signal)) === 'started';
  const { totalTargetsPerStatus: told } = await readRollout(client, ref.rollout.id, signal);
  return told != null && told.scheduled + told.notstarted === 0;
}

async function alreadyNames(
  { client }: HawkbitServer,
  ref: PortionRef,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const tag = ref.already === 0 ? undefined : await findTag(client, alreadyTag(ref.name), signal);
  const names = new Set<string>();
  if (tag === undefined) return names;
  for await (const page of targetNames(client, taggedDevices(tag.id), { signal }))
    for (const name of page) names.add(name);
  return names;
}

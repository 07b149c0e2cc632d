import { clipText } from '../core/text.js';
import type { DeviceOutcome, FleetDriver } from '../fleet-api/driver.js';
import type { FailedDevice } from '../rollout/campaign-event.js';
import type { CampaignState, PortionState } from '../rollout/campaign-state.js';
import type { StageFigures } from '../rollout/observation.js';
import type { RolloutPlan } from '../rollout/plan.js';
import type { ReturnCandidates } from '../rollout/plan-return.js';
import { badDevices } from '../rollout/state-changes.js';
import { devicesNow, type HasNow } from './devices-now.js';

/** Who failed is named up to here; the others are counted. */
const MAX_NAMED = 10_000;

/** All that asking for devices takes. */
export interface DeviceQuestion {
  readonly plan: RolloutPlan;
  readonly state: CampaignState;
  readonly driver: FleetDriver;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Names of a portion's devices, in the order of the plan. */
export function namesIn(plan: RolloutPlan, { stage, range, devices }: PortionState): readonly string[] {
  return range === null ? devices! : plan.stages[stage!]!.devices.slice(...range).map(([name]) => name);
}

/** A device on its way that tells nothing for so long is stuck, milliseconds; Infinity: never. */
export function silentForMs(plan: RolloutPlan, stage: number | null): number {
  const stages = stage === null ? plan.stages : [plan.stages[stage]!];
  const limits = stages
    .flatMap(({ gates }) => gates.filter((gate) => gate.type === 'stuck'))
    .map((gate) => gate.afterSeconds);
  if (stage !== null) return limits.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...limits) * 1_000;
  // Nobody waits for ever for devices to go back.
  return (limits.length === 0 ? 86_400 : Math.max(...limits)) * 1_000;
}

/** Devices of a stage (null: that went back) that have not made it, by their last attempt. */
export async function failuresOf(
  question: DeviceQuestion,
  stage: number | null,
  figures: StageFigures,
): Promise<{ devices: FailedDevice[]; more: number }> {
  const isOurDoing = question.state.phase === 'aborting' || question.state.phase === 'rolling-back';
  const outcomes =
    isOurDoing && stage !== null ? (['failed', 'stuck'] as const) : (['failed', 'stuck', 'canceled'] as const);
  // What we have asked to let go of it has not failed.
  const bad = badDevices(figures) - (outcomes.length === 2 ? figures.canceled : 0);
  const devices: FailedDevice[] = [];
  for (const outcome of outcomes) {
    for await (const { device, message } of lastAttempts(question, stage, outcome)) {
      if (devices.length === MAX_NAMED) break;
      devices.push({ device, outcome, message: clipText(message, 1_000) });
    }
  }
  return { devices, more: Math.max(0, bad - devices.length) };
}

/** Devices of a stage that have ended without the update and can be tried again. */
export async function endedBadly(question: DeviceQuestion): Promise<{ failed: string[]; canceled: string[] }> {
  const names = async (outcome: DeviceOutcome) => {
    const found: string[] = [];
    for await (const { device } of lastAttempts(question, question.state.stage, outcome)) found.push(device);
    return found.sort();
  };
  return { failed: await names('failed'), canceled: await names('canceled') };
}

/** Who has the update or may have it, and of whom nobody knows. */
export async function returnCandidates(question: DeviceQuestion): Promise<ReturnCandidates> {
  const { plan, state } = question;
  const having = new Set<string>();
  const installed = new Set<string>();
  const unreachable = new Map<string, string>();
  for (const portion of state.portions.filter(({ stage }) => stage !== null)) {
    if (portion.status === 'lost') {
      const reason = `what became of it is not known: the server has lost ${portion.name}`;
      for (const name of namesIn(plan, portion)) unreachable.set(name, reason);
    } else {
      for (const outcome of ['installed', 'running', 'stuck'] as const) {
        for await (const { device } of outcomesIn(question, portion, outcome)) {
          having.add(device);
          if (outcome === 'installed') installed.add(device);
        }
      }
    }
  }
  for (const device of having) unreachable.delete(device);
  // Those that an earlier attempt has brought back.
  for (const portion of state.portions.filter(({ stage, status }) => stage === null && status !== 'lost')) {
    for (const outcome of ['installed', 'already'] as const) {
      for await (const { device } of outcomesIn(question, portion, outcome)) having.delete(device);
    }
  }
  return asOfNow({ having, installed, unreachable }, await devicesNow(question));
}

/**
 * Attack: somebody has given devices something newer meanwhile, a mend of this very update perhaps, and they would be asked
 * to go back to before both.
 */
function asOfNow(
  {
    having,
    installed,
    unreachable,
  }: { having: Set<string>; installed: ReadonlySet<string>; unreachable: Map<string, string> },
  now: ReadonlyMap<string, HasNow>,
): ReturnCandidates {
  const elsewhere: string[] = [];
  for (const [device, has] of now) {
    if (has === 'update' && unreachable.delete(device)) having.add(device);
    if (has === 'previous') unreachable.delete(device);
    if (has === 'previous' && installed.has(device)) having.delete(device);
    if (has !== 'other' || !having.delete(device)) continue;
    if (installed.has(device)) elsewhere.push(device);
    else unreachable.set(device, 'it was on its way to the update, and has software that the plan knows nothing of');
  }
  return { having, unreachable, elsewhere: elsewhere.sort() };
}

async function* lastAttempts(question: DeviceQuestion, stage: number | null, outcome: DeviceOutcome) {
  const { plan, state } = question;
  const before = stage === null ? state.rollback!.before : 0;
  const portions = state.portions.filter((portion) => portion.stage === stage).slice(before);
  const later = new Set<string>(state.stages[stage ?? -1]?.retryDevices ?? []);
  for (const portion of portions.toReversed()) {
    if (portion.status !== 'lost') {
      for await (const entry of outcomesIn(question, portion, outcome)) if (!later.has(entry.device)) yield entry;
      if (outcome === 'failed' && stage !== null && portion.range === null) {
        const message = 'tried again, the server gave it nothing: it says that the device had the update already';
        for await (const { device } of outcomesIn(question, portion, 'already')) {
          if (!later.has(device)) yield { device, message };
        }
      }
    }
    if (portion.range === null) for (const name of namesIn(plan, portion)) later.add(name);
  }
}

/** Only devices that the portion was made for: a server that tells of others is not believed. */
async function* outcomesIn(question: DeviceQuestion, portion: PortionState, outcome: DeviceOutcome) {
  const { plan, driver, now, signal } = question;
  if (portion.ref === null) return;
  const left = new Set(namesIn(plan, portion));
  const options = { silentForMs: silentForMs(plan, portion.stage), now };
  for await (const page of driver.outcomes(portion.ref, outcome, options, signal)) {
    for (const entry of page) if (left.delete(entry.device)) yield entry;
  }
}

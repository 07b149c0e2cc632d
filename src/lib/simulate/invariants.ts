import { hash } from 'node:crypto';
import type { Content } from './content.js';
import type { DiskState } from './disk.js';
import type { Experiment, KnownRelease } from './experiment.js';
import type { Memory } from './life.js';
import type { StepRun } from './run-step.js';
import type { Phase } from './scenario.js';
import type { BootOutcome, DeviceFacts } from './updater.js';

/** Every promise that the explorer holds an updater to. */
export const INVARIANTS = {
  'boots-whole-image': 'a whole image boots, by its hash',
  'old-or-new': 'all components are of the old release or all of the new one',
  'confirmed-by-request': 'a release stays only after somebody has confirmed it',
  'success-lasts': 'what a command reported as done outlives a power cut',
  'state-readable': 'the device can tell its state',
  'counter-after-confirm': 'the stored security counter is that of a confirmed release',
  'reverted-once': 'a release that is given up is given up once',
  'not-given-up': 'a release is given up only after all its attempts',
  'reported-once': 'the event log has every commit once',
  're-apply': 'commands succeed where no fault is in their way',
  'clean-failure': 'a command that meets a fault says so',
  stable: 'the device settles within a few boots',
} as const;

export type Invariant = keyof typeof INVARIANTS;

/** A promise that was broken. */
export interface Broken {
  invariant: Invariant;
  /** One sentence: what happened, against what must. */
  message: string;
}

/** Which release booted: by the bytes that were started, not by what the updater says. */
export function bootedRelease(
  { old, new: next }: Experiment,
  state: DiskState,
  { images, release }: BootOutcome,
): 'old' | 'new' | Broken {
  const hashes = Object.entries(images).map(([component, { file, size }]) => {
    const content = state.contents.get(state.names.get(file) ?? -1);
    return { component, file, sha256: content === undefined ? 'nothing' : imageHash(content, size) };
  });
  const stranger = hashes.find(({ component, sha256 }) => {
    return old.images[component] !== sha256 && next.images[component] !== sha256;
  });
  if (stranger !== undefined) {
    const { file, sha256 } = stranger;
    return broken('boots-whole-image', `${file} was booted, its SHA-256 is ${sha256}, which is neither image`);
  }
  const isSet = (known: KnownRelease) =>
    hashes.length === Object.keys(known.images).length &&
    hashes.every(({ component, sha256 }) => known.images[component] === sha256);
  // Both where an update changes nothing but its metadata.
  const fits = [old, next].filter(isSet);
  const named = fits.find(({ digest }) => digest === release);
  if (named !== undefined) return named === old ? 'old' : 'new';
  const mixture = hashes.map(
    ({ component, sha256 }) => `${component} ${old.images[component] === sha256 ? 'old' : 'new'}`,
  );
  return broken('old-or-new', `booted ${mixture.join(', ')} as release ${release.slice(0, 8)}`);
}

/** Holds a boot against what was there before it. */
export function brokenByBoot(
  experiment: Experiment,
  phase: Phase,
  memory: Memory,
  run: StepRun & { outcome: BootOutcome },
  booted: 'old' | 'new',
): Broken | undefined {
  const { facts, outcome } = run;
  if (facts === undefined || facts instanceof Error)
    return broken('state-readable', facts?.message ?? 'it says nothing');
  return (
    brokenConfirmation(experiment, phase, memory, booted, outcome, facts) ??
    brokenPromise(experiment, phase, memory, run, booted) ??
    brokenCounter(experiment, memory, facts) ??
    (memory.harmed === 'control' || memory.logGaps
      ? undefined
      : (brokenLog(facts) ?? brokenTrial(experiment, memory, facts)))
  );
}

function brokenConfirmation(
  { old, new: next }: Experiment,
  { goal }: Phase,
  { confirmAsked, harmed }: Memory,
  booted: 'old' | 'new',
  { onTrial }: BootOutcome,
  { confirmed }: DeviceFacts,
): Broken | undefined {
  if (confirmed !== old.digest && confirmed !== next.digest) {
    return broken('state-readable', `release ${confirmed} is said to be confirmed, which nobody knows`);
  }
  // The release that a phase starts from may stay; the other one must be asked for.
  const needsRequest = goal === 'rolled-back' ? 'old' : 'new';
  const stays = booted === needsRequest && !onTrial;
  if (harmed !== undefined || confirmAsked || !stays) return undefined;
  return broken('confirmed-by-request', `the ${booted} release runs for good although nobody has confirmed it`);
}

function brokenPromise(
  experiment: Experiment,
  { goal }: Phase,
  { promised, harmed }: Memory,
  { ran, outcome }: StepRun & { outcome: BootOutcome },
  booted: 'old' | 'new',
): Broken | undefined {
  if (promised === undefined || isExcused({ promised, harmed })) return undefined;
  const wanted = goal === 'rolled-back' ? 'old' : 'new';
  const digest = experiment[wanted].digest;
  if (promised === 'confirm') {
    if (booted === wanted && !outcome.onTrial) return undefined;
    const state = outcome.onTrial ? 'on trial' : 'confirmed';
    return broken('success-lasts', `confirm had succeeded, but the ${booted} release boots, ${state}`);
  }
  if (ran.includes(digest)) return undefined;
  return broken('success-lasts', `${promised} had succeeded, but the ${wanted} release was not started`);
}

/** Whether damage may have taken back what was reported as done. A confirmation stands in both boot control copies. */
function isExcused({ promised, harmed }: Pick<Memory, 'promised' | 'harmed'>): boolean {
  return harmed !== undefined && !(promised === 'confirm' && harmed === 'control');
}

function brokenCounter(
  { old, new: next }: Experiment,
  { promised, harmed }: Memory,
  { confirmed, securityCounter }: DeviceFacts,
): Broken | undefined {
  // What was reached once stays, also when an older release is confirmed again.
  const known = confirmed === next.digest ? next : old;
  if (securityCounter > known.securityCounter) {
    return broken(
      'counter-after-confirm',
      `counter ${securityCounter} is stored, the confirmed release ${known.version} has ${known.securityCounter}`,
    );
  }
  if (promised === 'confirm' && !isExcused({ promised, harmed }) && securityCounter < known.securityCounter) {
    return broken(
      'counter-after-confirm',
      `counter ${securityCounter} is stored, release ${known.version} with ${known.securityCounter} was confirmed`,
    );
  }
  return undefined;
}

function brokenLog({ events, sequence }: DeviceFacts): Broken | undefined {
  let before: DeviceFacts['events'][number] | undefined;
  for (const event of events) {
    if (before !== undefined && !follows(before, event)) {
      return broken('reported-once', `the event log has commit ${event.sequence} after commit ${before.sequence}`);
    }
    before = event;
  }
  const last = before?.sequence ?? 0;
  // The last one may be missing until somebody writes again.
  if (last <= sequence && last >= sequence - 2) return undefined;
  return broken('reported-once', `the event log ends with commit ${last}, the device is at ${sequence}`);
}

/** A confirmation may stand in both copies of the boot control block, as two commits with one line. */
function follows(before: DeviceFacts['events'][number], event: DeviceFacts['events'][number]): boolean {
  const step = event.sequence - before.sequence;
  return step === 1 || (step === 2 && (before.type === 'confirmed' || event.type === 'confirmed'));
}

/** How trials have ended, as the log tells. */
function brokenTrial(
  { new: next, bootAttempts }: Experiment,
  { harmed }: Memory,
  { events }: DeviceFacts,
): Broken | undefined {
  let trial: string | undefined;
  let attemptsLeft = 0;
  for (const { type, release } of events) {
    if (type === 'activated') {
      trial = release;
      attemptsLeft = bootAttempts;
    } else if (type === 'boot-attempt') attemptsLeft--;
    else if (type === 'watchdog') attemptsLeft = 0;
    else if (type === 'confirmed' || type === 'installing') trial = undefined;
    else if (type === 'reverted') {
      if (trial !== release) {
        return broken('reverted-once', `release ${release.slice(0, 8)} was given up while it was not on trial`);
      }
      // Only a damaged image is a reason to stop earlier, and this life has none but what it has written itself.
      if (harmed === undefined && release === next.digest && attemptsLeft > 0) {
        return broken('not-given-up', `release ${next.version} was given up with ${attemptsLeft} attempts left`);
      }
      trial = undefined;
    }
  }
  return undefined;
}

/** What must be in the log of a device that has given a release up. */
export function brokenReport({ new: next }: Experiment, { events }: DeviceFacts): Broken | undefined {
  const reports = events.filter(({ type, release }) => type === 'reverted' && release === next.digest);
  if (reports.length > 0) return undefined;
  return broken('reported-once', `release ${next.version} was given up, and the event log does not say so`);
}

export function broken(invariant: Invariant, message: string): Broken {
  return { invariant, message };
}

const imageHashes = new WeakMap<Content, Map<number, string>>();

function imageHash(content: Content, size: number): string {
  const known = imageHashes.get(content) ?? new Map<number, string>();
  imageHashes.set(content, known);
  const sha256 = known.get(size) ?? hash('sha256', content.slice(0, size), 'hex');
  known.set(size, sha256);
  return sha256;
}

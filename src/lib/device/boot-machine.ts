import type { BootControl, BootSet, DeviceEvent, ReleaseRecord, SlotContent, Trial } from './boot-control.js';
import { MAX_RELEASES } from './boot-control-schema.js';
import { activeRecord, contentOf, floorsLapsed, later, own } from './boot-facts.js';

/*
 * Every way in which the state of a device may change: each function makes the next boot control block
 * from the present one. Pure; whoever commits it makes it happen.
 */

/** One slot of one component. */
export interface Place {
  component: string;
  slot: string;
}

/**
 * Takes the slots that are about to be written from those that may boot. A trial that never booted
 * goes with them: its slots may be among them.
 *
 * @param record the release that is to be installed
 */
export function markTargetsUnbootable(
  control: BootControl,
  now: Date,
  { targets, record }: { targets: readonly Place[]; record: ReleaseRecord },
): BootControl {
  for (const { component, slot } of targets) {
    if (own(control.active.slots, component) === slot) {
      throw new Error(`component ${component}: slot ${slot} boots, so it must not be written`);
    }
  }
  const { trial: _, ...rest } = control;
  return next({ ...rest, slots: without(control.slots, targets) }, now, 'installing', record);
}

/** Puts a set on trial: the only step that changes what boots next. */
export function activate(
  control: BootControl,
  now: Date,
  {
    trial,
    written,
    trustRoot = control.trustRoot,
  }: { trial: Trial; written: readonly (Place & { content: SlotContent })[]; trustRoot?: BootControl['trustRoot'] },
): BootControl {
  const slots = structuredClone(control.slots);
  for (const { component, slot, content } of written) slots[component] = { ...slots[component], [slot]: content };
  const reason = trial.intent === 'rollback' ? `rollback from ${activeRecord(control).version}` : undefined;
  return next({ ...control, slots, trial, trustRoot }, now, 'activated', trial.record, reason);
}

/** Counts a boot of the trial before it happens: a boot that never ends has counted as well. */
export function attempt(control: BootControl, now: Date): BootControl {
  const trial = trialOf(control);
  if (trial.attemptsLeft <= 0) throw new Error('a trial without attempts was to boot');
  const counted = {
    ...trial,
    attemptsLeft: trial.attemptsLeft - 1,
    startedAt: trial.startedAt ?? now.getTime(),
  };
  return next({ ...control, trial: counted }, now, 'boot-attempt', trial.record);
}

/** The watchdog found the firmware hanging: another attempt would hang as well. */
export function watchdog(control: BootControl, now: Date): BootControl {
  const trial = trialOf(control);
  return next({ ...control, trial: { ...trial, attemptsLeft: 0 } }, now, 'watchdog', trial.record);
}

/**
 * Gives a trial up: `active` boots again. Neither its sequence nor an expiry is asked for, the device
 * only goes back to what it ran.
 *
 * @param damaged slots whose image is not what it should be
 */
export function revert(
  control: BootControl,
  now: Date,
  { reason, damaged = [] }: { reason: string; damaged?: readonly Place[] },
): BootControl {
  const { trial: _, ...rest } = control;
  const bootable = damaged.filter(({ component, slot }) => own(control.active.slots, component) !== slot);
  return next({ ...rest, slots: without(control.slots, bootable) }, now, 'reverted', trialOf(control).record, reason);
}

/** Boots an older confirmed release since an image of the active one is damaged. */
export function fallBack(
  control: BootControl,
  now: Date,
  { set, reason, damaged }: { set: BootSet; reason: string; damaged: readonly Place[] },
): BootControl {
  if (control.trial !== undefined) throw new Error('a trial must be given up before its fallback is');
  const left = activeRecord(control);
  const slots = without(control.slots, damaged);
  for (const [component, slot] of Object.entries(set.slots)) {
    if (own(own(slots, component) ?? {}, slot) === undefined) {
      throw new Error(`component ${component}: slot ${slot} holds nothing to fall back to`);
    }
  }
  return next({ ...control, active: set, slots }, now, 'fell-back', left, reason);
}

/**
 * Makes the trial what boots from now on. Only here the device stores a security counter and takes
 * over a time: both from a release that has proven itself, and never from its own clock.
 */
export function confirm(control: BootControl, now: Date): BootControl {
  const { trial: { record, release, slots } = trialOf(control), ...rest } = control;
  const lapsed = floorsLapsed(activeRecord(control), record);
  // Sequences that were set to their maximum: falling back to one must not bring its floor back, which nothing could pass.
  const highest = lapsed ? Math.max(0, record.sequence - 1) : Number.POSITIVE_INFINITY;
  const others = control.releases
    .filter(({ digest }) => digest !== record.digest)
    .map(({ releaseKeyids: _, ...other }) => ({ ...other, sequence: Math.min(other.sequence, highest) })); // key ids are asked for of what runs only
  const securityCounter = lapsed ? record.securityCounter : Math.max(control.securityCounter, record.securityCounter);
  const timeFloor = later(control.timeFloor, record.createdAt);
  return next(
    {
      ...rest,
      active: { release, slots },
      releases: [...others, record].slice(-MAX_RELEASES),
      securityCounter,
      ...(timeFloor === undefined ? {} : { timeFloor }),
      epoch: control.epoch + 1,
    },
    now,
    'confirmed',
    record,
  );
}

/** Until {@link endSwap} neither of the two images of this component may boot. */
export function beginSwap(control: BootControl, now: Date, component: string): BootControl {
  if (control.swap !== undefined) throw new Error(`component ${control.swap.component} is still being swapped`);
  const id = control.sequence + 1;
  return next({ ...control, swap: { component, id } }, now, 'swapping', bootsNext(control));
}

/**
 * The images of a component have changed places: so does all that refers to them.
 *
 * @param places the two slots, in any order
 */
export function endSwap(control: BootControl, now: Date, places: readonly [string, string]): BootControl {
  const { swap, trial, ...rest } = control;
  if (swap === undefined) throw new Error('no swap was begun');
  const { component } = swap;
  const [one, two] = places;
  const moved = (set: Record<string, string>): Record<string, string> => {
    const slot = own(set, component);
    return slot === undefined ? set : { ...set, [component]: slot === one ? two : one };
  };
  const contents = [
    [one, contentOf(control, component, two)] as const,
    [two, contentOf(control, component, one)] as const,
  ].filter((entry) => entry[1] !== undefined);
  return next(
    {
      ...rest,
      ...(trial === undefined ? {} : { trial: { ...trial, slots: moved(trial.slots) } }),
      active: { ...control.active, slots: moved(control.active.slots) },
      slots: { ...control.slots, [component]: Object.fromEntries(contents) as Record<string, SlotContent> },
    },
    now,
    'swapped',
    bootsNext(control),
  );
}

/** The release that the next boot starts, as far as the control block tells. */
export function bootsNext(control: BootControl): ReleaseRecord {
  return control.trial?.record ?? activeRecord(control);
}

function next(
  control: BootControl,
  now: Date,
  type: DeviceEvent['type'],
  { digest, version }: ReleaseRecord,
  reason?: string,
): BootControl {
  return {
    ...control,
    sequence: control.sequence + 1,
    event: { type, time: now.toISOString(), release: digest, version, ...(reason === undefined ? {} : { reason }) },
  };
}

function trialOf({ trial }: BootControl): Trial {
  if (trial === undefined) throw new Error('nothing is on trial');
  return trial;
}

function without(slots: BootControl['slots'], places: readonly Place[]): BootControl['slots'] {
  const left = structuredClone(slots);
  for (const { component, slot } of places) {
    const contents = own(left, component);
    if (contents !== undefined) delete contents[slot];
  }
  return left;
}

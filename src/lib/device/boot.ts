import { OtaError } from '../core/errors.js';
import type { BootControl, BootSet, ReleaseRecord, Trial } from './boot-control.js';
import { activeRecord, fallbackCandidates, imagesOf, trialEnd } from './boot-facts.js';
import { attempt, fallBack, revert, watchdog } from './boot-machine.js';
import { commitAnyway, settleQuietly } from './commit-step.js';
import { type Device, openDevice } from './device.js';
import type { Machine } from './machine.js';
import { lostSwap, outOfPlace, prepareSwap, swap } from './swap.js';
import { type Damage, damageIn, damageText } from './verify-set.js';

/** How the firmware of a release behaves once it boots: `fails` just resets, `hangs` is ended by the watchdog. */
export type FirmwareBehaviour = 'good' | 'fails' | 'hangs';

export interface BootRequest {
  /** What to call the device in errors. */
  name: string;
  /** @param release digest; absent: all firmware is good */
  behaviourOf?: (release: string) => FirmwareBehaviour;
}

/** A release that was given up during a boot. */
export interface GivenUp {
  release: string;
  version: string;
  reason: string;
}

/** What the boot loader did and what runs now. */
export interface BootReport {
  booted: {
    release: string;
    version: string;
    /** SHA-256 by component, of bytes that were read just before. */
    images: Record<string, string>;
    onTrial: boolean;
    /** Further boots that it has to be confirmed in. Only on trial. */
    attemptsLeft?: number;
  };
  behaviour: FirmwareBehaviour;
  /** A trial that ended without being confirmed. */
  reverted?: GivenUp;
  /** A confirmed release that is damaged. The newest older one that is whole has taken its place. */
  fellBack?: GivenUp;
  /** Components with a single slot whose images were exchanged. */
  swapped: string[];
  /** Why nothing could be decided, and the confirmed release was started as it is. The next boot decides again. */
  undecided?: string;
}

/**
 * Boots a device: first finishes an exchange of images that was cut; then starts the release on trial, counting the
 * attempt before it happens, or gives it up; else starts the confirmed release, or an older one where that is
 * damaged. Every image is hashed before it runs. Booting a confirmed release that is whole writes nothing.
 *
 * Needs nothing but the files of the device, at any point at which the power was cut.
 *
 * @throws OtaError DEVICE_UNBOOTABLE: no confirmed release is whole; DEVICE_STATE_LOST, DEVICE_STATE_ROLLED_BACK; as
 *   `DeviceFs` when a decision cannot be committed: nothing has booted, and the next boot decides again
 */
export async function bootDevice(
  machine: Machine,
  { name, behaviourOf = () => 'good' }: BootRequest,
): Promise<BootReport> {
  const device = await openDevice(machine, name);
  const done: Done = { swapped: [] };
  while (true) {
    const { current } = device.control;
    try {
      const unfinished = current.swap?.component ?? (await lostSwap(device));
      if (unfinished !== undefined) {
        await swap(device, unfinished);
        done.swapped.push(unfinished);
        continue;
      }
      if (current.trial === undefined) {
        const ready = await readyConfirmed(device, current, done);
        if (ready) return await started(device, ready, { behaviour: behaviourOf(ready.set.release), done });
        continue;
      }
      const ready = await readyTrial(device, current, current.trial, done);
      if (ready) return await startTrial(device, ready, behaviourOf, done);
    } catch (error) {
      const { message, ready } = await confirmedInstead(device, error);
      done.undecided = message;
      return await started(device, ready, { behaviour: behaviourOf(ready.set.release), done });
    }
  }
}

interface ReadySet {
  set: BootSet;
  record: ReleaseRecord;
}

type Done = Pick<BootReport, 'reverted' | 'fellBack' | 'swapped' | 'undecided'>;

/** @returns undefined when something was changed first, so that everything must be looked at again */
async function readyTrial(
  device: Device,
  control: BootControl,
  trial: Trial,
  done: Done,
): Promise<ReadySet | undefined> {
  const end = trialEnd(control, trial, device.machine.clock.now());
  if (end !== undefined) return await giveUp(device, trial, end, [], done);
  const damages = await damageIn(device, trial);
  if (damages.length > 0) return await giveUp(device, trial, damageText(damages), damages, done);
  const moved = await moveIntoPlace(device, trial, done);
  if (moved instanceof OtaError) {
    return await giveUp(device, trial, `cannot be brought into place: ${moved.message}`, [], done);
  }
  return moved ? undefined : { set: trial, record: trial.record };
}

async function giveUp(
  device: Device,
  { release, record }: Trial,
  reason: string,
  damages: readonly Damage[],
  done: Done,
): Promise<undefined> {
  const { control, machine } = device;
  await commitAnyway(device, revert(control.current, machine.clock.now(), { reason: brief(reason), damaged: damages }));
  done.reverted = { release, version: record.version, reason };
}

async function readyConfirmed(device: Device, control: BootControl, done: Done): Promise<ReadySet | undefined> {
  const { active } = control;
  const record = activeRecord(control);
  const damages = await damageIn(device, active);
  if (damages.length > 0) {
    await leaveDamaged(device, control, damages, done);
    return undefined;
  }
  const moved = await moveIntoPlace(device, active, done);
  if (moved instanceof OtaError) throw moved;
  return moved ? undefined : { set: active, record };
}

async function leaveDamaged(device: Device, control: BootControl, damages: Damage[], done: Done): Promise<void> {
  const { version, digest } = activeRecord(control);
  const reason = damageText(damages);
  const problems = [`release ${version}: ${reason}`];
  for (const { record, set } of fallbackCandidates(control)) {
    const itsDamages = await damageIn(device, set);
    if (itsDamages.length === 0) {
      const { clock } = device.machine;
      await commitAnyway(device, fallBack(control, clock.now(), { set, reason: brief(reason), damaged: damages }));
      done.fellBack = { release: digest, version, reason };
      return;
    }
    problems.push(`release ${record.version}: ${damageText(itsDamages)}`);
  }
  throw new OtaError('DEVICE_UNBOOTABLE', `${device.name}: no confirmed release is whole: ${problems.join('; ')}`, [
    'Write an image that is known by its hash into a slot from outside, or set the device up again with `ota device init`.',
  ]);
}

/** @returns whether an image was moved; what keeps it from being moved, before anything was changed */
async function moveIntoPlace(device: Device, set: BootSet, done: Done): Promise<boolean | OtaError> {
  const component = outOfPlace(set);
  if (component === undefined) return false;
  const obstacle = await prepareSwap(device, component).catch(ioFailure);
  if (obstacle instanceof OtaError) return obstacle;
  await swap(device, component);
  done.swapped.push(component);
  return true;
}

/** A device whose storage takes no more writes still runs what is confirmed, though it can decide nothing. */
async function confirmedInstead(device: Device, error: unknown): Promise<{ message: string; ready: ReadySet }> {
  if (!(error instanceof OtaError)) throw error;
  const { current } = device.control;
  const cannotRun = current.swap !== undefined || outOfPlace(current.active) !== undefined;
  if (cannotRun || (await damageIn(device, current.active)).length > 0) throw error;
  return { message: error.message, ready: { set: current.active, record: activeRecord(current) } };
}

async function startTrial(
  device: Device,
  ready: ReadySet,
  behaviourOf: (release: string) => FirmwareBehaviour,
  done: Done,
): Promise<BootReport> {
  const {
    control,
    machine: { clock },
  } = device;
  await commitAnyway(device, attempt(control.current, clock.now()));
  const attemptsLeft = control.current.trial!.attemptsLeft;
  const behaviour = behaviourOf(ready.set.release);
  // If that cannot be kept, the attempt was counted all the same.
  if (behaviour === 'hangs') await commitAnyway(device, watchdog(control.current, clock.now())).catch(ioFailure);
  return await started(device, ready, { behaviour, done, attemptsLeft });
}

async function started(
  device: Device,
  { set, record }: ReadySet,
  { behaviour, done, attemptsLeft }: { behaviour: FirmwareBehaviour; done: Done; attemptsLeft?: number },
): Promise<BootReport> {
  const hasCommitted = attemptsLeft !== undefined || done.swapped.length > 0 || done.reverted || done.fellBack;
  if (hasCommitted) await settleQuietly(device);
  return {
    booted: {
      release: set.release,
      version: record.version,
      images: imagesOf(device.control.current, set),
      onTrial: attemptsLeft !== undefined,
      ...(attemptsLeft !== undefined && { attemptsLeft }),
    },
    behaviour,
    ...done,
  };
}

function ioFailure(error: unknown): OtaError {
  if (error instanceof OtaError) return error;
  throw error;
}

/** The boot control block and the log have room for so much. */
function brief(reason: string): string {
  return reason.length <= 500 ? reason : `${reason.slice(0, 500)}…`;
}

import type { BootControl, BootSet, ReleaseRecord, SlotContent, Trial } from './boot-control.js';

/** What a slot holds, if that is a complete image. */
export function contentOf({ slots }: BootControl, component: string, slot: string): SlotContent | undefined {
  return own(own(slots, component) ?? {}, slot);
}

/** The release of `active`. */
export function activeRecord({ active, releases }: BootControl): ReleaseRecord {
  const record = releases.find(({ digest }) => digest === active.release);
  if (record === undefined) throw new Error(`release ${active.release} boots, but nothing is known of it`);
  return record;
}

/** SHA-256 of every image of a set. */
export function imagesOf(control: BootControl, { slots }: Pick<BootSet, 'slots'>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(slots).map(([component, slot]) => {
      const content = contentOf(control, component, slot);
      if (content === undefined) throw new Error(`component ${component} boots from slot ${slot}, which holds nothing`);
      return [component, content.sha256];
    }),
  );
}

/**
 * The slots that hold a release as it ran, every image of it. Where the active set has the image
 * already, its slot is taken: what is the same need not move.
 *
 * @returns undefined where an image is in no slot any more
 */
export function setOf(control: BootControl, record: ReleaseRecord): BootSet | undefined {
  const slots: Record<string, string> = {};
  for (const [component, sha256] of Object.entries(record.images)) {
    const slot = slotWith(control, component, sha256);
    if (slot === undefined) return undefined;
    slots[component] = slot;
  }
  return { release: record.digest, slots };
}

/** A slot of a component with this image, that of the active set before others. */
export function slotWith(control: BootControl, component: string, sha256: string): string | undefined {
  const holds = (slot: string) => contentOf(control, component, slot)?.sha256 === sha256;
  const active = own(control.active.slots, component);
  if (active !== undefined && holds(active)) return active;
  return Object.keys(own(control.slots, component) ?? {})
    .sort()
    .find(holds);
}

/**
 * Whether the floors of sequence and counter no longer bind: everybody who could sign at the time of
 * `before` has left the role that `after` came with. Policy decided the same when it let `after` in.
 *
 * @see TUF specification 1.0.31, section 5.3.11: recovery from a fast-forward attack
 */
export function floorsLapsed(before: ReleaseRecord, after: ReleaseRecord): boolean {
  const keyids = before.releaseKeyids ?? [];
  const present = after.releaseKeyids;
  return present !== undefined && keyids.length > 0 && keyids.every((keyid) => !present.includes(keyid));
}

/** Anti-rollback: may this release run on the device? */
export function counterAllows(control: BootControl, record: ReleaseRecord): boolean {
  return record.securityCounter >= control.securityCounter || floorsLapsed(activeRecord(control), record);
}

/** Milliseconds since the first boot of a trial. A clock that was set back ends nothing: the attempts still count. */
function elapsedMs({ startedAt }: Trial, now: Date): number {
  return startedAt === undefined ? 0 : Math.max(0, now.getTime() - startedAt);
}

function isLate(trial: Trial, now: Date): boolean {
  return elapsedMs(trial, now) > trial.timeoutSeconds * 1000;
}

/** Why a trial is over, if it is. */
export function trialEnd(control: BootControl, trial: Trial, now: Date): string | undefined {
  if (trial.attemptsLeft <= 0) {
    return control.event.type === 'watchdog'
      ? 'the watchdog ended it, and no boot attempts are left'
      : 'not confirmed, and no boot attempts are left';
  }
  if (isLate(trial, now)) return `not confirmed within ${trial.timeoutSeconds} seconds of its first boot`;
  if (!counterAllows(control, trial.record)) {
    return `its security counter ${trial.record.securityCounter} is below ${control.securityCounter}, which is stored`;
  }
  return undefined;
}

/** Why what runs cannot be confirmed, if so. */
export function confirmRefusal(control: BootControl, now: Date): string | undefined {
  const { trial } = control;
  if (trial === undefined) return 'nothing is on trial';
  if (trial.startedAt === undefined) return `release ${trial.record.version} has not booted yet`;
  if (control.event.type === 'watchdog') return `the watchdog has ended the trial of release ${trial.record.version}`;
  if (isLate(trial, now)) {
    return `release ${trial.record.version} first booted ${Math.floor(elapsedMs(trial, now) / 1000)} seconds ago, it had ${trial.timeoutSeconds} to be confirmed`;
  }
  return undefined;
}

/** Other confirmed releases that are in the slots as a whole and may run, the one that ran last first. */
export function fallbackCandidates(control: BootControl): { record: ReleaseRecord; set: BootSet }[] {
  return control.releases
    .filter(({ digest }) => digest !== control.active.release)
    .reverse()
    .flatMap((record) => {
      const set = setOf(control, record);
      return set === undefined || record.securityCounter < control.securityCounter ? [] : [{ record, set }];
    });
}

/** The later of two times (RFC 3339), where both are known. */
export function later(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Date.parse(one) >= Date.parse(other) ? one : other;
}

/** Never a property that every object has, such as `constructor`, which is also a valid name of a component. */
export function own<T>(of: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(of, key) ? of[key] : undefined;
}

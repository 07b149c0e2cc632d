import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { sha256OfAccess } from '../core/sha256.js';
import type { ListedPayload } from '../package/authenticate.js';
import type { ImageDigest, Metadata } from '../package/metadata.js';
import { judgePackage, requireAccepted } from '../package/policy.js';
import type { SelectedPayload } from '../package/select-payloads.js';
import { containedFiles } from '../package/verify.js';
import type { BootControl, Trial } from './boot-control.js';
import { activeRecord, contentOf } from './boot-facts.js';
import type { Device } from './device.js';
import { deviceStateOf } from './device-state-of.js';
import type { PackageForDevice } from './package-for-device.js';
import { componentVersion, type ReleasedComponent, releaseRecord } from './release-record.js';
import { slotAccess } from './slot-access.js';
import { lostSwap, outOfPlace } from './swap.js';
import { targetSlot } from './target-slots.js';

/** How one component gets the image of a release. */
export interface PlannedComponent {
  component: string;
  slot: string;
  target: ImageDigest;
  /** Absent where the slot holds the image already and is left as it is. */
  payload?: SelectedPayload & ListedPayload;
}

/** All that an installation will do, decided before anything is written. */
export interface InstallPlan {
  components: PlannedComponent[];
  /** What goes on trial in the end. */
  trial: Trial;
}

/**
 * Judges a package and decides which slots it goes to. Reads only.
 *
 * @throws OtaError of status 5: the first refusal; BASE_MISMATCH where the image that a delta needs is damaged
 */
export async function planInstall(
  device: Device,
  { pkg, now }: PackageForDevice,
  { noFullFallback, intent = 'install' }: { noFullFallback?: boolean | undefined; intent?: Trial['intent'] } = {},
): Promise<InstallPlan> {
  const {
    layout,
    control: { current },
  } = device;
  const verdict = judgePackage(pkg.metadata, await deviceStateOf(device), {
    name: pkg.name,
    digest: pkg.digest,
    contained: containedFiles(pkg),
    now,
    intent,
    trustedKeyids: pkg.trustedKeyids,
    ...(noFullFallback !== undefined && { noFullFallback }),
  });
  requireAccepted(verdict);
  const components = verdict.selected.map((choice): PlannedComponent => {
    const { component, target } = choice.entry;
    const activeSlot = current.active.slots[component]!;
    if (contentOf(current, component, activeSlot)!.sha256 === target.sha256) {
      return { component, slot: activeSlot, target };
    }
    const slot = targetSlot(layout, current, { component, sha256: target.sha256 }, pkg.digest);
    const { data } = pkg.payloads.find(({ entry }) => entry.file === choice.entry.file)!;
    return { component, slot, target, payload: { ...choice, data } };
  });
  const record = releaseRecord(pkg.metadata, pkg.digest, componentsAfter(current, components), pkg.trustedKeyids);
  const slots = { ...current.active.slots };
  for (const { component, slot } of components) slots[component] = slot;
  return { components, trial: trialOf(device, pkg.metadata, { record, slots, intent }) };
}

/** A set on trial, with as many attempts and as much time as its release wants. */
export function trialOf(
  { layout }: Pick<Device, 'layout'>,
  { confirm }: Pick<Metadata, 'confirm'>,
  { record, slots, intent }: Pick<Trial, 'record' | 'slots' | 'intent'>,
): Trial {
  return {
    release: record.digest,
    slots,
    intent,
    record,
    attemptsLeft: confirm?.bootAttempts ?? layout.bootAttempts,
    timeoutSeconds: confirm?.timeoutSeconds ?? layout.confirmTimeoutSeconds,
  };
}

/**
 * Refuses while what runs is not settled: a package must never be judged by, or written beside, a release that
 * may be gone at the next boot.
 *
 * @throws OtaError UPDATE_PENDING
 */
export async function requireSettled(device: Device): Promise<void> {
  const {
    name,
    control: { current },
  } = device;
  const { trial } = current;
  if (trial?.startedAt !== undefined) {
    throw new OtaError('UPDATE_PENDING', `${name}: release ${trial.record.version} is on trial and not confirmed yet`, [
      'Confirm it with `ota device confirm`, or boot until it has been given up.',
    ]);
  }
  const moving = current.swap?.component ?? (await lostSwap(device)) ?? outOfPlace(current.active);
  if (moving !== undefined) {
    throw new OtaError('UPDATE_PENDING', `${name}: the images of component ${moving} are being exchanged`, [
      'Boot the device first, with `ota device boot`: that finishes it.',
    ]);
  }
}

/**
 * Hashes the installed images that the chosen deltas apply to.
 *
 * @throws OtaError BASE_MISMATCH
 */
export async function requireBases(device: Device, plan: InstallPlan, signal?: AbortSignal): Promise<void> {
  for (const { component, payload } of plan.components) {
    if (payload?.entry.base === undefined) continue;
    throwIfAborted(signal);
    const got = await sha256OfAccess(activeImage(device, component), { signal });
    if (got === payload.entry.base.sha256) continue;
    throw new OtaError(
      'BASE_MISMATCH',
      `component ${component}: the image that runs is damaged: SHA-256 is ${got}, expected ${payload.entry.base.sha256}`,
      ['Install a package with the full image.'],
    );
  }
}

/** The image of the active set. */
export function activeImage(device: Device, component: string): ReturnType<typeof slotAccess> {
  const { current } = device.control;
  const slot = current.active.slots[component]!;
  return slotAccess(device, component, slot, contentOf(current, component, slot)!.size);
}

/** Every component as it will be; what the package does not bring stays as it is. */
function componentsAfter(
  current: BootControl,
  components: readonly PlannedComponent[],
): ReadonlyMap<string, ReleasedComponent> {
  const running = activeRecord(current);
  const after = Object.entries(current.active.slots).map(([component, slot]) => {
    const { sha256 } = contentOf(current, component, slot)!;
    return [component, { version: componentVersion(running, component), sha256 }] as const;
  });
  return new Map<string, ReleasedComponent>([
    ...after,
    ...components.map(({ component, target }) => [component, target] as const),
  ]);
}

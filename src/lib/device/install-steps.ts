import { targetBytes } from '../package/target-bytes.js';
import type { OnBytes } from '../package/verify.js';
import type { Trial } from './boot-control.js';
import { activate, markTargetsUnbootable, type Place } from './boot-machine.js';
import { commitStep } from './commit-step.js';
import { type Device, trustRootFile } from './device.js';
import { activeImage, type InstallPlan, type PlannedComponent } from './install-plan.js';
import { componentLayout } from './layout.js';
import type { PackageForDevice } from './package-for-device.js';
import { slotMetadataFile, slotSignatureFile } from './slot-access.js';
import { prepareSwap } from './swap.js';
import { writeWhole } from './whole-file.js';
import { readBack, type WrittenBytes, writeSlot } from './write-slot.js';

/*
 * The steps of an installation, in this order. Each may be repeated after a cut; only the last changes
 * what boots.
 */

/** 1. The target slots may not boot any more. */
export async function markTargets(device: Device, plan: InstallPlan): Promise<void> {
  const {
    control,
    machine: { clock },
  } = device;
  const { record } = plan.trial;
  await commitStep(device, markTargetsUnbootable(control.current, clock.now(), { targets: targetsOf(plan), record }));
}

/** 2. Every new image is written, durably. Its hash is that of signed metadata, or this throws. */
export async function writeTargets(
  device: Device,
  plan: InstallPlan,
  { signal, onBytes }: { signal?: AbortSignal | undefined; onBytes?: OnBytes | undefined } = {},
): Promise<Map<string, WrittenBytes>> {
  const written = new Map<string, WrittenBytes>();
  const progress = progressOf(plan, onBytes);
  for (const planned of plan.components) {
    if (planned.payload === undefined) continue;
    const base = planned.payload.entry.base === undefined ? undefined : activeImage(device, planned.component);
    const image = progress(targetBytes(planned.payload, base, signal));
    written.set(planned.component, await writeSlot(device, planned, image));
  }
  return written;
}

/** 3. What was written is read back from flash and hashed. */
export async function readBackTargets(device: Device, plan: InstallPlan, signal?: AbortSignal): Promise<void> {
  for (const planned of changed(plan)) await readBack(device, planned, planned.target, signal);
}

/** 4. What says where the images come from is stored beside them, and the trust root that the package was judged by. */
export async function keepRelease(
  { machine: { fs } }: Device,
  plan: InstallPlan,
  { container, root }: PackageForDevice,
): Promise<void> {
  for (const { component, slot } of targetsOf(plan)) {
    await writeWhole(fs, slotMetadataFile(component, slot), container.metadataBytes);
    await writeWhole(fs, slotSignatureFile(component, slot), container.signatureBytes);
  }
  if (root.bytes !== undefined) await writeWhole(fs, trustRootFile(root.version), root.bytes);
}

/** 5. Room is made for exchanges, which must not fail for want of it in the middle. */
export async function makeRoom(device: Device, { slots }: Pick<Trial, 'slots'>): Promise<void> {
  const {
    layout,
    control: { current },
  } = device;
  for (const [component, slot] of Object.entries(slots)) {
    const single = componentLayout(layout, component)!.slots.length === 1;
    if (single && slot !== current.active.slots[component]) await prepareSwap(device, component);
  }
}

/** 6. The set goes on trial. */
export async function activateTargets(
  device: Device,
  plan: InstallPlan,
  { root }: Pick<PackageForDevice, 'root'>,
): Promise<void> {
  const {
    control,
    machine: { clock },
  } = device;
  const { trial } = plan;
  const written = changed(plan).map(({ component, slot, target: { version, size, sha256 } }) => ({
    component,
    slot,
    content: { version, size, sha256, release: trial.release },
  }));
  const trustRoot = { version: root.version, sha256: root.sha256 };
  await commitStep(device, activate(control.current, clock.now(), { trial, written, trustRoot }));
}

/**
 * Removes trust roots that neither copy of the boot control block refers to. Both are of the time after
 * the present root was taken over once a later commit has been made.
 */
export async function dropOldRoots({ machine: { fs }, control: { current } }: Device): Promise<void> {
  const present = trustRootFile(current.trustRoot.version);
  for (const file of await fs.list()) {
    if (/^trust-root\.\d+\.json$/.test(file) && file !== present) await fs.remove(file);
  }
}

/** Applies the chosen payloads in memory. */
export async function tryTargets(
  device: Device,
  plan: InstallPlan,
  { signal, onBytes }: { signal?: AbortSignal | undefined; onBytes?: OnBytes | undefined } = {},
): Promise<void> {
  const progress = progressOf(plan, onBytes);
  for (const { component, payload } of plan.components) {
    if (payload === undefined) continue;
    const base = payload.entry.base === undefined ? undefined : activeImage(device, component);
    for await (const _ of progress(targetBytes(payload, base, signal))); // counted, hashed, and let go
  }
}

function changed({ components }: InstallPlan): PlannedComponent[] {
  return components.filter(({ payload }) => payload !== undefined);
}

function targetsOf(plan: InstallPlan): Place[] {
  return changed(plan).map(({ component, slot }) => ({ component, slot }));
}

function progressOf(plan: InstallPlan, onBytes: OnBytes | undefined) {
  const total = changed(plan).reduce((sum, { target }) => sum + target.size, 0);
  let done = 0;
  return async function* (image: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of image) {
      yield chunk;
      done += chunk.byteLength;
      onBytes?.(done, total);
    }
  };
}

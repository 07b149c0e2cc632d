import { OtaError } from '../core/errors.js';
import type { ImageDigest } from '../package/metadata.js';
import { type OnBytes, verifyPayloads } from '../package/verify.js';
import { settleQuietly } from './commit-step.js';
import { type Device, openDevice, settleDevice } from './device.js';
import { type InstallPlan, type PlannedComponent, planInstall, requireBases, requireSettled } from './install-plan.js';
import {
  activateTargets,
  dropOldRoots,
  keepRelease,
  makeRoom,
  markTargets,
  readBackTargets,
  tryTargets,
  writeTargets,
} from './install-steps.js';
import type { Machine } from './machine.js';
import type { PackageForDevice } from './package-for-device.js';
import { damageIn } from './verify-set.js';
import type { WrittenBytes } from './write-slot.js';

export interface InstallRequest {
  /** What to call the device in errors. */
  name: string;
  /** From `openForDevice` on the same device. */
  package: PackageForDevice;
  noFullFallback?: boolean | undefined;
  /** Check everything, also that the payloads make the signed images; write nothing. */
  dryRun?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onBytes?: OnBytes | undefined;
}

export interface InstalledComponent extends WrittenBytes {
  component: string;
  slot: string;
  target: ImageDigest;
  /** The payload that was used. Absent where the image was there already. */
  file?: string;
  fullFallback: boolean;
  /** The slot holds the image already and is left alone: mostly the one that runs. */
  unchanged: boolean;
}

export interface InstallReport {
  /**
   * `installed` boots next, on trial; `already-installed` was to boot next anyway; `already-running` is
   * the confirmed release. The latter two have changed nothing.
   */
  outcome: 'installed' | 'already-installed' | 'already-running';
  release: string;
  version: string;
  /** Empty unless it was installed now. */
  components: InstalledComponent[];
  /** Boots that it gets to be confirmed in. */
  attempts?: number;
  timeoutSeconds?: number;
}

/**
 * Installs a package beside what runs and puts it on trial: all of its components or none. Until the last commit
 * the device boots what it booted before; after any interruption the same call goes on, and writes only the
 * blocks that are not there yet.
 *
 * @throws OtaError UPDATE_PENDING; as `planInstall`; PAYLOAD_MISMATCH; as `targetBytes`; IO_FAILED where flash does not
 *   read back as written; as `openDevice` and `DeviceFs`; INTERRUPTED, TERMINATED
 */
export async function installPackage(machine: Machine, request: InstallRequest): Promise<InstallReport> {
  const { name, package: opened, noFullFallback, dryRun = false, signal, onBytes } = request;
  const device = await openDevice(machine, name);
  if (!dryRun) await settleDevice(device);
  await requireSettled(device);
  requireSameRoot(device, opened);
  const nothingToDo = await whatStands(device, opened);
  if (nothingToDo !== undefined) return nothingToDo;

  const plan = await planInstall(device, opened, { noFullFallback });
  await checkPlan(device, plan, opened, signal);
  if (dryRun) {
    await tryTargets(device, plan, { signal, onBytes });
    return reportOf(plan, new Map());
  }
  const written = await carryOut(device, plan, opened, { signal, onBytes });
  return reportOf(plan, written);
}

/** Payload hashes, then the bases: the last checks before anything is written. */
export async function checkPlan(
  device: Device,
  plan: InstallPlan,
  { pkg }: PackageForDevice,
  signal?: AbortSignal,
): Promise<void> {
  const chosen = new Set(plan.components.map(({ payload }) => payload?.entry.file));
  await verifyPayloads(
    pkg.payloads.filter(({ entry }) => chosen.has(entry.file)),
    signal ? { signal } : {},
  );
  await requireBases(device, plan, signal);
}

/** Every step that writes. */
export async function carryOut(
  device: Device,
  plan: InstallPlan,
  opened: PackageForDevice,
  { signal, onBytes }: Pick<InstallRequest, 'signal' | 'onBytes'> = {},
): Promise<Map<string, WrittenBytes>> {
  await markTargets(device, plan);
  await dropOldRoots(device);
  const written = await writeTargets(device, plan, { signal, onBytes });
  await readBackTargets(device, plan, signal);
  await keepRelease(device, plan, opened);
  await makeRoom(device, plan.trial);
  await activateTargets(device, plan, opened);
  await settleQuietly(device);
  return written;
}

export function reportOf(
  { components, trial }: InstallPlan,
  written: ReadonlyMap<string, WrittenBytes>,
): InstallReport {
  return {
    outcome: 'installed',
    release: trial.release,
    version: trial.record.version,
    components: components.map((planned) => describe(planned, written.get(planned.component))),
    attempts: trial.attemptsLeft,
    timeoutSeconds: trial.timeoutSeconds,
  };
}

/** Installing what is there already changes nothing; a pending release whose image is damaged is not there. */
async function whatStands(device: Device, { pkg }: PackageForDevice): Promise<InstallReport | undefined> {
  const { active, trial } = device.control.current;
  const {
    metadata: { version },
    digest: release,
  } = pkg;
  if (active.release === release) return { outcome: 'already-running', release, version, components: [] };
  if (trial?.release !== release || (await damageIn(device, trial)).length > 0) return undefined;
  const { attemptsLeft: attempts, timeoutSeconds } = trial;
  return { outcome: 'already-installed', release, version, components: [], attempts, timeoutSeconds };
}

function requireSameRoot(device: Device, { judgedUnder }: PackageForDevice): void {
  if (judgedUnder.sha256 === device.control.current.trustRoot.sha256) return;
  throw new OtaError('UPDATE_PENDING', `${device.name}: its trust root changed after the package was judged by it`, [
    'Run again.',
  ]);
}

function describe({ component, slot, target, payload }: PlannedComponent, bytes?: WrittenBytes): InstalledComponent {
  return {
    component,
    slot,
    target,
    ...(payload && { file: payload.entry.file }),
    fullFallback: payload?.fullFallback ?? false,
    unchanged: payload === undefined,
    writtenBytes: bytes?.writtenBytes ?? 0,
    skippedBytes: bytes?.skippedBytes ?? 0,
  };
}

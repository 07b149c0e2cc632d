import { type ErrorCode, OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { openContainer } from '../package/container.js';
import type { OnBytes } from '../package/verify.js';
import type { ReleaseRecord } from './boot-control.js';
import { activeRecord } from './boot-facts.js';
import { settleQuietly } from './commit-step.js';
import { type Device, openDevice, settleDevice } from './device.js';
import { carryOut, type InstallReport, reportOf } from './install.js';
import { requireSettled } from './install-plan.js';
import { activateTargets, keepRelease, makeRoom, tryTargets } from './install-steps.js';
import type { Machine } from './machine.js';
import { authenticateFor, type PackageForDevice } from './package-for-device.js';
import { planRollback, type RollbackPlan } from './rollback-plan.js';
import { snapshotOf } from './snapshot.js';
import { damageIn } from './verify-set.js';
import type { WrittenBytes } from './write-slot.js';

export interface RollbackRequest {
  /** What to call the device in errors. */
  name: string;
  /** Packages of earlier releases, for what is in no slot any more. */
  packages?: readonly RandomAccess[] | undefined;
  allowTestKeys?: boolean | undefined;
  /** Check everything, write nothing. */
  dryRun?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onBytes?: OnBytes | undefined;
}

/** An earlier release that the device cannot or may not return to. */
export interface RejectedRelease {
  release: string;
  version: string;
  /** What kind of reason: stable, as in failures. */
  code: ErrorCode;
  reason: string;
}

export interface RollbackReport extends InstallReport {
  /** What runs. */
  from: { release: string; version: string };
  /** File that holds the state of before. Absent where nothing was changed. */
  snapshot?: string;
  /** Newer ones that were passed over. */
  rejected: RejectedRelease[];
}

/**
 * Returns to the newest earlier release that policy allows and whose images are at hand, as a whole. It goes on trial
 * like any other: it is confirmed, or the device comes back to what runs now.
 *
 * @throws OtaError NO_ROLLBACK_TARGET with the reason for each candidate; UPDATE_PENDING; as `openContainer` and
 *   `authenticatePackage` for a package that was given; as `openDevice` and `DeviceFs`; INTERRUPTED, TERMINATED
 */
export async function rollbackDevice(machine: Machine, request: RollbackRequest): Promise<RollbackReport> {
  const { name, packages = [], allowTestKeys, dryRun = false } = request;
  const device = await openDevice(machine, name);
  if (!dryRun) await settleDevice(device);
  await requireSettled(device);
  const running = activeRecord(device.control.current);
  const from = { release: running.digest, version: running.version };
  const pending = await pendingRollback(device);
  if (pending !== undefined) return { ...pending, from, rejected: [] };

  const opened = new Map<string, PackageForDevice>();
  for (const source of packages) {
    const one = await authenticateFor(device, await openContainer(source), { allowTestKeys });
    opened.set(one.pkg.digest, one);
  }
  const { plan, rejected } = await choose(device, running, opened, allowTestKeys);
  if (dryRun) {
    await tryTargets(device, plan, request);
    return { ...reportOf(plan, new Map()), from, rejected };
  }
  const { file } = await snapshotOf(device, 'before-rollback');
  const written = await takeBack(device, plan, request);
  return { ...reportOf(plan, written), from, snapshot: file, rejected };
}

async function choose(
  device: Device,
  running: ReleaseRecord,
  opened: ReadonlyMap<string, PackageForDevice>,
  allowTestKeys: boolean | undefined,
): Promise<{ plan: RollbackPlan; rejected: RejectedRelease[] }> {
  const rejected: RejectedRelease[] = [];
  for (const record of earlierReleases(device, running)) {
    try {
      const plan = await planRollback(device, record, opened.get(record.digest), { allowTestKeys });
      return { plan, rejected };
    } catch (error) {
      // A disk that fails says nothing about the releases on it, nor does an interruption.
      if (!(error instanceof OtaError) || [6, 130, 143].includes(error.exitCode)) throw error;
      rejected.push(rejection(record, error));
    }
  }
  const known = new Set(device.control.current.releases.map(({ digest }) => digest));
  for (const [release, { pkg }] of opened) {
    if (known.has(release)) continue;
    const { version } = pkg.metadata;
    rejected.push({ release, version, code: 'ROLLBACK_FORBIDDEN', reason: 'the device never ran this release' });
  }
  throw noTarget(device, running, rejected);
}

function rejection({ digest, version }: ReleaseRecord, { code, message }: OtaError): RejectedRelease {
  const name = `release ${version}: `;
  const reason = message.startsWith(name) ? message.slice(name.length) : message;
  return { release: digest, version, code, reason };
}

function earlierReleases({ control: { current } }: Device, running: ReleaseRecord): ReleaseRecord[] {
  return current.releases
    .filter(({ digest, sequence }) => digest !== running.digest && sequence < running.sequence)
    .sort((a, b) => b.sequence - a.sequence);
}

function noTarget({ name }: Device, { version }: ReleaseRecord, rejected: readonly RejectedRelease[]): OtaError {
  const why = rejected.map((release) => `${release.version}: ${release.reason}`).join('; ');
  return new OtaError(
    'NO_ROLLBACK_TARGET',
    rejected.length === 0
      ? `${name}: ran nothing before release ${version} that it could return to`
      : `${name}: can return to no release before ${version}: ${why}`,
    nextSteps(rejected),
  );
}

function nextSteps(rejected: readonly RejectedRelease[]): string[] {
  const codes = new Set(rejected.map(({ code }) => code));
  const steps = [
    ...(codes.has('NO_ROLLBACK_TARGET')
      ? ['Give the package of a release that is in no slot any more with --package.']
      : []),
    ...(codes.has('ROLLBACK_FORBIDDEN')
      ? ['Pack releases with --allow-rollback if devices may go back from them.']
      : []),
  ];
  return steps.length > 0
    ? steps
    : ['Run `ota device history` to see what it ran, `ota device status` for its counter.'];
}

/** Asking twice does no more than asking once. */
async function pendingRollback(device: Device): Promise<InstallReport | undefined> {
  const { trial } = device.control.current;
  if (trial?.intent !== 'rollback' || (await damageIn(device, trial)).length > 0) return undefined;
  const {
    release,
    record: { version },
    attemptsLeft: attempts,
    timeoutSeconds,
  } = trial;
  return { outcome: 'already-installed', release, version, components: [], attempts, timeoutSeconds };
}

async function takeBack(
  device: Device,
  plan: RollbackPlan,
  { signal, onBytes }: RollbackRequest,
): Promise<Map<string, WrittenBytes>> {
  const { opened } = plan;
  if (opened !== undefined && plan.components.some(({ payload }) => payload !== undefined)) {
    return await carryOut(device, plan, opened, { signal, onBytes });
  }
  // Everything is there: only what boots next changes, and the root that it was judged by. Under another root its keys
  // would be strangers, and the floors of sequence and counter void for whoever signs under that.
  if (opened !== undefined) await keepRelease(device, plan, opened);
  await makeRoom(device, plan.trial);
  await activateTargets(device, plan, opened ?? { root: device.control.current.trustRoot });
  await settleQuietly(device);
  return new Map();
}

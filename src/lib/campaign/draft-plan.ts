import { OtaError } from '../core/errors.js';
import { clipText } from '../core/text.js';
import type { FleetDevice, FleetDriver } from '../fleet-api/driver.js';
import type { AuthenticPackage } from '../package/authenticate.js';
import { requirePolicy } from '../package/verify.js';
import type { Filter } from '../query/filter.js';
import { assemblePlan } from '../rollout/assemble-plan.js';
import type { Candidate } from '../rollout/place-devices.js';
import { LEFT_OUT_REASONS, type LeftOut, PLAN_MAX_DEVICES, type RolloutPlan } from '../rollout/plan.js';
import type { SmallStages } from '../rollout/small-stages.js';
import { allDevices, deviceIds, fiqlOf } from './planning/choose-devices.js';
import { Cohorts } from './planning/device-cohorts.js';
import { parseLabels } from './planning/device-labels.js';
import { requireCapable } from './planning/driver-limits.js';
import { planNotes } from './planning/plan-notes.js';
import { knownReleases } from './planning/running-software.js';
import { type RequestedStage, wantedStages } from './planning/wanted-stages.js';

export interface PlanRequest {
  readonly driver: FleetDriver;
  readonly pkg: AuthenticPackage;
  /** The file it is in. */
  readonly file: { readonly name: string; readonly bytes: number };
  readonly now: Date;
  /** Of the campaign; by default product and version. */
  readonly name?: string | undefined;
  /** Undefined: all devices. */
  readonly target: Filter | undefined;
  readonly exclude?: Filter | undefined;
  readonly hold?: Filter | undefined;
  readonly canary?: Filter | undefined;
  readonly stages: readonly RequestedStage[];
  readonly areStagesRecommended: boolean;
  readonly smallStages: SmallStages;
  /** What stages are spread over, see `parseLabels`. */
  readonly spread: readonly string[];
  /** By default made of the package's digest: the same package chooses the same devices. */
  readonly seed?: number | undefined;
  readonly includesBusy: boolean;
  readonly includesRefused: boolean;
  readonly noFullFallback: boolean;
  readonly onAbort: RolloutPlan['onAbort'];
  readonly allowedDriftPercent: number;
  readonly webhook: string | null;
  readonly signal?: AbortSignal | undefined;
  /** Devices that were read so far. */
  readonly onDevices?: ((devices: number) => void) | undefined;
}

/**
 * Makes a plan: asks the server for the devices, judges the package for each of them, and puts them into stages. Nothing
 * is changed at the server.
 *
 * @throws OtaError PACKAGE_EXPIRED; NOT_FOUND: no device is left to update; USAGE: as `assemblePlan`, `wantedStages`;
 *   LIMIT_EXCEEDED; those of the driver
 */
export async function draftPlan(request: PlanRequest): Promise<RolloutPlan> {
  const { driver, pkg, file, now, signal } = request;
  requirePolicy(pkg, { now });
  requireCapable(driver, request.stages);
  const labels = parseLabels(request.spread);
  const { metadata, digest } = pkg;
  const name = request.name ?? defaultName(metadata.product, metadata.version);
  const where = fiqlOf(request.target);
  const devices = await allDevices(driver, where, signal);
  request.onDevices?.(devices.length);
  const chosen = async (filter: Filter | undefined) =>
    filter === undefined ? new Set<string>() : await deviceIds(driver, fiqlOf(request.target, filter), signal);
  const excluded = await chosen(request.exclude);
  const held = await chosen(request.hold);
  const canaries = await chosen(request.canary);
  const known = await knownReleases(driver, metadata.product, signal);
  const software = await driver.findSoftware({ product: metadata.product, version: metadata.version, digest }, signal);

  const cohorts = new Cohorts({
    ...{ pkg, now, known, releases: known.releases, noFullFallback: request.noFullFallback },
    ...{ bytes: file.bytes, cuts: driver.capabilities.cuts, includesRefused: request.includesRefused },
  });
  const left = new LeftOutList();
  const candidates: Candidate[] = [];
  let fullFallbacks = 0;
  for (const device of devices) {
    const { id } = device;
    const fate = await cohorts.fateOf(device);
    const onItsWay = device.assigned !== null && !request.includesBusy ? busyWith(device, digest) : undefined;
    if (excluded.has(id)) left.add('excluded', 'excluded from the target', id);
    else if (held.has(id)) left.add('held', 'held back', id);
    else if (fate.outcome === 'current' || (software !== undefined && device.installed?.id === software.id)) {
      left.add('current', `have ${metadata.version} already`, id);
    } else if (onItsWay !== undefined) left.add('busy', onItsWay, id);
    else if (fate.outcome === 'refused') left.add('refused', fate.detail, id);
    else {
      if (fate.fullFallback) fullFallbacks++;
      const { cohort } = fate;
      const { version } = cohorts.all[cohort]!;
      const values = labels.map((label) => label(device, version));
      candidates.push({ id, cohort, labels: values, isCanary: canaries.has(id) });
    }
  }
  requireCandidates(candidates, devices.length, left);
  const stages = await wantedStages(request.stages, { driver, target: request.target, devices, signal });
  return assemblePlan({
    head: {
      ...{ name, createdAt: now.toISOString() },
      server: { driver: driver.kind, address: driver.address },
      package: {
        ...{ digest, product: metadata.product, version: metadata.version, sequence: metadata.sequence },
        securityCounter: metadata.securityCounter,
        ...{ filename: file.name, bytes: file.bytes, expiresAt: metadata.expiresAt ?? null },
      },
      seed: request.seed ?? Number.parseInt(digest.slice(0, 8), 16),
      ...{ onAbort: request.onAbort, allowedDriftPercent: request.allowedDriftPercent, webhook: request.webhook },
      notes: planNotes({
        ...{ candidates, cohorts: cohorts.all, fullFallbacks, pkg, driver },
        stages,
        onAbort: request.onAbort,
      }),
    },
    target: { where, exclude: request.exclude === undefined ? null : fiqlOf(request.exclude) },
    cohorts: cohorts.all,
    candidates,
    stages,
    areStagesRecommended: request.areStagesRecommended,
    smallStages: request.smallStages,
    leftOut: left.all,
  });
}

/** @throws OtaError CONFIG_INVALID where product and version make no name */
function defaultName(product: string, version: string): string {
  const name = `${product}-${version}`.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, '-');
  return name.replace(/^[^a-z0-9]+/, '').slice(0, 63);
}

function busyWith({ assigned }: FleetDevice, digest: string): string | undefined {
  if (assigned?.digest === digest) return 'are on their way to it already';
  return clipText(`are on their way to ${assigned!.name} ${assigned!.version}`, 512);
}

function requireCandidates(candidates: readonly Candidate[], devices: number, left: LeftOutList): void {
  if (candidates.length > PLAN_MAX_DEVICES) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `${candidates.length} devices are to be updated, a plan takes ${PLAN_MAX_DEVICES}`,
      ['Choose fewer with --where or --target, and make several plans.'],
    );
  }
  if (candidates.length > 0) return;
  if (devices === 0) {
    throw new OtaError('NOT_FOUND', 'no device matches the target', [
      'See what `fleet devices list` with the same --where lists.',
    ]);
  }
  const why = left.all.map(({ reason, detail, devices: { length } }) => `${length} ${reason} (${detail})`);
  throw new OtaError('NOT_FOUND', `no device is left to update: ${why.join('; ')}`, [
    'Choose others with --where or --target.',
  ]);
}

/** In the order of the reasons, devices in ascending order. */
class LeftOutList {
  readonly #lists = new Map<string, LeftOut>();

  add(reason: LeftOut['reason'], detail: string, id: string): void {
    const key = `${reason} ${detail}`;
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, { reason, detail, devices: [id] });
    else list.devices.push(id);
  }

  get all(): LeftOut[] {
    const place = ({ reason }: LeftOut) => LEFT_OUT_REASONS.indexOf(reason);
    return [...this.#lists.values()]
      .map((list) => ({ ...list, devices: [...list.devices].sort() }))
      .sort((a, b) => place(a) - place(b) || (a.detail < b.detail ? -1 : 1));
  }
}

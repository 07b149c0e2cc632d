import type { DriverSoftware, FleetDevice } from '../../fleet-api/driver.js';
import type { AuthenticPackage } from '../../package/authenticate.js';
import type { Cohort, SoftwareRef } from '../../rollout/plan.js';
import { cutBytes } from './delivered-bytes.js';
import { type Judgement, type JudgeOptions, judgeDevice, judgedAttributes } from './judge-device.js';
import type { KnownReleases } from './running-software.js';
import { cannotReturn } from './way-back.js';

export type CohortFacts = Omit<Cohort, 'devices'>;

/** What becomes of a device in a plan: it is of a cohort, or it does not need or does not take the package. */
export type DeviceFate =
  | { readonly outcome: 'current' }
  | { readonly outcome: 'refused'; readonly detail: string }
  | { readonly outcome: 'cohort'; readonly cohort: number; readonly fullFallback: boolean };

export interface CohortOptions extends JudgeOptions {
  readonly known: KnownReleases;
  /** Of the whole package file. */
  readonly bytes: number;
  /** The server cuts a package for each device. */
  readonly cuts: boolean;
  /** Devices that are expected to refuse get it all the same. */
  readonly includesRefused: boolean;
}

/** Sorts devices into cohorts. What makes no difference is judged once, so a fleet of one kind costs as much as a device. */
export class Cohorts {
  readonly all: CohortFacts[] = [];
  readonly #options: CohortOptions;
  readonly #fates = new Map<string, DeviceFate>();
  readonly #places = new Map<string, number>();

  constructor(options: CohortOptions) {
    this.#options = options;
  }

  async fateOf(device: FleetDevice): Promise<DeviceFate> {
    const key = JSON.stringify([device.installed?.id, judgedAttributes(device.attributes)]);
    const known = this.#fates.get(key);
    if (known !== undefined) return known;
    const running = await this.#options.known.runningOf(device);
    const fate = this.#fateOf(judgeDevice(device.attributes, running, this.#options), running);
    this.#fates.set(key, fate);
    return fate;
  }

  #fateOf(judgement: Judgement, running: DriverSoftware | null): DeviceFate {
    const { outcome, facts } = judgement;
    if (outcome === 'current') return { outcome };
    if (outcome === 'refused' && !this.#options.includesRefused) return { outcome, detail: judgement.detail };
    const selected = outcome === 'accepted' ? judgement.selected : undefined;
    const { pkg, known, releases } = this.#options;
    const digest = running?.digest ?? facts.digest;
    const release = digest === undefined || digest === null ? undefined : releases.get(digest);
    const cohortFacts: CohortFacts = {
      model: facts.model ?? null,
      version: running?.version ?? release?.version ?? null,
      previous: running === null ? null : softwareRef(running),
      cannotReturn: cannotReturn(pkg.metadata, {
        previous: running,
        release: running?.digest == null ? undefined : known.releases.get(running.digest),
        storedCounter: facts.securityCounter,
      }),
      ...deliveryOf(pkg, selected, this.#options),
    };
    const key = JSON.stringify(cohortFacts);
    let cohort = this.#places.get(key);
    if (cohort === undefined) {
      cohort = this.all.push(cohortFacts) - 1;
      this.#places.set(key, cohort);
    }
    return { outcome: 'cohort', cohort, fullFallback: selected?.some(({ fullFallback }) => fullFallback) ?? false };
  }
}

function deliveryOf(
  pkg: AuthenticPackage,
  selected: Parameters<typeof cutBytes>[2] | undefined,
  { bytes, cuts }: Pick<CohortOptions, 'bytes' | 'cuts'>,
): Pick<CohortFacts, 'delivery' | 'bytes'> {
  if (selected === undefined || !cuts) return { delivery: 'unknown', bytes };
  const isDelta = selected.some(({ entry }) => entry.base !== undefined);
  return { delivery: isDelta ? 'delta' : 'full', bytes: cutBytes(pkg, bytes, selected) };
}

function softwareRef({ id, name, version, digest }: DriverSoftware): SoftwareRef {
  return { id, name, version, digest };
}

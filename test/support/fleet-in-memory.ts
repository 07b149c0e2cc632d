import { OtaError } from '../../src/lib/core/errors.js';
import {
  DEVICE_OUTCOMES,
  type DeviceOutcome,
  type DriverPortion,
  type DriverSoftware,
  type FleetDevice,
  type FleetDriver,
  type OutcomeEntry,
  type PortionProgress,
  type ProgressOptions,
} from '../../src/lib/fleet-api/driver.js';
import type { Pacing } from '../../src/lib/net/pacing.js';

/** What a device makes of software that it is given. */
export interface Fate {
  readonly outcome: 'installed' | 'failed' | 'silent';
  readonly afterMs: number;
}

export interface MemoryDriverOptions {
  readonly pacing: Pacing;
  /** Default: installed after a second. `attempt` counts from 1. */
  readonly fate?: (device: string, software: DriverSoftware, attempt: number) => Fate;
  /** What the server has for the package of a plan. */
  readonly release?: DriverSoftware | null;
  /** Software by device that it has before. */
  readonly having?: ReadonlyMap<string, string>;
  readonly gone?: ReadonlySet<string>;
  /** Called before and after each call to the server; may throw. `after`: the server has done it. */
  readonly around?: (when: 'before' | 'after', call: string, name: string) => void | Promise<void>;
  /** What the server tells instead. */
  readonly tamper?: (name: string, progress: PortionProgress) => PortionProgress;
  readonly windows?: boolean;
}

interface Action {
  readonly device: string;
  readonly startedAt: number;
  readonly fate: Fate;
  canceledAt: number | null;
}

interface Portion extends DriverPortion {
  isStarted: boolean;
  isStopped: boolean;
  readonly actions: Map<string, Action | 'already' | 'gone'>;
}

export const RELEASE: DriverSoftware = { id: '2', name: 'hub', version: '2.0.0', digest: 'a'.repeat(64) };

/** A fleet server in memory that keeps to the contract of drivers, and can be told to misbehave. Its time is the pacing's. */
export class MemoryDriver implements FleetDriver {
  readonly kind = 'hawkbit';
  readonly address = 'http://127.0.0.1:1';
  readonly capabilities;
  /** All calls that change something, in order. */
  readonly calls: string[] = [];
  /** Each time a device was really given something: `device software`. */
  readonly given: string[] = [];
  readonly #options: MemoryDriverOptions;
  readonly #portions = new Map<string, Portion>();
  readonly #software: Map<string, string>;
  readonly #active = new Map<string, { portion: Portion; software: string }>();

  constructor(options: MemoryDriverOptions) {
    this.#options = options;
    this.#software = new Map(options.having);
    this.capabilities = {
      ...{ campaigns: false, telemetry: false, cuts: false, errorThreshold: true },
      windows: options.windows ?? true,
    };
  }

  /** As somebody who deletes a rollout at the server. */
  forgetPortion(name: string): void {
    this.#portions.delete(name);
  }

  /** What a device has now. */
  softwareOf(device: string): string | undefined {
    this.#settle();
    return this.#software.get(device);
  }

  get portions(): readonly string[] {
    return [...this.#portions.keys()];
  }

  measure?: FleetDriver['measure'];

  /** Those that have something. */
  async *devices(): AsyncGenerator<readonly FleetDevice[]> {
    this.#settle();
    const softwareOf = (id: string | undefined): DriverSoftware | null =>
      id === undefined ? null : id === RELEASE.id ? RELEASE : { id, name: 'hub', version: `${id}.0.0`, digest: null };
    yield [...this.#software].map(([id, software]) => ({
      ...{ id, group: null, tags: [], attributes: {}, metadata: {}, online: null, lastSeenAt: null },
      installed: softwareOf(software),
      assigned: softwareOf(this.#active.get(id)?.software),
    }));
  }

  /** As somebody else who gives a device other software. */
  giveElsewhere(device: string, software: string): void {
    this.#settle();
    this.#software.set(device, software);
  }

  async findSoftware(): Promise<DriverSoftware | undefined> {
    return this.#options.release === null ? undefined : (this.#options.release ?? RELEASE);
  }

  async sendSoftware(): Promise<DriverSoftware> {
    return RELEASE;
  }

  prepare(portion: DriverPortion): Promise<string> {
    return this.#call('prepare', portion.name, () => {
      const known = this.#portions.get(portion.name);
      const isSame = known?.software.id === portion.software.id && String(known.devices) === String(portion.devices);
      if (known !== undefined && !isSame) throw new OtaError('CONFLICT', `${portion.name} is something else`);
      if (known === undefined) {
        this.#portions.set(portion.name, { ...portion, isStarted: false, isStopped: false, actions: new Map() });
      }
      return portion.name;
    });
  }

  start(ref: string): Promise<void> {
    return this.#call('start', ref, () => {
      const portion = this.#portion(ref);
      if (portion.isStopped) throw new OtaError('CONFLICT', `${ref} was stopped`);
      if (portion.isStarted) return;
      portion.isStarted = true;
      this.#settle();
      for (const device of portion.devices) portion.actions.set(device, this.#give(device, portion));
    });
  }

  #give(device: string, portion: Portion): Action | 'already' | 'gone' {
    const { gone, fate } = this.#options;
    if (gone?.has(device)) return 'gone';
    const { id } = portion.software;
    const active = this.#active.get(device);
    if (active === undefined ? this.#software.get(device) === id : active.software === id) return 'already';
    const before = active?.portion.actions.get(device);
    if (typeof before === 'object') before.canceledAt = this.#now();
    this.#active.set(device, { portion, software: id });
    this.given.push(`${device} ${id}`);
    const attempt = this.given.filter((one) => one === `${device} ${id}`).length;
    return {
      device,
      startedAt: this.#now(),
      fate: fate?.(device, portion.software, attempt) ?? { outcome: 'installed', afterMs: 1_000 },
      canceledAt: null,
    };
  }

  async progress(ref: string, options: ProgressOptions): Promise<PortionProgress> {
    await this.#options.around?.('before', 'progress', ref);
    const portion = this.#portion(ref);
    this.#settle();
    const counts = Object.fromEntries(DEVICE_OUTCOMES.map((outcome) => [outcome, 0])) as Record<DeviceOutcome, number>;
    for (const device of portion.devices) counts[this.#outcome(portion, device, options)] += 1;
    const open = counts.waiting + counts.running + counts.stuck;
    const started = open === 0 ? ('finished' as const) : ('running' as const);
    const status = portion.isStopped ? 'stopped' : portion.isStarted ? started : 'prepared';
    const progress: PortionProgress = { status, total: portion.devices.length, counts };
    await this.#options.around?.('after', 'progress', ref);
    return this.#options.tamper?.(ref, progress) ?? progress;
  }

  async *outcomes(
    ref: string,
    outcome: DeviceOutcome,
    options: ProgressOptions,
  ): AsyncGenerator<readonly OutcomeEntry[]> {
    await this.#options.around?.('before', 'outcomes', ref);
    const portion = this.#portion(ref);
    this.#settle();
    yield portion.devices
      .filter((device) => this.#outcome(portion, device, options) === outcome)
      .map((device) => ({ device, message: `${outcome} it` }));
  }

  pause(ref: string): Promise<void> {
    return this.#call('pause', ref, () => void this.#portion(ref));
  }

  resume(ref: string): Promise<void> {
    return this.#call('resume', ref, () => void this.#portion(ref));
  }

  stop(ref: string): Promise<void> {
    return this.#call('stop', ref, () => {
      const portion = this.#portion(ref);
      this.#settle();
      if (!portion.isStopped) {
        for (const action of portion.actions.values()) {
          if (typeof action === 'object') action.canceledAt ??= this.#now();
        }
      }
      portion.isStopped = true;
      this.#settle();
    });
  }

  async forget(): Promise<void> {}

  async stopAll(): Promise<readonly string[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #outcome(portion: Portion, device: string, { silentForMs, now }: ProgressOptions): DeviceOutcome {
    const action = portion.actions.get(device);
    if (action === undefined) return portion.isStopped ? 'canceled' : 'waiting';
    if (typeof action === 'string') return action;
    const { outcome, endsAt } = endOf(action);
    if (endsAt <= this.#now()) return outcome;
    return now - action.startedAt >= silentForMs ? 'stuck' : 'running';
  }

  /** What has ended by now takes effect. */
  #settle(): void {
    for (const [device, { portion, software }] of this.#active) {
      const action = portion.actions.get(device);
      if (typeof action !== 'object') continue;
      const { outcome, endsAt } = endOf(action);
      if (endsAt > this.#now()) continue;
      if (outcome === 'installed') this.#software.set(device, software);
      this.#active.delete(device);
    }
  }

  #portion(ref: string): Portion {
    const portion = this.#portions.get(ref);
    if (portion === undefined) throw new OtaError('NOT_FOUND', `there is no rollout ${ref}`);
    return portion;
  }

  async #call<T>(call: string, name: string, work: () => T): Promise<T> {
    await this.#options.around?.('before', call, name);
    const result = work();
    this.calls.push(`${call} ${name}`);
    await this.#options.around?.('after', call, name);
    return result;
  }

  #now(): number {
    return this.#options.pacing.now().getTime();
  }
}

function endOf({ startedAt, fate, canceledAt }: Action): {
  outcome: 'installed' | 'failed' | 'canceled';
  endsAt: number;
} {
  const endsAt = fate.outcome === 'silent' ? Number.POSITIVE_INFINITY : startedAt + fate.afterMs;
  if (canceledAt !== null && canceledAt < endsAt) return { outcome: 'canceled', endsAt: canceledAt };
  return { outcome: fate.outcome === 'failed' ? 'failed' : 'installed', endsAt };
}

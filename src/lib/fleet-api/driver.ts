/**
 * What a campaign asks of a fleet server, in words that fit hawkBit, Mender and AWS IoT Jobs alike. What a server cannot
 * do, its driver says in `capabilities`, and the campaign does it on this side.
 *
 * Everything that changes something may be asked for again with the same arguments and does it once.
 */
export interface FleetDriver extends AsyncDisposable {
  readonly kind: 'fleet' | 'hawkbit';
  /** As plans name it: `https://fleet.example.com`. */
  readonly address: string;
  readonly capabilities: DriverCapabilities;

  /**
   * Devices page by page, in ascending order of their names.
   *
   * @param where FIQL; empty: all
   * @throws OtaError USAGE for a filter that this server cannot answer
   */
  devices(where: string, signal?: AbortSignal): AsyncIterable<readonly FleetDevice[]>;

  /** What devices can be given for a package; undefined: it was not sent there yet. */
  findSoftware(release: ReleaseName, signal?: AbortSignal): Promise<DriverSoftware | undefined>;

  /**
   * What the server knows of the releases of a product, in any order. Only servers that read packages have it; a plan
   * says then which devices cannot go back, and what they have where they do not tell.
   */
  releases?(product: string, signal?: AbortSignal): Promise<readonly DriverRelease[]>;

  /** Sends a package. @throws OtaError CONFLICT, SEQUENCE_CONFLICT: the server has another one of this version */
  sendSoftware(release: ReleaseName, file: SoftwareFile, signal?: AbortSignal): Promise<DriverSoftware>;

  /**
   * Makes a portion known at the server, without any device being given anything. Devices that the server no longer knows
   * do not stand in the way of the others: they are `gone`.
   *
   * @returns a reference, that is to be kept and means nothing to anybody else
   * @throws OtaError NOT_FOUND: the software is no longer known; CONFLICT: something else has its name
   */
  prepare(portion: DriverPortion, signal?: AbortSignal): Promise<string>;

  /** Gives it to the devices. @throws OtaError NOT_FOUND: the server has forgotten it */
  start(ref: string, signal?: AbortSignal): Promise<void>;

  /** How it goes. @throws OtaError NOT_FOUND: the server has forgotten it */
  progress(ref: string, options: ProgressOptions, signal?: AbortSignal): Promise<PortionProgress>;

  /** The devices of an outcome, page by page, in no particular order. Of `gone` none: the server has forgotten their names. */
  outcomes(
    ref: string,
    outcome: DeviceOutcome,
    options: ProgressOptions,
    signal?: AbortSignal,
  ): AsyncIterable<readonly OutcomeEntry[]>;

  /**
   * Holds a portion back as far as the server can: at least no further device is given it. `fleet serve` also holds back
   * devices that were given it and have not begun; a hawkBit, Mender and AWS IoT do not, and those go on.
   */
  pause(ref: string, signal?: AbortSignal): Promise<void>;

  /** Lets a portion go on that the server has paused by itself; does nothing to one that is going on. */
  resume(ref: string, signal?: AbortSignal): Promise<void>;

  /** No further device gets it; those that have not finished are asked to let go of it. Also of one never started. */
  stop(ref: string, signal?: AbortSignal): Promise<void>;

  /** Removes what only the portion needed, such as its tag; what happened stays. */
  forget(ref: string, signal?: AbortSignal): Promise<void>;

  /** Stops every rollout at the server, whoever made it. @returns their names */
  stopAll(signal?: AbortSignal): Promise<readonly string[]>;

  /**
   * Measures what devices tell. Only with the capability `telemetry`.
   *
   * @returns undefined: nobody told anything
   */
  measure?(measure: DriverMeasure, signal?: AbortSignal): Promise<{ value: number; sample: number } | undefined>;
}

export interface DriverCapabilities {
  /** It runs campaigns itself: they go on when this process ends. */
  readonly campaigns: boolean;
  /** It tells what it measures on devices: health gates. */
  readonly telemetry: boolean;
  /** It cuts a package for each device's base, and tells sizes. */
  readonly cuts: boolean;
  /** Devices can be told to install in a maintenance window only. */
  readonly windows: boolean;
  /** A portion stops by itself above an error threshold. */
  readonly errorThreshold: boolean;
}

export interface FleetDevice {
  readonly id: string;
  readonly group: string | null;
  readonly tags: readonly string[];
  /** What it tells about itself; see docs/device-attributes.md. Empty where the server tells only on asking for each. */
  readonly attributes: Readonly<Record<string, string>>;
  /** What operators note about it. Empty where the server tells only on asking for each. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What it has, as far as the server knows. */
  readonly installed: DriverSoftware | null;
  /** What it is on its way to, where that is something else. */
  readonly assigned: DriverSoftware | null;
  /** Null: the server does not know. */
  readonly online: boolean | null;
  /** Milliseconds since 1970; null: never. */
  readonly lastSeenAt: number | null;
}

/** As `SoftwareRef` of a plan. */
export interface DriverSoftware {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly digest: string | null;
}

/** As the package's metadata has it. */
export interface DriverRelease {
  /** SHA-256 of the metadata. */
  readonly digest: string;
  readonly version: string;
  readonly sequence: number;
  readonly securityCounter: number;
  /** Null: nothing is said, so a device goes back to nothing before it. */
  readonly rollback: { readonly allowed: boolean; readonly minVersion?: string | undefined } | null;
  /** What each component becomes. */
  readonly components: readonly { readonly component: string; readonly version: string; readonly sha256: string }[];
  /** No device is given it any more. */
  readonly isYanked: boolean;
}

export interface ReleaseName {
  readonly product: string;
  readonly version: string;
  /** SHA-256 of the metadata. */
  readonly digest: string;
}

export interface SoftwareFile {
  readonly filename: string;
  readonly size: number;
  /** Each call reads from the start; the chunks may be kept. */
  open(): AsyncIterable<Uint8Array>;
  onBytes?(sent: number): void;
}

export interface DriverPortion {
  /** Unique at the server: what is found under this name is this portion, made before. */
  readonly name: string;
  readonly description: string;
  readonly software: DriverSoftware;
  readonly devices: readonly string[];
  /** Percent of its devices; above, the server gives it to no further one. */
  readonly errorThresholdPercent: number;
  readonly window: { readonly schedule: string; readonly duration: string; readonly timezone: string } | null;
}

export interface ProgressOptions {
  /** A device on its way that tells nothing for so long is stuck, milliseconds; Infinity: never. */
  readonly silentForMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** `already`: had the update, or was on its way to it, before. */
export const DEVICE_OUTCOMES = [
  'waiting',
  'running',
  'stuck',
  'installed',
  'failed',
  'canceled',
  'already',
  'gone',
] as const;
export type DeviceOutcome = (typeof DEVICE_OUTCOMES)[number];

export interface PortionProgress {
  /** `preparing`: it cannot be started yet; `paused`: the server did that by itself, or somebody there. */
  readonly status: 'preparing' | 'prepared' | 'running' | 'paused' | 'stopped' | 'finished';
  /** Devices it was made for: those of `DriverPortion.devices`. The counts add up to it. */
  readonly total: number;
  readonly counts: Readonly<Record<DeviceOutcome, number>>;
}

export interface OutcomeEntry {
  readonly device: string;
  /** What the device or the server said last; empty: nothing. */
  readonly message: string;
}

export interface DriverMeasure {
  /** Of which devices: those of these portions that have the update; with `outsideOf`, of all others of a filter, as control group. */
  readonly refs: readonly string[];
  /** FIQL: devices that match it and belong to none of the portions; absent: those of the portions. */
  readonly outsideOf?: string;
  readonly of: /** Share of messages that tell of an error, percent. */
    | { readonly kind: 'errorRate' }
    /** Share of devices that are offline, percent. */
    | { readonly kind: 'offline' }
    /** Of a number in telemetry, named by its path: `latencyMs`, `battery.level`. `quantile` from 0 to 1, or the mean. */
    | { readonly kind: 'metric'; readonly path: readonly string[]; readonly quantile: number | 'mean' };
  /** Milliseconds since 1970. */
  readonly since: number;
}

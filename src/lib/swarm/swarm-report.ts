import { isSettled } from './decide.js';
import type { Contact, Phase, UpdateEnd, VirtualDevice } from './device.js';
import type { VerifyMode } from './installer.js';
import type { LatencyReport } from './latency.js';
import type { RequestKind, Tally, TelemetryCounts } from './tally.js';

/** What a device is in a table: how far it is with an update, or why it is not served. */
export type DeviceState = Phase | Exclude<Contact, 'served'>;

/** How a swarm gets on. */
export interface SwarmProgress {
  readonly seconds: number;
  /** Of the last second or so. */
  readonly pollsPerSecond: number;
  readonly polls: number;
  /** Devices that are downloading now. */
  readonly downloading: number;
  readonly receivedBytes: number;
  readonly states: Partial<Record<DeviceState, number>>;
  readonly updates: Record<UpdateEnd['result'], number>;
  readonly errors: number;
  readonly telemetry: TelemetryCounts;
}

/** What became of a swarm. */
export interface SwarmReport {
  readonly devices: number;
  readonly seed: number;
  readonly seconds: number;
  readonly isInterrupted: boolean;
  readonly states: Partial<Record<DeviceState, number>>;
  readonly versions: Record<string, number>;
  readonly updates: Record<UpdateEnd['result'], number>;
  readonly polls: number;
  readonly pollsPerSecond: number;
  readonly requests: Partial<Record<RequestKind, LatencyReport>>;
  /** From when a step of a device was due to when it began: a swarm that lags measures itself. */
  readonly lag: LatencyReport;
  readonly downloads: number;
  readonly receivedBytes: number;
  /** `none`: packages were downloaded, but nothing but their SHA-256 was checked. */
  readonly verification: { readonly mode: VerifyMode | 'none'; readonly made: number; readonly shared: number };
  readonly telemetry: TelemetryCounts;
  readonly errors: Record<string, number>;
}

export type SwarmEvent =
  | { readonly type: 'registered'; readonly devices: number; readonly total: number }
  | { readonly type: 'started'; readonly devices: number; readonly seed: number; readonly server: string }
  | ({ readonly type: 'update'; readonly device: string } & UpdateEnd)
  | ({ readonly type: 'progress' } & SwarmProgress);

export function stateOf({ contact, phase }: VirtualDevice): DeviceState {
  return contact === 'served' || (contact === 'none' && phase !== 'idle') ? phase : contact;
}

export function swarmProgress(
  devices: readonly VirtualDevice[],
  tally: Tally,
  now: { seconds: number; pollsPerSecond: number },
): SwarmProgress {
  const states = countedBy(devices, stateOf);
  return {
    ...now,
    polls: tally.countOf('poll'),
    downloading: states.downloading ?? 0,
    receivedBytes: tally.receivedBytes,
    states,
    updates: { ...tally.updates },
    errors: Object.values(tally.errors).reduce((sum, count) => sum + count, 0),
    telemetry: { ...tally.telemetry },
  };
}

export function swarmReport(
  devices: readonly VirtualDevice[],
  tally: Tally,
  run: Pick<SwarmReport, 'seed' | 'seconds' | 'isInterrupted'> & { verify: VerifyMode | 'none' },
): SwarmReport {
  const { verify, ...rest } = run;
  const polls = tally.countOf('poll');
  return {
    devices: devices.length,
    ...rest,
    states: countedBy(devices, stateOf),
    versions: countedBy(devices, ({ installed }) => installed.version),
    updates: { ...tally.updates },
    polls,
    pollsPerSecond: run.seconds > 0 ? Math.round((polls * 10) / run.seconds) / 10 : 0,
    requests: tally.requests,
    lag: tally.lag.report(),
    downloads: tally.downloads,
    receivedBytes: tally.receivedBytes,
    verification: { mode: verify, ...tally.verified },
    telemetry: { ...tally.telemetry },
    errors: tally.errors,
  };
}

/** Whether every device has been told that there is nothing to do since something was done last. */
export function areIdle(devices: readonly VirtualDevice[], polledMs: Float64Array, activeMs: number): boolean {
  return devices.every((device, index) => isSettled(device) && polledMs[index]! > activeMs);
}

function countedBy<T, K extends string>(all: readonly T[], keyOf: (one: T) => K): Record<K, number> {
  const counts = {} as Record<K, number>;
  for (const one of all) counts[keyOf(one)] = (counts[keyOf(one)] ?? 0) + 1;
  return counts;
}

import { type Pacing, systemPacing } from '../net/pacing.js';
import type { DriverCapabilities, FleetDriver } from './driver.js';
import type { FleetClient } from './fleet-client.js';
import { hawkbitDevices } from './hawkbit/devices.js';
import { ActionWords, type HawkbitServer } from './hawkbit/hawkbit-server.js';
import { outcomesOf } from './hawkbit/outcomes.js';
import { readRef } from './hawkbit/portion-ref.js';
import { preparePortion } from './hawkbit/prepare-portion.js';
import { progressOf } from './hawkbit/progress.js';
import { findSet, sendSet } from './hawkbit/software.js';
import { forgetPortion, pausePortion, resumePortion, startPortion } from './hawkbit/start-portion.js';
import { stopAllRollouts, stopPortion } from './hawkbit/stop.js';

const CAPABILITIES: DriverCapabilities = {
  campaigns: false,
  telemetry: false,
  cuts: false,
  windows: true,
  errorThreshold: true,
};

export interface HawkbitDriverOptions {
  /** As plans name it. */
  readonly address: string;
  readonly pacing?: Pacing;
}

/** A hawkBit, from 0.9 on. The client is the caller's, and the driver's to end. */
export function openHawkbitDriver(client: FleetClient, { address, pacing }: HawkbitDriverOptions): FleetDriver {
  const server = hawkbitServer(client, { pacing, tellsEachReport: false });
  return {
    kind: 'hawkbit',
    address,
    capabilities: CAPABILITIES,
    devices: (where, signal) => hawkbitDevices(server, where, signal),
    findSoftware: (release, signal) => findSet(client, release, signal),
    sendSoftware: (release, file, signal) => sendSet(client, release, file, signal),
    ...portionsOf(server),
  };
}

export function hawkbitServer(
  client: FleetClient,
  { pacing = systemPacing, tellsEachReport }: { pacing: Pacing | undefined; tellsEachReport: boolean },
): HawkbitServer {
  return { client, pacing, tellsEachReport, words: new ActionWords(), tagging: { way: 0 } };
}

type Portions = Pick<
  FleetDriver,
  | 'prepare'
  | 'start'
  | 'progress'
  | 'outcomes'
  | 'pause'
  | 'resume'
  | 'stop'
  | 'forget'
  | 'stopAll'
  | typeof Symbol.asyncDispose
>;

/** What is the same wherever hawkBit's Management API is spoken. */
export function portionsOf(server: HawkbitServer): Portions {
  return {
    prepare: (portion, signal) => preparePortion(server, portion, signal),
    start: async (ref, signal) => startPortion(server, readRef(ref), signal),
    progress: async (ref, options, signal) => progressOf(server, readRef(ref), options, signal),
    outcomes: (ref, outcome, options, signal) => outcomesOf(server, readRef(ref), outcome, options, signal),
    pause: async (ref, signal) => pausePortion(server, readRef(ref), signal),
    resume: async (ref, signal) => resumePortion(server, readRef(ref), signal),
    stop: async (ref, signal) => stopPortion(server, readRef(ref), signal),
    forget: async (ref, signal) => forgetPortion(server, readRef(ref), signal),
    stopAll: (signal) => stopAllRollouts(server, signal),
    [Symbol.asyncDispose]: () => server.client[Symbol.asyncDispose](),
  };
}

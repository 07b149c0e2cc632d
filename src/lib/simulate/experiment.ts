import type { Clock } from '../core/clock.js';
import type { RandomAccess } from '../core/random-access.js';
import type { DiskState, Geometry } from './disk.js';
import type { Updater } from './updater.js';

/** What is known for certain about a release. */
export interface KnownRelease {
  digest: string;
  version: string;
  /** SHA-256 by component, of every component of the device. */
  images: Record<string, string>;
  securityCounter: number;
}

/** All that the lives of one exploration have in common. */
export interface Experiment {
  updater: Updater;
  /** The device as it leaves the factory, running `old`. */
  factory: DiskState;
  geometry: Geometry;
  /** Stands still: time is no part of what is explored. */
  clock: Clock;
  package: RandomAccess;
  old: KnownRelease;
  new: KnownRelease;
  /** Boots that the new release has until it must be confirmed. */
  bootAttempts: number;
  /** Chooses garbage, flipped bits and random cuts. */
  seed: number;
}

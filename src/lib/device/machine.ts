import type { Clock } from '../core/clock.js';
import type { DeviceFs } from './device-fs.js';
import type { MonotonicCounter } from './monotonic-counter.js';

/** What a device consists of. Each step opens it anew from this, so that nothing but files survives between two. */
export interface Machine {
  fs: DeviceFs;
  clock: Clock;
  counter?: MonotonicCounter;
}

import type { RandomAccess } from '../core/random-access.js';
import type { Layout } from '../device/layout.js';
import type { AuthenticPackage } from '../package/authenticate.js';
import type { Cuts } from './plan.js';
import type { BootsSpec } from './scenario.js';
import type { Updater } from './updater.js';

/** A package, the device that it is for, and how hard to try. */
export interface SimulationRequest {
  pkg: AuthenticPackage;
  /** The package file: what the device fetches. */
  data: RandomAccess;
  /** Images that the device comes with, by component. */
  bases: ReadonlyMap<string, RandomAccess>;
  /** Their version; by default what the package says of its base. */
  baseVersion?: string | undefined;
  /** Their anti-rollback counter; by default that of the package, so that the device may go back. */
  baseSecurityCounter?: number | undefined;
  /** By default one with two slots for each component that fits the images. */
  layout?: Layout | undefined;
  /** The device's trust root, as `root.N.json` has it. */
  trustRoot: Uint8Array;
  allowTestKeys: boolean;
  /** By default `everyBoots`. */
  boots?: readonly BootsSpec[] | undefined;
  cuts: Cuts;
  /** `random`: lives for each behaviour of the firmware. */
  runs?: number | undefined;
  seed: number;
  /** Another updater than that of this program, which is then explored in this thread. */
  updater?: Updater | undefined;
  /** Threads; by default as many as there are cores. */
  workers?: number | undefined;
  /** Raised: the report is about what was done until then. */
  signal?: AbortSignal | undefined;
  /** @param total as far as it can be known */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

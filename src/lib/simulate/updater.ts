import type { RandomAccess } from '../core/random-access.js';
import type { Machine } from '../device/machine.js';

/** How the firmware of a release behaves once it boots. */
export type FirmwareBehaviour = 'good' | 'fails' | 'hangs';

/** What a boot ended with. */
export interface BootOutcome {
  /** Digest of the release that booted. */
  release: string;
  /** The image that was started, by component: the first `size` bytes of a file. The explorer hashes them itself. */
  images: Record<string, { file: string; size: number }>;
  onTrial: boolean;
}

/** What a device tells about itself. */
export interface DeviceFacts {
  /** Digest of the release that boots when nothing is on trial. */
  confirmed: string;
  /** Stored anti-rollback counter. */
  securityCounter: number;
  /** Number of its last commit. */
  sequence: number;
  /** Its event log, oldest first: one event for each commit; a confirmation may be two commits with one event. */
  events: { sequence: number; type: string; release: string }[];
}

/**
 * The updater under test. The real one stands in `real-updater.ts`; broken ones prove that the explorer
 * finds what is broken. Each call starts from the machine alone: nothing is remembered between two.
 */
export interface Updater {
  /** Starts the boot loader and, if it finds something to boot, that firmware. */
  boot(machine: Machine, behaviourOf: (release: string) => FirmwareBehaviour): Promise<BootOutcome>;
  /** Brings a package to the device, going on where an earlier attempt was cut. */
  download(machine: Machine, delivery: Delivery): Promise<void>;
  /** Installs the package, after bringing what is not there. */
  install(machine: Machine, delivery: Delivery): Promise<void>;
  confirm(machine: Machine): Promise<void>;
  rollback(machine: Machine): Promise<void>;
  /** Changes nothing. */
  facts(machine: Machine): Promise<DeviceFacts>;
}

/** A package at its server. */
export interface Delivery {
  data: RandomAccess;
  /** Called with the bytes of each piece that the device fetches. */
  onFetched(bytes: number): void;
}

import type { RandomAccess } from '../core/random-access.js';
import type { Machine } from '../device/machine.js';

/** How the firmware of a release behaves once it boots. */
export type FirmwareBehaviour = 'good' | 'fails' | 'hangs';

/** What a boot ended with. */
export interface BootOutcome {
  /** Digest of the release that booted. */
  release: string;
  /** SHA-256 of the booted image, by component. */
  images: Record<string, string>;
  onTrial: boolean;
}

/**
 * The updater under test. The real one stands in `real-updater.ts`; broken ones prove that the explorer
 * finds what is broken.
 */
export interface Updater {
  /** Starts the boot loader and, if it finds something to boot, that firmware. */
  boot(machine: Machine, behaviourOf: (release: string) => FirmwareBehaviour): Promise<BootOutcome>;
  /** Brings a package to the device, going on where an earlier attempt was cut, and installs it. */
  install(machine: Machine, delivery: Delivery): Promise<void>;
  confirm(machine: Machine): Promise<void>;
  rollback(machine: Machine): Promise<void>;
}

/** A package at its server. */
export interface Delivery {
  data: RandomAccess;
  /** Called with the bytes of each piece that the device fetches. */
  onFetched(bytes: number): void;
}

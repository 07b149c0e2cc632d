/** A complete, verified image in a slot. A slot that is not listed holds nothing that may boot. */
export interface SlotContent {
  version: string;
  /** Bytes. */
  size: number;
  sha256: string;
  /** Digest of the release it came with. */
  release: string;
}

/** Which slot each component boots from, and the release that this set is. */
export interface BootSet {
  release: string;
  /** Slot by component. */
  slots: Record<string, string>;
}

/** A release as policy knows it, kept after its package is gone. */
export interface ReleaseRecord {
  /** SHA-256 of its metadata. */
  digest: string;
  version: string;
  sequence: number;
  securityCounter: number;
  /** SHA-256 of every component's image when it ran, also of those that its package did not bring. */
  images: Record<string, string>;
  /** Versions of the components, where another one than `version`. */
  versions?: Record<string, string>;
  createdAt?: string;
  rollback?: { allowed: boolean; minVersion?: string };
  /** Every key of the product's release role when it was installed. */
  releaseKeyids?: string[];
  /** Put there by the manufacturer: trusted by its hash, since nobody signed it. */
  factory?: boolean;
}

/** A set that must still prove itself. */
export interface Trial extends BootSet {
  intent: 'install' | 'rollback';
  record: ReleaseRecord;
  /** Boots left, counted down before each. */
  attemptsLeft: number;
  /** Time from its first boot until it must be confirmed. */
  timeoutSeconds: number;
  /** Present once it has booted: milliseconds since the epoch of its first boot. */
  startedAt?: number;
}

/** What a commit of the boot control block did. The log repeats it for people. */
export interface DeviceEvent {
  type:
    | 'initialised'
    | 'installing'
    | 'activated'
    | 'boot-attempt'
    | 'watchdog'
    | 'confirmed'
    | 'reverted'
    | 'fell-back'
    | 'swapping'
    | 'swapped';
  /** RFC 3339. */
  time: string;
  /** The release it is about. */
  release: string;
  version: string;
  /** `reverted`, `fell-back`: why. */
  reason?: string;
}

/**
 * All that decides what boots and what may be installed, committed as one: two copies, written in turn.
 * What it does not mention does not count.
 */
export interface BootControl {
  /** Number of this commit. */
  sequence: number;
  event: DeviceEvent;
  /** What boots when nothing is on trial. */
  active: BootSet;
  trial?: Trial;
  /** A component whose two images are being exchanged: neither may boot until that is done. */
  swap?: {
    component: string;
    /** Sequence of the commit that began it. */
    id: number;
  };
  /** Complete images: by component, then by slot. */
  slots: Record<string, Record<string, SlotContent>>;
  /** Confirmed releases, oldest first; the one of `active` is among them. */
  releases: ReleaseRecord[];
  /** Stored anti-rollback counter. */
  securityCounter: number;
  /** RFC 3339: the latest time that somebody trusted has vouched for. */
  timeFloor?: string;
  /** Which `trust-root.N.json` holds, by version and SHA-256 of the file. */
  trustRoot: { version: number; sha256: string };
  /** Counts the commits that must not be undone by putting old files back. */
  epoch: number;
}

/** What an exploration found. The JSON of `ota simulate --json`, and what the HTML page draws. */
export interface SimulationReport {
  package: { name: string; digest: string; version: string };
  /** Without a version where neither the package nor anybody else names it. */
  base: { version?: string };
  layout: {
    eraseBlockBytes: number;
    writeAlignmentBytes: number;
    components: Record<string, { slots: string[]; slotBytes: number }>;
  };
  cuts: string;
  seed: number;
  /** False when it was interrupted: the figures are what was covered until then. */
  complete: boolean;
  scenarios: ScenarioReport[];
  totals: {
    operations: number;
    faultPoints: number;
    /** Distinct states after a fault: each was run to its end. */
    states: number;
    /** Fault points whose state was one of those. */
    merged: number;
    /** Pairs of cuts among the fault points. */
    pairs: number;
    worstBoots: number;
    /** Most bytes written to slots again because of a fault. */
    rewrittenBytes: number;
    /** Most bytes fetched again because of a fault. */
    refetchedBytes: number;
    violations: number;
  };
  /** At most one for each invariant and scenario: the one with the shortest trace. */
  violations: Violation[];
  elapsedSeconds: number;
  faultPointsPerSecond: number;
}

/** One life of a device that was cut in every place. */
export interface ScenarioReport {
  /** `good`, `bad:3`, `hang`. */
  boots: string;
  operations: OperationReport[];
  faultPoints: number;
  states: number;
  merged: number;
  pairs: number;
  worstBoots: number;
  /** Why the life has no rollback by wish, where the device allows none. */
  noRollback?: string;
}

/** A persistent operation of the undisturbed life, and what became of the devices that a fault hit there. */
export interface OperationReport {
  index: number;
  /** `install`, `boot`, `confirm`, `rollback`. */
  step: string;
  kind: 'write' | 'erase' | 'truncate' | 'sync' | 'rename' | 'remove' | 'syncDirectory';
  file: string;
  position?: number;
  length?: number;
  /** Fault points here. */
  faultPoints: number;
  /** How many of the faults left the device, at its next boot, on the old, the new, or no image at all. */
  bootedOld: number;
  bootedNew: number;
  violations: number;
}

export interface Violation {
  /** `boots-whole-image`, `old-or-new`, … */
  invariant: string;
  /** One sentence: what happened, against what must. */
  message: string;
  scenario: string;
  /** What was done to the device and what it did, in order; as short as it could be made. */
  trace: string[];
  /** For `ota simulate --replay`. */
  replay: string;
}

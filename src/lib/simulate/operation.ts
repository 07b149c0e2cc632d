import type { Change, Disk } from './disk.js';

export type OperationKind = 'write' | 'erase' | 'truncate' | 'sync' | 'rename' | 'remove' | 'syncDirectory';

/** A persistent operation as it was asked for. */
export interface Operation {
  kind: OperationKind;
  /** Of a rename: the new name. Of `syncDirectory`: empty. */
  file: string;
  position?: number;
  /** Bytes; of a truncate: the new size. */
  length?: number;
}

/** An operation together with all that is needed to cut the power in it. */
export interface RecordedOperation extends Operation {
  before: Disk;
  /** What it adds to what is pending; none for a sync. */
  changes: readonly Change[];
  after: Disk;
}

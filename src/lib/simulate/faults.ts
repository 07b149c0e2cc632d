import { OtaError } from '../core/errors.js';
import type { Operation } from './operation.js';

/** What storage does other than losing power. All of them end with the command that met them. */
export const DISK_FAULTS = ['no-space', 'io-error', 'io-error-lasting', 'short-write', 'read-only'] as const;
export type DiskFault = (typeof DISK_FAULTS)[number];

/** A disk fault at one operation of a step. */
export interface PlannedFault {
  /** Counted from the start of the step. */
  operation: number;
  fault: DiskFault;
}

/** The faults that can hit an operation. */
export function diskFaultsAt({ kind, length = 0 }: Operation, writeAlignmentBytes: number): DiskFault[] {
  return DISK_FAULTS.filter((fault) => {
    if (fault === 'no-space') return kind !== 'remove' && kind !== 'truncate';
    if (fault === 'short-write') return kind === 'write' && length > writeAlignmentBytes;
    return true;
  });
}

/** Whether a fault also hits the operations that follow. */
export function isLasting(fault: DiskFault): boolean {
  return fault === 'io-error-lasting' || fault === 'read-only';
}

export function diskError(fault: DiskFault, file: string): OtaError {
  const name = file === '' ? 'the folder' : file;
  switch (fault) {
    case 'no-space':
    case 'short-write':
      return new OtaError('NO_SPACE', `${name}: no space left on the device`);
    case 'io-error':
    case 'io-error-lasting':
      return new OtaError('IO_FAILED', `${name}: EIO: i/o error`);
    case 'read-only':
      return new OtaError('IO_FAILED', `${name}: the file system is read-only`);
  }
}

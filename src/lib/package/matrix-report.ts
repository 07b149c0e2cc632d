import type { ErrorCode } from '../core/errors.js';
import type { DeltaFormat } from '../delta/formats.js';
import type { ImageDigest, PayloadFormat } from './metadata.js';

/** One delta of the matrix: what it costs, or why there is none. */
export type MatrixCell = {
  format: PayloadFormat;
  /** Whether the devices apply it. */
  accepted: boolean;
} & (MeasuredCell | { why: { code: ErrorCode; message: string } });

export interface MeasuredCell {
  /** What a device downloads, bytes. */
  size: number;
  /** To make it and to prove it, while others may have been made beside it. */
  seconds: number;
  applyMemoryBytes: number;
  storageBytes: number;
  /** The most memory that the process had while it was made alone, Node among it, bytes; absent for the full image. */
  makingMemoryBytes?: number;
  /** What would make it smaller, a sentence each. */
  notes?: string[];
}

/** One base: everything that would bring a device with it to the new image. */
export interface MatrixRow {
  base: Omit<ImageDigest, 'version'> & { name: string };
  /** In the order of the columns: `full`, then the formats of deltas. */
  cells: MatrixCell[];
  /** The smallest of what the devices apply; absent where they apply none. */
  chosen?: { format: PayloadFormat; size: number };
  isOverBudget: boolean;
}

/** What `ota matrix --json` prints. */
export interface MatrixReport {
  target: Omit<ImageDigest, 'version'> & { name: string };
  formats: DeltaFormat[];
  deviceFormats: PayloadFormat[];
  budgetBytes?: number;
  rows: MatrixRow[];
  /** Bases that are the new image itself, or another base once more. */
  skipped: string[];
  /** Where the chart is. */
  chart?: string;
}

/** The smallest that devices apply; of equal ones the full image, which needs no base. */
export function chooseCell(cells: readonly MatrixCell[]): MatrixRow['chosen'] {
  const measured = cells.flatMap((cell) => ('size' in cell && cell.accepted ? [cell] : []));
  const smallest = measured.sort((a, b) => a.size - b.size)[0];
  return smallest && { format: smallest.format, size: smallest.size };
}

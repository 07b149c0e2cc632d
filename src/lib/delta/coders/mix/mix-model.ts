import { DifferenceModel } from './difference-model.js';
import { LiteralModel } from './literal-model.js';
import { History } from './match-model.js';
import { CounterTable } from './mixer.js';
import { NumberModel } from './number-model.js';
import type { BitCoder } from './range-coder.js';

export const MIN_TABLE_BITS = 16;
export const MAX_TABLE_BITS = 22;
const MAX_HISTORY_BITS = 20;
/** Mixers, curves and places of the history, bytes: rounded up. */
const FIXED_BYTES = 512 * 1024;

/** Compressed bytes that coding this many bytes, or as many numbers, may take at most. */
export const mostCompressedBytes = (count: number) => 16 * count + 128;

/**
 * Everything that the mixing coder knows of what it codes; encoder and decoder each have one and teach
 * it the same. docs/delta-format.md, "The mixing coder"
 */
export class MixModel {
  readonly table: CounterTable;
  readonly differences: DifferenceModel;
  readonly literals: LiteralModel;
  readonly numbers: NumberModel;

  /**
   * @param tableBits log2 of the number of counters, which take four bytes each
   * @param columns   kinds of numbers
   */
  constructor(coder: BitCoder, tableBits: number, columns: number) {
    const table = new CounterTable(tableBits);
    this.table = table;
    const history = new History(historyBits(tableBits));
    this.differences = new DifferenceModel(coder, table, history);
    this.literals = new LiteralModel(coder, table, history);
    this.numbers = new NumberModel(coder, table, columns);
  }
}

/** Counters for an image: four bytes for each of its own, up to 16 MiB. */
export function chooseTableBits(targetSize: number): number {
  let bits = MIN_TABLE_BITS;
  while (bits < MAX_TABLE_BITS && 2 ** bits < targetSize) bits++;
  return bits;
}

/** The usual number of counters for an image, then those that take less memory; log2. */
export function tableBitsFor(targetSize: number): number[] {
  const most = chooseTableBits(targetSize);
  return Array.from({ length: most - MIN_TABLE_BITS + 1 }, (_, less) => most - less);
}

/** What a model takes, bytes. */
export function mixMemoryBytes(tableBits: number): number {
  return 4 * 2 ** tableBits + 2 ** historyBits(tableBits) + FIXED_BYTES;
}

function historyBits(tableBits: number): number {
  return Math.min(tableBits, MAX_HISTORY_BITS);
}

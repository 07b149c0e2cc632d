import { type CounterTable, hash, Mixer } from './mixer.js';
import type { BitCoder } from './range-coder.js';

const MAX_BITS = 53;
/** Bits below the leading ones depend on those above; further down they are noise. */
const MODELLED_BITS = 12;

/**
 * Codes columns of integers: how many bits a number has, then its bits from the top.
 *
 * @see P. Elias: Universal codeword sets and representations of the integers (1975), the gamma code
 */
export class NumberModel {
  readonly #table: CounterTable;
  readonly #mixer: Mixer;
  /** Number of bits of the last three numbers of each column. */
  readonly #past: Int32Array;

  /** @param columns how many kinds of number there are */
  constructor(coder: BitCoder, table: CounterTable, columns: number) {
    this.#table = table;
    this.#past = new Int32Array(columns * 3);
    this.#mixer = new Mixer(coder, table, { contexts: 4, sets: columns * 2, curves: 1 });
  }

  /**
   * @param column which kind of number
   * @param beside a number of at most 32 bits, known to both sides, that this one may depend on
   * @returns a number from 0 to 2^53 − 1
   */
  unsigned(column: number, value: number, beside = 0): number {
    const bits = this.#bitCount(column, bitLength(value), beside);
    if (bits < 2) return bits;
    let partial = 1;
    for (let place = bits - 2; place >= 0; place--) {
      const bit = Math.floor(value / 2 ** place) % 2;
      partial = partial * 2 + this.#bit(column, bit, bits, partial, beside);
    }
    return partial;
  }

  #bitCount(column: number, bits: number, beside: number): number {
    const table = this.#table;
    const { places } = this.#mixer;
    const past = this.#past;
    const at = column * 3;
    const one = past[at]!;
    const two = past[at + 1]!;
    let count = 0;
    for (; count < MAX_BITS; count++) {
      const here = column * 64 + count;
      places[0] = table.cell(hash(51, here));
      places[1] = table.cell(hash(52, here + one * 65536));
      places[2] = table.cell(hash(hash(53, here + one * 65536), two));
      places[3] = table.cell(hash(hash(54, here), beside));
      if (this.#mixer.code(count < bits ? 1 : 0, 0, column * 2, 0) === 0) break;
    }
    past[at + 2] = two;
    past[at + 1] = one;
    past[at] = count;
    return count;
  }

  #bit(column: number, bit: number, bits: number, partial: number, beside: number): number {
    const table = this.#table;
    const { places } = this.#mixer;
    const here = column * 64 + bits;
    const known = partial < 2 ** MODELLED_BITS ? partial : 2 ** MODELLED_BITS + bitLength(partial);
    places[0] = table.cell(hash(hash(61, here), known));
    places[1] = table.cell(hash(hash(62, column), bits * 64 + bitLength(partial)));
    places[2] = table.cell(hash(hash(63, here + this.#past[column * 3 + 1]! * 65536), known));
    places[3] = table.cell(hash(hash(64, here + known * 65536), beside));
    return this.#mixer.code(bit, 0, column * 2 + 1, 0);
  }
}

/** Bits that a number takes; 0 for 0. */
function bitLength(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32));
}

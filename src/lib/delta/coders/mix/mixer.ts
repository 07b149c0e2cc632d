import { LOGISTIC_ZERO, SQUASH, STRETCH } from './logistic.js';
import type { BitCoder } from './range-coder.js';

/** A probability of 22 bits above a count of 10 bits: nothing seen yet, one half. */
const FRESH = 1 << 31;
/** Where a probability stops averaging and starts to forget: contexts of firmware change as the image goes on. */
const COUNT_LIMIT = 16;
/** 4096 / (n + 1.5): how far the (n+1)th observation moves a probability. */
const RATES = Int32Array.from({ length: COUNT_LIMIT + 1 }, (_, n) => Math.floor(8192 / (2 * n + 3)));
const FIRST_WEIGHT = 19661; // 0.3
const MAX_WEIGHT = 2 ** 19 - 1;
const LEARNING_RATE = 4;
/** Cells of an adaptive curve from probability to probability. */
const CURVE_CELLS = 33;

/** Nodes of a tree of four decisions lie together, in one line of a cache. */
const TREE_BITS = 4;

/** Counters that all decisions share: 32 bits each, found by hashes of contexts. */
export class CounterTable {
  readonly cells: Int32Array;
  readonly #shift: number;

  /** @param bits log2 of the number of cells, 10 to 24 */
  constructor(bits: number) {
    this.cells = new Int32Array(2 ** bits).fill(FRESH);
    this.#shift = 32 - bits;
  }

  /** Where the counter of a context lies. */
  cell(hash: number): number {
    return hash >>> this.#shift;
  }

  /** Where the sixteen counters of a context lie whose decisions are the nodes 1 to 15 of a tree. */
  tree(hash: number): number {
    return (hash >>> (this.#shift + TREE_BITS)) << TREE_BITS;
  }
}

/**
 * One kind of binary decision: several predictions, each from the history of one context, are mixed in the
 * logistic domain by weights that learn, and the result is corrected by a curve that learns.
 *
 * All arithmetic is in integers of 32 bits.
 *
 * @see M. Mahoney: Adaptive weighing of context models for lossless data compression (2005), sections 2 and 3
 */
export class Mixer {
  /** Where the counters of the next decision's contexts lie; the caller fills them. */
  readonly places: Int32Array;
  /** Further predictions in the logistic domain, −2047 to 2047; the caller fills them. */
  readonly opinions: Int32Array;
  readonly #coder: BitCoder;
  readonly #cells: Int32Array;
  readonly #inputs: Int32Array;
  readonly #weights: Int32Array;
  readonly #curves: Int32Array;

  constructor(
    coder: BitCoder,
    table: CounterTable,
    { contexts, opinions = 0, sets, curves }: { contexts: number; opinions?: number; sets: number; curves: number },
  ) {
    this.#coder = coder;
    this.#cells = table.cells;
    this.places = new Int32Array(contexts);
    this.opinions = new Int32Array(opinions);
    this.#inputs = new Int32Array(contexts + opinions);
    this.#weights = new Int32Array(sets * (contexts + opinions)).fill(FIRST_WEIGHT);
    this.#curves = new Int32Array(curves * CURVE_CELLS);
    for (let i = 0; i < this.#curves.length; i++) {
      this.#curves[i] = SQUASH[Math.min(4095, (i % CURVE_CELLS) * 128)]! * 16;
    }
  }

  /**
   * Codes one decision by the places and opinions that are set.
   *
   * @param node  of the trees at these places, 0 where they are single counters
   * @param set   which weights to use
   * @param curve which curve to use
   */
  code(bit: number, node: number, set: number, curve: number): number {
    const cells = this.#cells;
    const places = this.places;
    const opinions = this.opinions;
    const inputs = this.#inputs;
    const weights = this.#weights;
    const contexts = places.length;
    const first = set * inputs.length;
    let sum = 0;
    for (let i = 0; i < contexts; i++) {
      const cell = cells[places[i]! + node]!;
      const input = (cell & 1023) === 0 ? 0 : STRETCH[cell >>> 20]!;
      inputs[i] = input;
      sum += Math.imul(weights[first + i]!, input) >> 8;
    }
    for (let i = contexts; i < inputs.length; i++) {
      const input = opinions[i - contexts]!;
      inputs[i] = input;
      sum += Math.imul(weights[first + i]!, input) >> 8;
    }
    const clipped = sum >> 8;
    const mixed = (clipped > 2047 ? 2047 : clipped < -2047 ? -2047 : clipped) + LOGISTIC_ZERO;
    const probability = SQUASH[mixed]!;

    const curves = this.#curves;
    const low = curve * CURVE_CELLS + (mixed >> 7);
    const part = mixed & 127;
    const corrected = (Math.imul(curves[low]!, 128 - part) + Math.imul(curves[low + 1]!, part)) >> 11;
    const half = (probability + corrected + 1) >> 1;
    const coded = this.#coder.code(half > 4095 ? 4095 : half < 1 ? 1 : half, bit);

    const error = Math.imul((coded << 12) - probability, LEARNING_RATE);
    for (let i = 0; i < inputs.length; i++) {
      const weight = weights[first + i]! + ((Math.imul(inputs[i]!, error) + 8192) >> 14);
      weights[first + i] = weight > MAX_WEIGHT ? MAX_WEIGHT : weight < -MAX_WEIGHT ? -MAX_WEIGHT : weight;
    }
    const near = low + (part >> 6);
    curves[near] = curves[near]! + (((coded === 1 ? 65535 : 0) - curves[near]!) >> 6);
    const target = coded === 1 ? 4194303 : 0;
    for (let i = 0; i < contexts; i++) {
      const at = places[i]! + node;
      const cell = cells[at]!;
      const count = cell & 1023;
      const average = cell >>> 10;
      const next = average + (Math.imul((target - average) >> 4, RATES[count]!) >> 8);
      cells[at] = (next << 10) | (count < COUNT_LIMIT ? count + 1 : count);
    }
    return coded;
  }
}

/** Mixes two numbers to a hash of 32 bits. */
export function hash(a: number, b: number): number {
  let x = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  x ^= x >>> 15;
  x = Math.imul(x, 0x2c1b3c6d);
  return x ^ (x >>> 12);
}

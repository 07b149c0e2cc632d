import type { BitCoder } from './bit-coder.js';
import { STRETCH, squash } from './logistic.js';

/** Counters of one context lie together: sixteen for the nodes of a tree of four bits, of which 0 is free for a flag. */
export const NODE_BITS = 4;
/** Contexts that may be mixed for one decision. */
export const MOST_INPUTS = 8;

/** Half, never seen. */
const FRESH_COUNTER = 0x8000_0000;
const MOST_SEEN = 255;
/** 65536 ÷ (n + 1.5): how far a counter moves after n decisions. */
const RATES = Int32Array.from({ length: MOST_SEEN + 1 }, (_, n) => Math.floor(131072 / (2 * n + 3)));
/** How much a counter's opinion counts, in 16ths, after n decisions. */
const CONFIDENCE = Int32Array.from({ length: MOST_SEEN + 1 }, (_, n) => (n === 0 ? 0 : n < 4 ? 12 + n : 16));

const FIRST_WEIGHT = 20000;
const MOST_WEIGHT = 2 ** 20 - 1;

/**
 * Predicts decisions by several contexts at once and codes them: each context has an adaptive
 * probability, and those are added as logarithms of odds under weights that adapt as well.
 *
 * All is integers of 32 bits, so that every machine comes to the same probabilities.
 *
 * @see Matt Mahoney: Adaptive Weighing of Context Models for Lossless Data Compression (2005)
 */
export class ContextMixer {
  /** First counters of the contexts that the next decisions see; see {@link place}. */
  readonly contexts = new Int32Array(MOST_INPUTS);
  readonly #coder: BitCoder;
  readonly #counters: Uint32Array;
  readonly #shift: number;
  readonly #weights: Int32Array;
  readonly #seen: Int32Array;
  readonly #inputs = new Int32Array(MOST_INPUTS);

  /**
   * @param counterBits base-2 logarithm of the number of counters; each takes 4 bytes
   * @param weightSets  how many different sets of weights decisions name
   */
  constructor(coder: BitCoder, counterBits: number, weightSets: number) {
    this.#coder = coder;
    this.#counters = new Uint32Array(2 ** counterBits).fill(FRESH_COUNTER);
    this.#shift = 32 - (counterBits - NODE_BITS);
    this.#weights = new Int32Array(weightSets * MOST_INPUTS).fill(FIRST_WEIGHT);
    this.#seen = new Int32Array(weightSets);
  }

  /** Where the counters of a context lie. */
  place(hash: number): number {
    return (Math.imul(hash ^ (hash >>> 15), 0x9e37_79b1) >>> this.#shift) << NODE_BITS;
  }

  /** @param node which of the sixteen counters of each context, 0 to 15 */
  code(bit: number, node: number, weightSet: number, inputCount: number): number {
    const counters = this.#counters;
    const contexts = this.contexts;
    const inputs = this.#inputs;
    const weights = this.#weights;
    const firstWeight = weightSet * MOST_INPUTS;
    let sum = 0;
    for (let i = 0; i < inputCount; i++) {
      const counter = counters[contexts[i]! + node]!;
      const input = (STRETCH[counter >>> 20]! * CONFIDENCE[counter & 0xff]!) >> 4;
      inputs[i] = input;
      sum += Math.imul(input, weights[firstWeight + i]!) >> 8;
    }
    const probability = squash(sum >> 8);
    const got = this.#coder.code(bit, probability);

    const seen = this.#seen[weightSet]!;
    if (seen < 255) this.#seen[weightSet] = seen + 1;
    const pace = 6 + (((24 * 16) / (16 + seen)) | 0);
    const error = Math.imul((got << 16) - probability, pace) >> 4;
    for (let i = 0; i < inputCount; i++) {
      const weight = weights[firstWeight + i]! + ((Math.imul(inputs[i]!, error) + 0x8000) >> 16);
      weights[firstWeight + i] = weight > MOST_WEIGHT ? MOST_WEIGHT : weight < -MOST_WEIGHT ? -MOST_WEIGHT : weight;
      const at = contexts[i]! + node;
      const counter = counters[at]!;
      const n = counter & 0xff;
      const p = counter >>> 16;
      const moved = p + (Math.imul((got === 1 ? 65535 : 0) - p, RATES[n]!) >> 16);
      counters[at] = ((moved << 16) | (n < MOST_SEEN ? n + 1 : n)) >>> 0;
    }
    return got;
  }
}

import type { ContextMixer } from './context-mixer.js';
import { NUMBER_SETS } from './weight-sets.js';

/** What a number is; each kind has its own statistics. */
export const NUMBER_KINDS = { field: 0, gap: 1, length: 2, recent: 3, jump: 4 } as const;

export type NumberKind = keyof typeof NUMBER_KINDS;

const INPUTS = 4;
/** Bits below the highest that are predicted together; the others are by themselves. */
const TREE_BITS = 3;

/** Bits that a number takes, 0 for 0. */
export function bitLength(value: number): number {
  return value < 2 ** 31 ? 32 - Math.clz32(value) : Math.floor(Math.log2(value)) + 1;
}

/** Codes whole numbers of up to 53 bits: first how many bits there are, then those below the highest. */
export class NumberModel {
  readonly #mixer: ContextMixer;

  constructor(mixer: ContextMixer) {
    this.#mixer = mixer;
  }

  /**
   * @param value ignored when decoding
   * @param a     what it may depend on, 0 to 63
   * @param b     what else it may depend on
   * @returns the number; a damaged stream may give any of up to 63 bits
   */
  code(value: number, kind: NumberKind, a: number, b: number): number {
    const mixer = this.#mixer;
    const number = NUMBER_KINDS[kind];
    const set = NUMBER_SETS + number * 3;
    const bits = bitLength(value);
    const base = 0x800_0000 + number * 0x10000;
    this.#contexts(base, a, b);
    let node = 1;
    for (let bit = 2; bit >= 0; bit--) node = node * 2 + mixer.code((bits >> (bit + 3)) & 1, node, set, INPUTS);
    const high = node & 7;
    this.#contexts(base + (high + 1) * 0x1000, a, b);
    node = 1;
    for (let bit = 2; bit >= 0; bit--) node = node * 2 + mixer.code((bits >> bit) & 1, node, set + 1, INPUTS);
    const length = high * 8 + (node & 7);
    if (length <= 1) return length;

    this.#contexts(base + 0x8000 + length * 64, a, b);
    let result = 1;
    node = 1;
    for (let bit = length - 2; bit >= 0; bit--) {
      const treeBit = length - 2 - bit;
      if (treeBit === TREE_BITS) this.#contexts(base + 0x9000 + length * 64, a, 0);
      const at = treeBit < TREE_BITS ? node : Math.min(15, treeBit - TREE_BITS);
      const got = mixer.code(Math.floor(value / 2 ** bit) % 2, at, set + 2, INPUTS);
      node = node * 2 + got;
      result = result * 2 + got;
    }
    return result;
  }

  #contexts(base: number, a: number, b: number): void {
    const { contexts } = this.#mixer;
    contexts[0] = this.#mixer.place(base);
    contexts[1] = this.#mixer.place(base + Math.imul(a + 1, 0x2c1b_3c6d));
    contexts[2] = this.#mixer.place(base + Math.imul(b + 1, 0x297a_2d39));
    contexts[3] = this.#mixer.place(base + Math.imul(a * 64 + b + 1, 0x1b87_3593));
  }
}

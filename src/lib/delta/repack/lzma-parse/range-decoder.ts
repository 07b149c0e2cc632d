import type { BitCoder } from './bit-coder.js';
import { PROBABILITY_BITS, PROBABILITY_ONE, PROBABILITY_SHIFT, RANGE_FLOOR } from './bit-coder.js';

/** What comes first in a stream: a zero byte and the first four bytes of the code. */
const START_BYTES = 5;

/**
 * The decoding half of LZMA's range coder (LZMA SDK, lzma-specification.txt).
 *
 * Beyond the end of its input it reads zeros and counts on, so that `at` tells afterwards whether
 * the input was enough.
 */
export class RangeDecoder implements BitCoder {
  /** First byte that was not read yet. */
  at: number;
  readonly #bytes: Uint8Array;
  #range = 0xffffffff;
  #code = 0;

  /** @param bytes starts with the zero byte that every stream starts with */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
    for (let i = 0; i < START_BYTES; i++) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  /** At the end of a stream that was flushed, nothing is left in the coder. */
  get finished(): boolean {
    return this.#code === 0 && this.at <= this.#bytes.length;
  }

  get overrun(): boolean {
    return this.at > this.#bytes.length;
  }

  bit(probabilities: Uint16Array, index: number): number {
    const probability = probabilities[index]!;
    const bound = Math.imul(this.#range >>> PROBABILITY_BITS, probability) >>> 0;
    let bit = 0;
    if (this.#code < bound) {
      this.#range = bound;
      probabilities[index] = probability + ((PROBABILITY_ONE - probability) >> PROBABILITY_SHIFT);
    } else {
      this.#range -= bound;
      this.#code -= bound;
      probabilities[index] = probability - (probability >> PROBABILITY_SHIFT);
      bit = 1;
    }
    if (this.#range < RANGE_FLOOR) this.#shift();
    return bit;
  }

  evenBits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1;
      value *= 2;
      if (this.#code >= this.#range) {
        this.#code -= this.#range;
        value++;
      }
      if (this.#range < RANGE_FLOOR) this.#shift();
    }
    return value;
  }

  #shift(): void {
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  #next(): number {
    return this.#bytes[this.at++] ?? 0;
  }
}

import type { BitCoder } from './bit-coder.js';
import { PROBABILITY_BITS, PROBABILITY_ONE, PROBABILITY_SHIFT, RANGE_FLOOR } from './bit-coder.js';

const FLUSH_BYTES = 5;

/**
 * The encoding half of LZMA's range coder (LZMA SDK, LzmaEnc.c: RangeEnc_ShiftLow).
 *
 * Which bytes come out depends on the bits and their probabilities alone; all encoders agree on
 * this half.
 */
export class RangeEncoder implements BitCoder {
  #out: Uint8Array;
  #length = 0;
  #range = 0xffffffff;
  /** Below 2^33: the 33rd bit is a carry into bytes that wait. */
  #low = 0;
  #waiting = 0;
  #waitingBytes = 1;

  /** @param expectedBytes size of the stream as far as it is known; it may become longer */
  constructor(expectedBytes: number) {
    this.#out = new Uint8Array(expectedBytes + FLUSH_BYTES);
  }

  /** Bytes that are out already. */
  get length(): number {
    return this.#length;
  }

  bit(probabilities: Uint16Array, index: number, bit: number): number {
    const probability = probabilities[index]!;
    const bound = Math.imul(this.#range >>> PROBABILITY_BITS, probability) >>> 0;
    if (bit === 0) {
      this.#range = bound;
      probabilities[index] = probability + ((PROBABILITY_ONE - probability) >> PROBABILITY_SHIFT);
    } else {
      this.#low += bound;
      this.#range -= bound;
      probabilities[index] = probability - (probability >> PROBABILITY_SHIFT);
    }
    if (this.#range < RANGE_FLOOR) this.#shift();
    return bit;
  }

  evenBits(count: number, value: number): number {
    for (let i = count - 1; i >= 0; i--) {
      this.#range >>>= 1;
      if (((value >>> i) & 1) === 1) this.#low += this.#range;
      if (this.#range < RANGE_FLOOR) this.#shift();
    }
    return value;
  }

  /** @returns the whole stream, a view */
  finish(): Uint8Array {
    for (let i = 0; i < FLUSH_BYTES; i++) this.#shiftLow();
    return this.#out.subarray(0, this.#length);
  }

  #shift(): void {
    this.#range = (this.#range << 8) >>> 0;
    this.#shiftLow();
  }

  #shiftLow(): void {
    const carry = this.#low > 0xffffffff ? 1 : 0;
    // a byte of 0xff may still become 0x00 by a carry, so it waits
    if (carry === 1 || this.#low < 0xff000000) {
      let byte = this.#waiting;
      for (; this.#waitingBytes > 0; this.#waitingBytes--) {
        this.#put((byte + carry) & 0xff);
        byte = 0xff;
      }
      this.#waiting = (this.#low >>> 24) & 0xff;
    }
    this.#waitingBytes++;
    this.#low = (this.#low & 0xffffff) * 256;
  }

  #put(byte: number): void {
    if (this.#length === this.#out.length) {
      const longer = new Uint8Array(this.#length * 2);
      longer.set(this.#out);
      this.#out = longer;
    }
    this.#out[this.#length++] = byte;
  }
}

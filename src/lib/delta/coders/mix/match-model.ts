import { STRETCH } from './logistic.js';
import { hash } from './mixer.js';

/** Bytes that must agree before a place in the history is believed. */
const MIN_MATCH_BYTES = 5;
const LONGEST_CHECK_BYTES = 32;
const TABLE_BITS = 16;
const LENGTH_CLASSES = 32;
const FRESH = 2 ** 31;
const COUNT_LIMIT = 255;
const RATES = Int32Array.from({ length: COUNT_LIMIT + 1 }, (_, n) => Math.floor(8192 / (2 * n + 3)));

/** Bytes of the new image made so far, the last 2^bits of them, and where the last few occurred before. */
export class History {
  /** The byte that followed at the last such place, or −1. */
  expected = -1;
  /** How many bytes before agreed, up to {@link LENGTH_CLASSES} − 1. */
  agreed = 0;
  readonly #bytes: Uint8Array;
  readonly #mask: number;
  readonly #places = new Int32Array(2 ** TABLE_BITS).fill(-1);
  #end = 0; // of all bytes ever seen, modulo 2^30
  #match = -1;

  constructor(bits: number) {
    this.#bytes = new Uint8Array(2 ** bits);
    this.#mask = 2 ** bits - 1;
  }

  /** The byte made `distance` bytes ago; 1 is the last one. */
  back(distance: number): number {
    return this.#bytes[(this.#end - distance) & this.#mask]!;
  }

  /** Adds bytes in which nothing is to be found again. */
  skip(bytes: Uint8Array, from: number, to: number): void {
    const size = this.#bytes.length;
    let at = Math.max(from, to - size);
    this.#end += at - from;
    while (at < to) {
      const place = this.#end & this.#mask;
      const part = Math.min(to - at, size - place);
      this.#bytes.set(bytes.subarray(at, at + part), place);
      this.#end += part;
      at += part;
    }
    this.#match = -1;
    this.#expect();
  }

  add(byte: number): void {
    const bytes = this.#bytes;
    const mask = this.#mask;
    const agrees = this.#match >= 0 && bytes[this.#match & mask] === byte;
    bytes[this.#end++ & mask] = byte;
    const end = this.#end;
    if (agrees) {
      this.#match++;
      if (this.agreed < LENGTH_CLASSES - 1) this.agreed++;
    } else this.#match = -1;
    if (end >= MIN_MATCH_BYTES) {
      const last =
        bytes[(end - 1) & mask]! |
        (bytes[(end - 2) & mask]! << 8) |
        (bytes[(end - 3) & mask]! << 16) |
        (bytes[(end - 4) & mask]! << 24);
      const slot = hash(last, bytes[(end - 5) & mask]!) >>> (32 - TABLE_BITS);
      if (this.#match < 0) this.#try(this.#places[slot]!);
      this.#places[slot] = end;
    }
    this.#expect();
  }

  #try(place: number): void {
    const end = this.#end;
    if (place < 0 || end - place > this.#mask - LONGEST_CHECK_BYTES) return;
    let length = 0;
    while (
      length < LONGEST_CHECK_BYTES &&
      place > length &&
      this.#bytes[(place - 1 - length) & this.#mask] === this.#bytes[(end - 1 - length) & this.#mask]
    ) {
      length++;
    }
    if (length < MIN_MATCH_BYTES) return;
    this.#match = place;
    this.agreed = Math.min(length, LENGTH_CLASSES - 1);
  }

  #expect(): void {
    this.expected = this.#match < 0 ? -1 : this.#bytes[this.#match & this.#mask]!;
    if (this.#match < 0) this.agreed = 0;
  }
}

/** How far a byte that the history expects is to be believed: learned for each length of agreement and bit. */
export class Expectation {
  readonly #cells = new Uint32Array(LENGTH_CLASSES * 8).fill(FRESH);
  #cell = 0;

  /**
   * @param agreed bytes before that agreed
   * @param place  of the bit, 7 for the first
   * @param bit    that is expected
   * @returns the opinion that the bit is 1, in the logistic domain
   */
  opinion(agreed: number, place: number, bit: number): number {
    this.#cell = agreed * 8 + place;
    const strength = STRETCH[this.#cells[this.#cell]! >>> 20]!;
    return bit === 1 ? strength : -strength;
  }

  /** Learns whether the last opinion was right. */
  learn(right: boolean): void {
    const cell = this.#cells[this.#cell]!;
    const count = cell & 1023;
    const average = cell >>> 10;
    const next = average + (((((right ? 4194303 : 0) - average) >> 4) * RATES[count]!) >> 8);
    this.#cells[this.#cell] = next * 1024 + (count < COUNT_LIMIT ? count + 1 : count);
  }
}

const ROUNDS = 12;
const BLOCK_BYTES = 16;

/**
 * Chaskey-12: a message authentication code of 128 bits, made of what JavaScript does fast, additions, rotations
 * and exclusive ors of 32-bit words. Without the key nobody can find messages with equal codes, or with codes
 * that fall into one place of a table.
 *
 * The code of a message of exactly 16 bytes is a permutation of it: key and subkey are mixed in before and
 * behind a permutation. No two such messages have the same code.
 *
 * @see Mouha et al., "Chaskey: An Efficient MAC Algorithm for 32-bit Microcontrollers", SAC 2014;
 *   with 12 rounds: ISO/IEC 29192-6:2019
 */
export class Chaskey {
  readonly #key: Int32Array;
  /** For a last block that is full, and for one that is padded. */
  readonly #fullSubkey: Int32Array;
  readonly #paddedSubkey: Int32Array;
  readonly #tag = new Int32Array(4);

  /** @param key 4 words, least significant first, as everywhere here */
  constructor(key: Int32Array) {
    this.#key = Int32Array.from(key);
    this.#fullSubkey = timesTwo(this.#key);
    this.#paddedSubkey = timesTwo(this.#fullSubkey);
  }

  /** @returns 4 words, overwritten by the next call */
  mac(bytes: Uint8Array, start: number, end: number): Int32Array {
    const last = start + (Math.max(end - start - 1, 0) & -BLOCK_BYTES);
    const isFull = end - last === BLOCK_BYTES;
    const subkey = isFull ? this.#fullSubkey : this.#paddedSubkey;
    let v0 = this.#key[0]!;
    let v1 = this.#key[1]!;
    let v2 = this.#key[2]!;
    let v3 = this.#key[3]!;
    for (let at = start; at <= last; at += BLOCK_BYTES) {
      if (at < last || isFull) {
        v0 ^= wordAt(bytes, at);
        v1 ^= wordAt(bytes, at + 4);
        v2 ^= wordAt(bytes, at + 8);
        v3 ^= wordAt(bytes, at + 12);
      } else {
        v0 ^= paddedWordAt(bytes, at, end);
        v1 ^= paddedWordAt(bytes, at + 4, end);
        v2 ^= paddedWordAt(bytes, at + 8, end);
        v3 ^= paddedWordAt(bytes, at + 12, end);
      }
      if (at === last) {
        v0 ^= subkey[0]!;
        v1 ^= subkey[1]!;
        v2 ^= subkey[2]!;
        v3 ^= subkey[3]!;
      }
      for (let round = 0; round < ROUNDS; round++) {
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 13) | (v3 >>> 19)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 7) | (v1 >>> 25)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
      }
    }
    this.#tag[0] = v0 ^ subkey[0]!;
    this.#tag[1] = v1 ^ subkey[1]!;
    this.#tag[2] = v2 ^ subkey[2]!;
    this.#tag[3] = v3 ^ subkey[3]!;
    return this.#tag;
  }
}

/** A word of the last block where it is not full: a one bit behind the message, then zeros. */
function paddedWordAt(bytes: Uint8Array, at: number, end: number): number {
  const rest = end - at;
  if (rest >= 4) return wordAt(bytes, at);
  if (rest === 3) return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (1 << 24);
  if (rest === 2) return bytes[at]! | (bytes[at + 1]! << 8) | (1 << 16);
  if (rest === 1) return bytes[at]! | (1 << 8);
  return rest === 0 ? 1 : 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Doubling in GF(2^128) with the polynomial x^128 + x^7 + x^2 + x + 1. */
function timesTwo(value: Int32Array): Int32Array {
  const [v0, v1, v2, v3] = value as unknown as [number, number, number, number];
  return Int32Array.of(
    (v0 << 1) ^ (v3 < 0 ? 0x87 : 0),
    (v1 << 1) | (v0 >>> 31),
    (v2 << 1) | (v1 >>> 31),
    (v3 << 1) | (v2 >>> 31),
  );
}

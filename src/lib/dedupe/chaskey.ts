const ROUNDS = 12;

/**
 * The permutation π of Chaskey-12 over 128 bits: additions, rotations and exclusive ors of 32-bit words, which
 * is what JavaScript does fast.
 *
 * @param state 4 words, least significant first
 * @see Mouha et al., "Chaskey: An Efficient MAC Algorithm for 32-bit Microcontrollers", SAC 2014, figure 1;
 *   12 rounds: ISO/IEC 29192-6:2019
 */
export function permute(state: Int32Array): void {
  let v0 = state[0]!;
  let v1 = state[1]!;
  let v2 = state[2]!;
  let v3 = state[3]!;
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
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}

/**
 * Message authentication code of 128 bits: without the key nobody can find messages with equal codes, or with
 * codes that fall into one place of a table.
 *
 * @see permute for the source; the bytes of key, message and code are little-endian words there and here
 */
export class Chaskey {
  readonly #key: Int32Array;
  /** For a last block that is full, and for one that is padded. */
  readonly #fullSubkey: Int32Array;
  readonly #paddedSubkey: Int32Array;
  readonly #state = new Int32Array(4);

  /** @param key 4 words */
  constructor(key: Int32Array) {
    this.#key = Int32Array.from(key);
    this.#fullSubkey = timesTwo(this.#key);
    this.#paddedSubkey = timesTwo(this.#fullSubkey);
  }

  /** @returns 4 words, overwritten by the next call */
  mac(bytes: Uint8Array, start: number, end: number): Int32Array {
    const state = this.#state;
    state.set(this.#key);
    let at = start;
    for (; end - at > 16; at += 16) {
      absorb(state, bytes, at);
      permute(state);
    }
    const isFull = end - at === 16;
    if (isFull) absorb(state, bytes, at);
    else absorbPadded(state, bytes, at, end);
    const subkey = isFull ? this.#fullSubkey : this.#paddedSubkey;
    mix(state, subkey);
    permute(state);
    mix(state, subkey);
    return state;
  }
}

/** Exclusive or of the words of `other` into `state`. */
export function mix(state: Int32Array, other: Int32Array): void {
  state[0]! ^= other[0]!;
  state[1]! ^= other[1]!;
  state[2]! ^= other[2]!;
  state[3]! ^= other[3]!;
}

function absorb(state: Int32Array, bytes: Uint8Array, at: number): void {
  state[0]! ^= wordAt(bytes, at);
  state[1]! ^= wordAt(bytes, at + 4);
  state[2]! ^= wordAt(bytes, at + 8);
  state[3]! ^= wordAt(bytes, at + 12);
}

/** The last block where it is not full: a one bit behind the message, then zeros. */
function absorbPadded(state: Int32Array, bytes: Uint8Array, start: number, end: number): void {
  let at = start;
  let word = 0;
  for (; end - at >= 4; at += 4) state[word++]! ^= wordAt(bytes, at);
  let last = 1;
  for (let rest = end - 1; rest >= at; rest--) last = (last << 8) | bytes[rest]!;
  state[word]! ^= last;
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

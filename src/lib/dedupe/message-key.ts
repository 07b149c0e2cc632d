import { Chaskey, mix, permute } from './chaskey.js';

export type { MessageKeyer };

const UUID_LENGTH = 36;
const ULID_LENGTH = 26;
const HYPHEN = 0x2d;

/** Set where a character is no digit: above all that four hexadecimal digits can make, and below the sign. */
const NO_DIGIT = 1 << 16;
/** Value of each character as a hexadecimal digit, and as one of Crockford's base32. */
const HEX = digitValues('0123456789abcdef');
const BASE32 = digitValues('0123456789abcdefghjkmnpqrstvwxyz');

/**
 * Turns message ids into the keys of a store.
 *
 * UUIDs (8-4-4-4-12 hexadecimal digits) and ULIDs (26 digits of Crockford's base32), in either case, are 128
 * bits; each goes through a permutation that the store's secret selects, so that two of them never share a
 * key. All other ids, and ids of different kinds, share a key by chance only: among n ids with probability
 * n²/2^129, which is 10^-17 for a hundred billion.
 *
 * Without the secret nobody can choose ids whose keys crowd one place of the store.
 *
 * @param secret 16 bytes, the same for the life of a store
 */
export function messageKeyer(secret: Uint8Array): MessageKeyer {
  return new MessageKeyer(secret);
}

class MessageKeyer {
  readonly #uuidKey: Int32Array;
  readonly #ulidKey: Int32Array;
  readonly #textMac: Chaskey;
  readonly #words = new Int32Array(4);

  constructor(secret: Uint8Array) {
    this.#uuidKey = derivedKey(secret, 'key of a UUID');
    this.#ulidKey = derivedKey(secret, 'key of a ULID');
    this.#textMac = new Chaskey(derivedKey(secret, 'key of other ids'));
  }

  /**
   * Writes the key of the id `bytes[start..end)`, UTF-8 without JSON escapes, as 4 words to `keys[at..at+4)`.
   */
  write(bytes: Uint8Array, start: number, end: number, keys: Uint32Array, at: number): void {
    const length = end - start;
    let key: Int32Array;
    if (length === UUID_LENGTH && readUuid(bytes, start, this.#words)) key = this.#permuted(this.#uuidKey);
    else if (length === ULID_LENGTH && readUlid(bytes, start, this.#words)) key = this.#permuted(this.#ulidKey);
    else key = this.#textMac.mac(bytes, start, end);
    keys[at] = key[0]!;
    keys[at + 1] = key[1]!;
    keys[at + 2] = key[2]!;
    keys[at + 3] = key[3]!;
  }

  /** Key of one id. */
  keyOf(id: string): Uint32Array {
    const bytes = Buffer.from(id, 'utf8');
    const key = new Uint32Array(4);
    this.write(bytes, 0, bytes.length, key, 0);
    return key;
  }

  /** Even and Mansour, "A Construction of a Cipher from a Single Pseudorandom Permutation" (1997), with one key. */
  #permuted(key: Int32Array): Int32Array {
    mix(this.#words, key);
    permute(this.#words);
    mix(this.#words, key);
    return this.#words;
  }
}

/**
 * A key of its own for each purpose, so that what one of them gives away is of no use against another.
 *
 * @param secret 16 bytes
 * @returns 4 words
 */
export function derivedKey(secret: Uint8Array, purpose: string): Int32Array {
  if (secret.length !== 16) throw new RangeError(`secret: has ${secret.length} bytes, 16 are needed`);
  const words = new DataView(secret.buffer, secret.byteOffset, secret.byteLength);
  const mac = new Chaskey(Int32Array.of(...[0, 4, 8, 12].map((at) => words.getInt32(at, true))));
  const label = Buffer.from(purpose, 'utf8');
  return Int32Array.from(mac.mac(label, 0, label.length));
}

/** RFC 9562, section 4; any version and variant. `into`: words in the order of the text. */
function readUuid(bytes: Uint8Array, start: number, into: Int32Array): boolean {
  if (
    bytes[start + 8] !== HYPHEN ||
    bytes[start + 13] !== HYPHEN ||
    bytes[start + 18] !== HYPHEN ||
    bytes[start + 23] !== HYPHEN
  ) {
    return false;
  }
  const w0 = hex4(bytes, start);
  const w1 = hex4(bytes, start + 4);
  const w2 = hex4(bytes, start + 9);
  const w3 = hex4(bytes, start + 14);
  const w4 = hex4(bytes, start + 19);
  const w5 = hex4(bytes, start + 24);
  const w6 = hex4(bytes, start + 28);
  const w7 = hex4(bytes, start + 32);
  if ((w0 | w1 | w2 | w3 | w4 | w5 | w6 | w7) >= NO_DIGIT) return false;
  into[0] = (w0 << 16) | w1;
  into[1] = (w2 << 16) | w3;
  into[2] = (w4 << 16) | w5;
  into[3] = (w6 << 16) | w7;
  return true;
}

/** Value of four hexadecimal digits; NO_DIGIT or more where one of them is none. */
function hex4(bytes: Uint8Array, at: number): number {
  return (HEX[bytes[at]!]! << 12) | (HEX[bytes[at + 1]!]! << 8) | (HEX[bytes[at + 2]!]! << 4) | HEX[bytes[at + 3]!]!;
}

/** 26 digits of 5 bits are 130 bits, of which the first two are zero. `into`: words in the order of the text. */
function readUlid(bytes: Uint8Array, start: number, into: Int32Array): boolean {
  if (BASE32[bytes[start]!]! > 7) return false;
  let seen = 0;
  let word = 0;
  let bits = -2;
  let filled = 0;
  for (let i = 0; i < ULID_LENGTH; i++) {
    const digit = BASE32[bytes[start + i]!]!;
    seen |= digit;
    bits += 5;
    if (bits < 32) {
      word = (word << 5) | digit;
    } else {
      bits -= 32;
      into[filled++] = (word << (5 - bits)) | (digit >>> bits);
      word = digit; // bits that are used already leave at the top
    }
  }
  return seen < NO_DIGIT;
}

function digitValues(digits: string): Int32Array {
  const values = new Int32Array(256).fill(NO_DIGIT);
  for (let i = 0; i < digits.length; i++) {
    values[digits.charCodeAt(i)] = i;
    values[digits.toUpperCase().charCodeAt(i)] = i;
  }
  return values;
}

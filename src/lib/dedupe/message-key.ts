import { Chaskey } from './chaskey.js';

export type { MessageKeyer };

const UUID_LENGTH = 36;
const ULID_LENGTH = 26;
const HYPHEN = 0x2d;

/** Above the value of four hexadecimal digits, and of any digit of base32. */
const NO_DIGIT = 1 << 16;
/** Value of each character as a hexadecimal digit, and as one of Crockford's base32. */
const HEX = digitValues('0123456789abcdef');
const BASE32 = digitValues('0123456789abcdefghjkmnpqrstvwxyz');
/** Where four hexadecimal digits follow each other in a UUID. */
const UUID_QUADS = Uint8Array.of(0, 4, 9, 14, 19, 24, 28, 32);

/**
 * Turns message ids into the keys of a store.
 *
 * UUIDs (8-4-4-4-12 hexadecimal digits) and ULIDs (26 digits of Crockford's base32), in either case, are 128
 * bits, and of 128 bits the code is a permutation: two of them never share a key. All other ids, and ids of
 * different kinds, share a key by chance only: among n ids with probability n²/2^129, which is 10^-17 for a
 * hundred billion.
 *
 * Without the secret nobody can choose ids whose keys crowd one place of the store.
 *
 * @param secret 16 bytes, the same for the life of a store
 */
export function messageKeyer(secret: Uint8Array): MessageKeyer {
  return new MessageKeyer(secret);
}

class MessageKeyer {
  readonly #uuidMac: Chaskey;
  readonly #ulidMac: Chaskey;
  readonly #textMac: Chaskey;
  readonly #packed = new Uint8Array(16);

  constructor(secret: Uint8Array) {
    this.#uuidMac = new Chaskey(derivedKey(secret, 'key of a UUID'));
    this.#ulidMac = new Chaskey(derivedKey(secret, 'key of a ULID'));
    this.#textMac = new Chaskey(derivedKey(secret, 'key of other ids'));
  }

  /** Writes the key of the id `bytes[start..end)`, UTF-8 without JSON escapes, as 4 words to `keys[at..at+4)`. */
  write(bytes: Uint8Array, start: number, end: number, keys: Uint32Array, at: number): void {
    const key = this.#key(bytes, start, end);
    keys[at] = key[0]!;
    keys[at + 1] = key[1]!;
    keys[at + 2] = key[2]!;
    keys[at + 3] = key[3]!;
  }

  /** Key of one id: 4 words. */
  keyOf(id: string): Uint32Array {
    const bytes = Buffer.from(id, 'utf8');
    return Uint32Array.from(this.#key(bytes, 0, bytes.length), (word) => word >>> 0);
  }

  #key(bytes: Uint8Array, start: number, end: number): Int32Array {
    const packed = this.#packed;
    if (end - start === UUID_LENGTH && packUuid(bytes, start, packed)) return this.#uuidMac.mac(packed, 0, 16);
    if (end - start === ULID_LENGTH && packUlid(bytes, start, packed)) return this.#ulidMac.mac(packed, 0, 16);
    return this.#textMac.mac(bytes, start, end);
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

/** RFC 9562, section 4; any version and variant. `into`: 16 bytes. */
function packUuid(bytes: Uint8Array, start: number, into: Uint8Array): boolean {
  if (
    bytes[start + 8] !== HYPHEN ||
    bytes[start + 13] !== HYPHEN ||
    bytes[start + 18] !== HYPHEN ||
    bytes[start + 23] !== HYPHEN
  ) {
    return false;
  }
  let seen = 0;
  for (let i = 0; i < 8; i++) {
    const at = start + UUID_QUADS[i]!;
    const quad =
      (HEX[bytes[at]!]! << 12) | (HEX[bytes[at + 1]!]! << 8) | (HEX[bytes[at + 2]!]! << 4) | HEX[bytes[at + 3]!]!;
    into[2 * i] = quad >>> 8;
    into[2 * i + 1] = quad;
    seen |= quad;
  }
  return seen < NO_DIGIT;
}

/** 26 digits of 5 bits are 130 bits, of which the first two are zero. `into`: 16 bytes. */
function packUlid(bytes: Uint8Array, start: number, into: Uint8Array): boolean {
  if (BASE32[bytes[start]!]! > 7) return false;
  let seen = 0;
  let bits = 0;
  let bitCount = -2;
  let filled = 0;
  for (let i = 0; i < ULID_LENGTH; i++) {
    const digit = BASE32[bytes[start + i]!]!;
    seen |= digit;
    bits = (bits << 5) | digit;
    bitCount += 5;
    if (bitCount >= 8) {
      bitCount -= 8;
      into[filled++] = bits >>> bitCount; // what is left above was used before, and falls away
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

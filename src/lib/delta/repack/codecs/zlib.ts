import { type Codec, TRIAL_BYTES } from '../codec.js';
import {
  beginsAlike,
  DEFLATE_SETTINGS_BYTES,
  DEFLATE_VERSION,
  type DeflateSettings,
  deflateRaw,
  inflateRaw,
  readDeflateSettings,
  writeDeflateSettings,
} from './deflate.js';
import { deflateEncoderBytes, INFLATE_BYTES } from './deflate-memory.js';

const HEADER_BYTES = 2;
const CHECK_BYTES = 4;
const PRESET_DICTIONARY = 0x20;
/** What levels call themselves in a header: fastest, fast, default, best. @see RFC 1950, section 2.2 */
const LEVELS = [[1, 0], [5, 4, 3, 2], [6], [9, 8, 7]];

/** zlib streams, as squashfs and many others hold them. @see RFC 1950 */
export const zlib: Codec = {
  name: 'zlib',
  version: DEFLATE_VERSION,

  async decode(packed, maxBytes) {
    requireHeader(packed);
    const { content, packedBytes } = inflateRaw(packed.subarray(HEADER_BYTES), maxBytes);
    const end = HEADER_BYTES + packedBytes;
    if (Buffer.compare(packed.subarray(end, end + CHECK_BYTES), adler32(content)) !== 0) {
      throw new Error('the check of the stream does not fit');
    }
    return { unpacked: content, packedBytes: end + CHECK_BYTES };
  },

  *candidates(packed) {
    const windowBits = (packed[0]! >> 4) + 8;
    const levels = LEVELS[packed[1]! >> 6]!;
    for (const [encoder, memLevel, strategy] of [
      ['zlib', 8, 0],
      ['zlib', 9, 0],
      ['chromium', 8, 0],
      ['chromium', 9, 0],
      ['zlib', 8, 1],
      ['zlib', 9, 1],
      ['zlib', 8, 3],
      ['zlib', 8, 2],
    ] as const) {
      for (const level of levels) {
        const settings = writeDeflateSettings({ encoder, level, memLevel, windowBits, strategy });
        yield Buffer.concat([settings, packed.subarray(0, HEADER_BYTES)]);
      }
    }
  },

  async trial(settings, packed, unpacked) {
    return beginsAlike(readDeflateSettings(settings), unpacked.subarray(0, TRIAL_BYTES), packed.subarray(HEADER_BYTES));
  },

  async encode(bytes, unpacked) {
    const settings: DeflateSettings = readDeflateSettings(bytes);
    const header = bytes.subarray(DEFLATE_SETTINGS_BYTES);
    if (header.length !== HEADER_BYTES) throw new Error('no settings of zlib');
    return Buffer.concat([header, deflateRaw(unpacked, settings), adler32(unpacked)]);
  },

  decoderBytes: () => INFLATE_BYTES,
  encoderBytes: deflateEncoderBytes,
};

function requireHeader(packed: Uint8Array): void {
  const [method = 0, flags = 0] = packed;
  const isHeader = (method & 15) === 8 && method >> 4 <= 7 && (method * 256 + flags) % 31 === 0;
  if (!isHeader || (flags & PRESET_DICTIONARY) !== 0) throw new Error('no zlib stream');
}

function adler32(bytes: Uint8Array): Uint8Array {
  let [low, high] = [1, 0];
  for (let at = 0; at < bytes.length; ) {
    // as many as fit before the sums overflow 32 bits
    for (const end = Math.min(bytes.length, at + 5552); at < end; at++) high += low += bytes[at]!;
    low %= 65_521;
    high %= 65_521;
  }
  return Uint8Array.of(high >> 8, high, low >> 8, low);
}

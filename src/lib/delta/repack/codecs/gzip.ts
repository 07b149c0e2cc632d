import { crc32 } from 'node:zlib';
import { type Codec, EndsEarly, MAX_SETTINGS_BYTES, TRIAL_BYTES } from '../codec.js';
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

const FIXED_HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const [HEADER_CRC, EXTRA, NAME, COMMENT] = [2, 4, 8, 16];
/** What the header says of the level. */
const XFL_AT = 8;
const [XFL_BEST, XFL_FASTEST] = [2, 4];

/** gzip members, by GNU gzip (kernels, initramfs, documentation) or zlib. @see RFC 1952 */
export const gzip: Codec = {
  name: 'gzip',
  version: DEFLATE_VERSION,

  async decode(packed, maxBytes) {
    const header = headerBytes(packed);
    const { content, packedBytes } = inflateRaw(packed.subarray(header), maxBytes);
    const end = header + packedBytes;
    if (packed.length < end + TRAILER_BYTES) throw new EndsEarly('the stream ends early');
    if (Buffer.compare(packed.subarray(end, end + TRAILER_BYTES), trailer(content)) !== 0) {
      throw new Error('the check of the stream does not fit');
    }
    return { unpacked: content, packedBytes: end + TRAILER_BYTES };
  },

  *candidates(packed) {
    const header = packed.subarray(0, headerBytes(packed));
    const xfl = header[XFL_AT]!;
    const levels = xfl === XFL_BEST ? [9] : xfl === XFL_FASTEST ? [1] : [6, 9, 1, 5, 4, 3, 2, 7, 8];
    for (const [encoder, memLevel] of [
      ['gnu', 9],
      ['zlib', 8],
      ['zlib', 9],
      ['chromium', 8],
      ['chromium', 9],
    ] as const) {
      for (const level of levels) {
        yield Buffer.concat([writeDeflateSettings({ encoder, level, memLevel, windowBits: 15, strategy: 0 }), header]);
      }
    }
  },

  async trial(settings, packed, unpacked) {
    const data = packed.subarray(headerBytes(packed));
    return beginsAlike(readDeflateSettings(settings), unpacked.subarray(0, TRIAL_BYTES), data);
  },

  async encode(bytes, unpacked) {
    const settings: DeflateSettings = readDeflateSettings(bytes);
    return Buffer.concat([bytes.subarray(DEFLATE_SETTINGS_BYTES), deflateRaw(unpacked, settings), trailer(unpacked)]);
  },

  decoderBytes: () => INFLATE_BYTES,
  encoderBytes: deflateEncoderBytes,
};

/** @throws Error for no header, or one too long to be part of the settings */
function headerBytes(packed: Uint8Array): number {
  const [first, second, method, flags = 0xff] = packed;
  if (first !== 0x1f || second !== 0x8b || method !== 8 || flags > 31) throw new Error('no gzip stream');
  let at = FIXED_HEADER_BYTES;
  if ((flags & EXTRA) !== 0) at += 2 + ((packed[at] ?? 0) | ((packed[at + 1] ?? 0) << 8));
  for (const field of [NAME, COMMENT]) if ((flags & field) !== 0) at = packed.indexOf(0, at) + 1 || MAX_SETTINGS_BYTES;
  if ((flags & HEADER_CRC) !== 0) at += 2;
  if (at > MAX_SETTINGS_BYTES - DEFLATE_SETTINGS_BYTES) throw new Error('the gzip header is too long');
  return at;
}

function trailer(content: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(TRAILER_BYTES);
  bytes.writeUInt32LE(crc32(content), 0);
  bytes.writeUInt32LE(content.length % 2 ** 32, 4);
  return bytes;
}

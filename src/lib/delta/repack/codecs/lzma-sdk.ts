import { SEVEN_ZIP_VERSION } from '../../coders/seven-zip.js';
import type { Codec } from '../codec.js';
import { ALONE_HEADER_BYTES, type AloneHeader, readAloneHeader } from '../lzma-parse/alone-header.js';
import { decodeLzma } from '../lzma-parse/decode-lzma.js';
import { compressBySevenZip } from './seven-zip.js';

/** Header of the stream without its last 8 bytes, the content's size; then fast bytes and cycles, 16 bits each. */
const HEAD_BYTES = ALONE_HEADER_BYTES - 8;
const SETTINGS_BYTES = HEAD_BYTES + 4;
/** What the SDK's levels and its programs set: up to level 6 (EDK2), from level 7 on, `lzma e`, and the most. */
const FAST_BYTES = [32, 64, 128, 273];
/** An encoder's dictionary of more takes over 700 MB. */
const MAX_DICTIONARY_BYTES = 64 * 1024 * 1024;
const ENCODER_BYTES_FOR_EACH_BYTE = 12;
const LIBRARY_BYTES = 24 * 1024 * 1024;
const DECODER_BYTES = 7 * 1024 * 1024;
/** How much is encoded to see whether settings are right, and how much of what comes out must be. */
const TRIAL_CONTENT_BYTES = 256 * 1024;
const TRIAL_PACKED_BYTES = 1024;

/**
 * LZMA streams with a header that tells the content's size, as the LZMA SDK's encoder writes them:
 * UEFI sections made by EDK2, `.lzma` files.
 */
export const lzmaSdk: Codec = {
  name: 'lzma-sdk',
  version: SEVEN_ZIP_VERSION,

  async decode(packed, maxBytes) {
    const { properties, contentBytes } = readAloneHeader(packed);
    const decoded = decodeLzma(packed.subarray(ALONE_HEADER_BYTES), properties, { contentBytes, maxBytes });
    return { unpacked: decoded.content, packedBytes: ALONE_HEADER_BYTES + decoded.streamBytes };
  },

  *candidates(packed) {
    const { dictionaryBytes, contentBytes } = readAloneHeader(packed);
    if (contentBytes === undefined || dictionaryBytes > MAX_DICTIONARY_BYTES) return;
    for (const fastBytes of FAST_BYTES) {
      const settings = Buffer.alloc(SETTINGS_BYTES);
      settings.set(packed.subarray(0, HEAD_BYTES));
      settings.writeUInt16LE(fastBytes, HEAD_BYTES);
      settings.writeUInt16LE(16 + (fastBytes >> 1), HEAD_BYTES + 2);
      yield settings;
    }
  },

  async trial(settings, packed, unpacked) {
    const made = await encode(settings, unpacked.subarray(0, TRIAL_CONTENT_BYTES));
    const from = ALONE_HEADER_BYTES;
    const to = from + TRIAL_PACKED_BYTES;
    return Buffer.compare(made.subarray(from, to), packed.subarray(from, to)) === 0;
  },

  encode,

  decoderBytes: () => DECODER_BYTES,
  encoderBytes: (settings, unpackedBytes) => {
    const { dictionaryBytes } = readSettings(settings);
    return LIBRARY_BYTES + ENCODER_BYTES_FOR_EACH_BYTE * dictionaryBytes + 2 * unpackedBytes;
  },
};

async function encode(settings: Uint8Array, content: Uint8Array): Promise<Uint8Array> {
  const { properties, dictionaryBytes, fastBytes, cycles } = readSettings(settings);
  const { literalContextBits: lc, literalPositionBits: lp, positionBits: pb } = properties;
  const parameters = [`d=${dictionaryBytes}b`, `lc=${lc}`, `lp=${lp}`, `pb=${pb}`, `fb=${fastBytes}`, `mc=${cycles}`];
  const stream = await compressBySevenZip(['LZMA', ...parameters, 'mt=1'].join(':'), content);
  const header = Buffer.alloc(ALONE_HEADER_BYTES);
  header.set(settings.subarray(0, HEAD_BYTES));
  header.writeBigUInt64LE(BigInt(content.length), HEAD_BYTES);
  return Buffer.concat([header, stream]);
}

interface SdkSettings extends Pick<AloneHeader, 'properties' | 'dictionaryBytes'> {
  /** Matches of this length are taken as they come. */
  fastBytes: number;
  /** How many places the match finder looks at. */
  cycles: number;
}

function readSettings(bytes: Uint8Array): SdkSettings {
  if (bytes.length !== SETTINGS_BYTES) throw new RangeError('no settings for the LZMA SDK');
  const settings = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const { properties, dictionaryBytes } = readAloneHeader(Buffer.concat([settings.subarray(0, HEAD_BYTES), NO_SIZE]));
  const fastBytes = settings.readUInt16LE(HEAD_BYTES);
  const cycles = settings.readUInt16LE(HEAD_BYTES + 2);
  if (dictionaryBytes > MAX_DICTIONARY_BYTES || fastBytes < 5 || fastBytes > 273 || cycles < 1) {
    throw new RangeError('settings that the LZMA SDK does not take');
  }
  return { properties, dictionaryBytes, fastBytes, cycles };
}

const NO_SIZE = Buffer.alloc(8);

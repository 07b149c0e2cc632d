import { zstdDecompressSync } from 'node:zlib';
import type { Codec } from '../codec.js';
import { readZstdFrame, simpleDescriptor, zstdChecksum, zstdHeader, zstdHeaderBytes } from './zstd-frame.js';

const MIB = 1024 * 1024;
/** Where more is packed, only likely levels are tried: one takes up to a minute. */
const LARGE_BYTES = 2 * MIB;
/** squashfs packs at 15, kernels at 19 or 22, the tool at 3. */
const LEVELS = [15, 19, 22, 3, 9, 12, 6, 1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 18, 20, 21];
const LARGE_LEVELS = [19, 22, 3, 15];
/** Levels for contents that were not known in advance, by log2 of the window. @see zstd, lib/compress/clevels.h */
const LEVELS_BY_WINDOW: Record<number, number[]> = {
  19: [1],
  20: [2],
  21: [3, 6, 5, 4, 7, 8],
  22: [15, 9, 12, 10, 11, 13, 14, 16],
  23: [19, 17, 18],
  25: [20],
  26: [21],
  27: [22],
};
/** Tables of the highest levels, bytes. */
const [LEVEL_22_BYTES, LEVEL_19_BYTES, LEVEL_BYTES] = [900 * MIB, 160 * MIB, 48 * MIB];

/** zstd frames, as squashfs, kernels and initramfs hold them. @see RFC 8878 */
export const zstd: Codec = {
  name: 'zstd',
  version: 'numcodecs 0.3.2',

  async decode(packed, maxBytes) {
    const { packedBytes } = readZstdFrame(packed);
    const unpacked = zstdDecompressSync(packed.subarray(0, packedBytes), { maxOutputLength: maxBytes });
    return { unpacked, packedBytes };
  },

  *candidates(packed, unpacked) {
    const { descriptor, window } = readZstdFrame(packed);
    const isSimple = descriptor === simpleDescriptor(unpacked.length);
    const known = window === 0 ? undefined : (LEVELS_BY_WINDOW[(window >> 3) + 10] ?? []);
    for (const level of known ?? (unpacked.length > LARGE_BYTES ? LARGE_LEVELS : LEVELS)) {
      yield isSimple ? Uint8Array.of(level) : Uint8Array.of(level, descriptor, window);
    }
  },

  async encode(settings, unpacked) {
    const [level = 0, descriptor = simpleDescriptor(unpacked.length), window = 0] = settings;
    if (level < 1 || level > 22 || settings.length > 3) throw new Error('no settings of zstd');
    const { default: Zstd } = await import('numcodecs/zstd');
    const frame = await Zstd.fromConfig({ id: 'zstd', level }).encode(unpacked);
    const blocks = frame.subarray(zstdHeaderBytes(frame[4]!));
    return Buffer.concat([zstdHeader(descriptor, window, unpacked.length), blocks, zstdChecksum(descriptor)]);
  },

  decoderBytes: (unpackedBytes) => Math.min(128 * MIB, unpackedBytes) + MIB,
  encoderBytes: ([level = 22], unpackedBytes) => {
    const tables = level > 19 ? LEVEL_22_BYTES : level > 16 ? LEVEL_19_BYTES : LEVEL_BYTES;
    return Math.min(tables, 4 * MIB + 16 * unpackedBytes) + 2 * unpackedBytes;
  },
};

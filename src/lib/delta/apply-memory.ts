import type { RandomAccess } from '../core/random-access.js';
import { lzmaDecoderBytes } from './coders/lzma-model.js';
import { parseLzmaPrefix } from './coders/lzma-stream.js';
import { mixMemoryBytes } from './coders/mix/mix-model.js';
import type { PatchLayout, PatchStream } from './formats.js';
import { OLD_IMAGE_BUFFER_BYTES } from './old-image.js';
import { isOtadLayout } from './otad/otad-layout.js';

const OUTPUT_BUFFER_BYTES = 256 * 1024;
const STREAM_BUFFER_BYTES = 512 * 1024;
const BZIP2_INPUT_BYTES = 2_400_000;
/** What a decoder says of itself lies in its first four bytes. */
const PREFIX_BYTES = 4;

const INPUT_BUFFER_BYTES = 128 * 1024;
/** Positions of a cover, twice: in the order of the new image and of the old one. */
const COVER_BYTES = 32;
const LEARNED_TARGETS_BYTES = 1024 * 1024;

/**
 * What applying a patch takes beyond the runtime, bytes: at most 32 MiB for
 * patches of our own, whatever the size of the images.
 *
 * @param patch whose streams' first bytes are read
 */
export async function applyMemoryBytes(patch: RandomAccess, layout: PatchLayout, baseSize: number): Promise<number> {
  let bytes = Math.min(OLD_IMAGE_BUFFER_BYTES, baseSize) + outputBytes(layout);
  for (const stream of layout.streams) {
    const prefix = new Uint8Array(PREFIX_BYTES);
    await patch.read(prefix, stream.offset);
    bytes += STREAM_BUFFER_BYTES + decoderBytes(stream, prefix);
  }
  return bytes;
}

/** What a patch is read into and the image is made in, with what says how. */
function outputBytes(layout: PatchLayout): number {
  if (!isOtadLayout(layout)) return Math.min(OUTPUT_BUFFER_BYTES, layout.targetSize);
  const { chunkBits, targetSize, coverCount, coder, counterBits } = layout.header;
  const mixBytes = coder === 'mix' ? mixMemoryBytes(counterBits) + INPUT_BUFFER_BYTES : 0;
  return Math.min(2 ** chunkBits, targetSize) + coverCount * COVER_BYTES + LEARNED_TARGETS_BYTES + mixBytes;
}

function decoderBytes({ compression, size, decodedBytes = 0 }: PatchStream, prefix: Uint8Array): number {
  if (compression === 'lzma') {
    const parameters = parseLzmaPrefix(prefix, decodedBytes);
    return parameters === undefined ? 0 : lzmaDecoderBytes(parameters);
  }
  if (compression === 'brotli') return brotliWindowBytes(prefix[0]!);
  if (compression === 'bzip2') return Math.max(0, prefix[3]! - 0x30) * 100_000 * 4 + Math.min(size, BZIP2_INPUT_BYTES);
  return 0;
}

/** The sliding window that a brotli stream asks for in its first byte. @see RFC 7932, section 9.1 */
export function brotliWindowBytes(firstByte: number): number {
  if ((firstByte & 1) === 0) return 2 ** 16;
  const high = (firstByte >> 1) & 7;
  if (high !== 0) return 2 ** (17 + high);
  const low = (firstByte >> 4) & 7;
  return low === 0 ? 2 ** 17 : 2 ** (8 + low);
}

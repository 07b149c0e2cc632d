import type { RandomAccess } from '../core/random-access.js';
import type { PatchLayout, PatchStream } from './formats.js';
import { OLD_IMAGE_BUFFER_BYTES } from './old-image.js';

const OUTPUT_BUFFER_BYTES = 256 * 1024;
const STREAM_BUFFER_BYTES = 512 * 1024;
const BZIP2_INPUT_BYTES = 2_400_000;
/** What a decoder says of itself lies in its first four bytes. */
const PREFIX_BYTES = 4;

/**
 * What applying a patch takes beyond the runtime, bytes: at most 32 MiB for
 * patches of our own, whatever the size of the images.
 *
 * @param patch whose streams' first bytes are read
 */
export async function applyMemoryBytes(patch: RandomAccess, layout: PatchLayout, baseSize: number): Promise<number> {
  let bytes = Math.min(OLD_IMAGE_BUFFER_BYTES, baseSize) + Math.min(OUTPUT_BUFFER_BYTES, layout.targetSize);
  for (const stream of layout.streams) {
    const prefix = new Uint8Array(PREFIX_BYTES);
    await patch.read(prefix, stream.offset);
    bytes += STREAM_BUFFER_BYTES + decoderBytes(stream, prefix);
  }
  return bytes;
}

function decoderBytes({ compression, size }: PatchStream, prefix: Uint8Array): number {
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

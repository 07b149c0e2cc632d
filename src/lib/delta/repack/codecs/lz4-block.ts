import type { Codec } from '../codec.js';

const SIZE_BYTES = 4;
/** Accelerations, as LZ4_compress_fast takes them. */
const ACCELERATIONS = [1, 2, 4, 8];

/** Bare lz4 blocks, as squashfs holds them; nothing but their container tells where they end. @see lz4_Block_format.md */
export const lz4Block: Codec = {
  name: 'lz4-block',
  version: 'numcodecs 0.3.2',

  async decode(packed, maxBytes) {
    const lz4 = await library(1);
    const unpackedBytes = blockContentBytes(packed, maxBytes);
    return { unpacked: await lz4.decode(withSize(packed, unpackedBytes)), packedBytes: packed.length };
  },

  *candidates() {
    for (const acceleration of ACCELERATIONS) yield Uint8Array.of(acceleration);
  },

  async encode(settings, unpacked) {
    if (settings.length !== 1 || !ACCELERATIONS.includes(settings[0]!)) throw new Error('no settings of lz4');
    return (await (await library(settings[0]!)).encode(unpacked)).subarray(SIZE_BYTES);
  },

  decoderBytes: () => 1024 * 1024,
  encoderBytes: (_settings, unpackedBytes) => 1024 * 1024 + 2 * unpackedBytes,
};

async function library(acceleration: number) {
  const { default: Lz4 } = await import('numcodecs/lz4');
  return Lz4.fromConfig({ id: 'lz4', acceleration });
}

/** The library's own frame: the size of the content, then the block. */
function withSize(packed: Uint8Array, unpackedBytes: number): Uint8Array {
  const framed = Buffer.alloc(SIZE_BYTES + packed.length);
  framed.writeUInt32LE(unpackedBytes);
  framed.set(packed, SIZE_BYTES);
  return framed;
}

/**
 * Follows the tokens of a block to the size of its content.
 *
 * @throws Error for a block that is damaged or has more than `maxBytes`
 */
function blockContentBytes(packed: Uint8Array, maxBytes: number): number {
  let bytes = 0;
  let at = 0;
  const lengthFrom = (nibble: number) => {
    let length = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) {
      byte = packed[at++] ?? 0;
      if (at > packed.length) throw new Error('the block ends early');
    }
    return length;
  };
  while (at < packed.length) {
    const token = packed[at++]!;
    const literals = lengthFrom(token >> 4);
    at += literals;
    bytes += literals;
    if (at > packed.length || bytes > maxBytes) throw new Error('the block is damaged or too large');
    if (at === packed.length) return bytes;
    at += 2;
    bytes += lengthFrom(token & 15) + 4;
  }
  throw new Error('the block ends early');
}

import Bzip2 from '@foxglove/wasm-bz2';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { packBzip2 } from '../../../../src/lib/delta/coders/bzip2-encoder.js';
import { bzip2Stream } from '../../../../src/lib/delta/coders/bzip2-stream.js';
import type { Effort } from '../../../../src/lib/delta/formats.js';

const pack = async (bytes: Uint8Array, effort: Effort = 'best') => await packBzip2([bytes], bytes.length, effort);

/** What a decoder of blocks this large holds is told by the fourth byte. */
const level = (packed: Uint8Array) => packed[3]! - '0'.charCodeAt(0);

async function unpack(packed: Uint8Array): Promise<Buffer> {
  const stream = { name: 'diff', compression: 'bzip2', offset: 0, size: packed.length } as const;
  const chunks: Uint8Array[] = [];
  for await (const chunk of bzip2Stream(memoryAccess(packed, 'app.patch'), stream)) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

/** Runs around the lengths that bzip2 codes in their own way, and bytes without order. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc
        .tuple(fc.nat(255), fc.constantFrom(1, 3, 4, 5, 254, 255, 258, 259, 260, 5000))
        .map(([byte, length]) => new Uint8Array(length).fill(byte)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat(parts));

describe('packBzip2', () => {
  test('packs what libbzip2 and our decoder unpack to the same bytes, whatever they are', async () => {
    const libbzip2 = await Bzip2.init();
    await fc.assert(
      fc.asyncProperty(content, fc.constantFrom<Effort>('fast', 'normal', 'best'), async (bytes, effort) => {
        const packed = await pack(bytes, effort);
        expect((await unpack(packed)).equals(bytes)).toBe(true);
        if (bytes.length > 0) expect(bytes.equals(libbzip2.decompress(packed, bytes.length))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('takes chunks of any size for the same bytes', async () => {
    const bytes = Buffer.from('a stream of a patch, '.repeat(500));
    const parts = [
      bytes.subarray(0, 1),
      Buffer.alloc(0),
      bytes.subarray(1, 7000),
      bytes.subarray(7000),
      Buffer.alloc(0),
    ];
    expect(await packBzip2(parts, bytes.length, 'best')).toEqual(await pack(bytes));
  });

  test('has one stream of blocks that are no larger than the bytes need, and at most 900 kB', async () => {
    const noise = Buffer.alloc(1_300_000);
    for (let i = 0, state = 1; i < noise.length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      noise[i] = state >>> 24;
    }
    expect(level(await pack(Buffer.alloc(0)))).toBe(1);
    expect(level(await pack(noise.subarray(0, 100_000), 'fast'))).toBe(1);
    expect(level(await pack(noise.subarray(0, 250_000), 'fast'))).toBe(3);
    const packed = await pack(noise, 'fast');
    expect(level(packed)).toBe(9);
    expect((await unpack(packed)).equals(noise)).toBe(true);
  });

  test('tells why its chunks cannot be had, not that 7-Zip could not read', async () => {
    const reason = new Error('the image is gone');
    function* failing(): Generator<Uint8Array> {
      yield Buffer.from('a good start');
      throw reason;
    }
    await expect(packBzip2(failing(), 100, 'best')).rejects.toBe(reason);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Bzip2 from '@foxglove/wasm-bz2';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { bzip2Stream } from '../../../../src/lib/delta/coders/bzip2-stream.js';

const folder = join(import.meta.dirname, '../../../fixtures/patches/bzip2');
const fixtures = readdirSync(folder);
const fixture = (name: string) => readFileSync(join(folder, name));
const LARGEST_BYTES = 46_000_000;

interface Decoded {
  bytes: Buffer;
  largestChunk: number;
}

async function decode(packed: Uint8Array, maxBytes = LARGEST_BYTES): Promise<Decoded> {
  const stream = { name: 'diff', compression: 'bzip2', offset: 0, size: packed.length } as const;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bzip2Stream(memoryAccess(packed, 'app.patch'), stream)) {
    chunks.push(chunk.slice());
    size += chunk.length;
    if (size > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
  }
  return { bytes: Buffer.concat(chunks), largestChunk: Math.max(0, ...chunks.map((chunk) => chunk.length)) };
}

const refusal = (message: string) => ({
  code: 'PATCH_INVALID',
  message: expect.stringContaining(`app.patch: the diff stream is not valid bzip2 data: ${message}`),
});

describe('bzip2Stream decodes as libbzip2 does', () => {
  test.each(fixtures)('%s', async (name) => {
    const libbzip2 = await Bzip2.init();
    const { bytes, largestChunk } = await decode(fixture(name));
    expect(bytes.equals(libbzip2.decompress(fixture(name), LARGEST_BYTES))).toBe(true);
    expect(largestChunk).toBeLessThanOrEqual(128 * 1024);
  });
});

describe('bzip2Stream refuses', () => {
  test.each(['runs.bz2', 'all-bytes.bz2', 'empty.bz2'])('%s cut anywhere, and with a byte more', async (name) => {
    const packed = fixture(name);
    for (let length = 0; length < packed.length; length += Math.ceil(packed.length / 200)) {
      await expect(decode(packed.subarray(0, length)), `${length} bytes`).rejects.toMatchObject(refusal(''));
    }
    await expect(decode(Buffer.concat([packed, Buffer.of(0)]))).rejects.toMatchObject(
      refusal('1 bytes follow its end'),
    );
  });

  test('a second stream behind the first', async () => {
    const twice = Buffer.concat([fixture('one-byte.bz2'), fixture('one-byte.bz2')]);
    await expect(decode(twice)).rejects.toMatchObject(refusal('37 bytes follow its end'));
  });

  test('every flipped bit, or decodes to the same bytes', async () => {
    const packed = fixture('runs.bz2');
    const { bytes } = await decode(packed);
    for (let bit = 0; bit < packed.length * 8; bit++) {
      const flipped = Buffer.from(packed);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const outcome = await decode(flipped).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject(refusal(''));
      else expect((outcome as Decoded).bytes.equals(bytes), `bit ${bit}`).toBe(true);
    }
  });

  test('random changes of larger streams, always within a second', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('all-bytes.bz2', 'two-blocks-level-1.bz2'),
        fc.array(fc.tuple(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.nat(255)), {
          minLength: 1,
          maxLength: 4,
        }),
        async (name, pokes) => {
          const packed = fixture(name);
          for (const [where, value] of pokes) packed[Math.floor(where * packed.length)] = value;
          const started = performance.now();
          const outcome = await decode(packed).catch((error: unknown) => error);
          if (outcome instanceof Error) expect(outcome).toMatchObject(refusal(''));
          expect(performance.now() - started).toBeLessThan(1000);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a run whose length is written with more bits than a number has', async () => {
    // A block whose symbols are all RUNA: 40 of them are a run of 2^40 − 1 bytes.
    const bits = [
      ...bitsOf('BZh9', 32),
      ...bitsOf(0x314159n, 24),
      ...bitsOf(0x265359n, 24),
      ...bitsOf(0n, 32), // checksum
      ...bitsOf(0n, 1), // not randomised
      ...bitsOf(0n, 24), // origin
      ...bitsOf(0x8000n, 16), // only bytes 0 to 15 occur …
      ...bitsOf(0x8000n, 16), // … of them only 0
      ...bitsOf(2n, 3), // prefix codes
      ...bitsOf(2n, 15), // selectors
      ...bitsOf(0n, 2),
      ...[0, 1].flatMap(() => [...bitsOf(1n, 5), 0, 1, 0, 0, 0]), // lengths 1, 2, 2: RUNA is 0
      ...Array.from({ length: 40 }, () => 0),
      ...Array.from({ length: 200 }, () => 1),
    ];
    await expect(decode(packed(bits))).rejects.toMatchObject(refusal('a run is longer than the block may be'));
  });
});

function bitsOf(value: bigint | string, width: number): number[] {
  const number = typeof value === 'string' ? BigInt(`0x${Buffer.from(value, 'latin1').toString('hex')}`) : value;
  return Array.from({ length: width }, (_, i) => Number((number >> BigInt(width - 1 - i)) & 1n));
}

function packed(bits: number[]): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    bytes[i >> 3]! |= bit << (7 - (i & 7));
  });
  return bytes;
}

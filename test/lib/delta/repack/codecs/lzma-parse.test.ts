import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lzmaParse } from '../../../../../src/lib/delta/repack/codecs/lzma-parse.js';
import { aloneFile, programLike } from '../lzma-parse/lzma-streams.js';

const NO_SETTINGS = new Uint8Array(0);

describe('lzma-parse', () => {
  test.each([
    ['a size', (content: Uint8Array) => BigInt(content.length)],
    ['no size', () => 0xffff_ffff_ffff_ffffn],
  ])('repeats a stream whose header has %s from what it unpacks to', async (_, sizeOf) => {
    const content = programLike(100_000);
    const packed = await aloneFile(content, sizeOf(content));
    const { unpacked, packedBytes } = await lzmaParse.decode(Buffer.concat([packed, Buffer.alloc(9, 7)]), 1_000_000);
    expect(packedBytes).toBe(packed.length);
    expect(content.equals(unpacked.subarray(0, content.length))).toBe(true);
    expect([...lzmaParse.candidates(packed, unpacked)]).toEqual([NO_SETTINGS]);
    expect(packed.equals(await lzmaParse.encode(NO_SETTINGS, unpacked))).toBe(true);
  });

  test('keeps most of the record alike where a few bytes of the content change', async () => {
    const content = programLike(100_000);
    const packed = await aloneFile(content, BigInt(content.length));
    content.fill(1, 50_000, 50_040);
    const changed = await aloneFile(content, BigInt(content.length));
    const [before, after] = await Promise.all([packed, changed].map((file) => lzmaParse.decode(file, 1_000_000)));
    const records = [before!, after!].map(({ unpacked }) => Buffer.from(unpacked.subarray(content.length)));
    const pieces = Array.from({ length: Math.floor(records[1]!.length / 16) }, (_, i) => records[1]!.subarray(16 * i));
    const alike = pieces.filter((piece) => records[0]!.includes(piece.subarray(0, 16)));
    expect(alike.length / pieces.length).toBeGreaterThan(0.8);
  });

  test('unpacks no more than it is allowed to', async () => {
    const packed = await aloneFile(Buffer.alloc(50_000), 50_000n);
    await expect(lzmaParse.decode(packed, 49_999)).rejects.toThrow(RangeError);
  });

  test('refuses or packs whatever it is given, and never more than the record says', async () => {
    const content = programLike(2000);
    const { unpacked } = await lzmaParse.decode(await aloneFile(content, 2000n), 10_000);
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(damage, async (flips) => {
        const damaged = Buffer.from(unpacked);
        for (const [place, byte] of flips) damaged[damaged.length - 1 - (place % 600)] = byte;
        const packed = await lzmaParse.encode(NO_SETTINGS, damaged).catch((error: unknown) => error);
        if (packed instanceof Uint8Array) expect(packed.length).toBeLessThan(2 * damaged.length);
        else expect(packed).toBeInstanceOf(RangeError);
      }),
      { numRuns: 200 },
    );
    await expect(lzmaParse.encode(NO_SETTINGS, new Uint8Array(21))).rejects.toThrow(RangeError);
  });
});

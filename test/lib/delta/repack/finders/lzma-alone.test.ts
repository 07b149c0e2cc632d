import { describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../../src/lib/delta/image/image-bytes.js';
import { CodecPool } from '../../../../../src/lib/delta/repack/codec-pool.js';
import { NO_CONTENTS } from '../../../../../src/lib/delta/repack/content-store.js';
import { lzmaAlone } from '../../../../../src/lib/delta/repack/finders/lzma-alone.js';
import { MissingLibraries } from '../../../../../src/lib/delta/repack/missing-libraries.js';
import { Surveyor } from '../../../../../src/lib/delta/repack/survey.js';
import { aloneFile, programLike } from '../lzma-parse/lzma-streams.js';

const UNKNOWN = 0xffff_ffff_ffff_ffffn;

describe('the finder of .lzma streams', () => {
  test('finds streams anywhere, with and without a size, and the survey where they end', async () => {
    const content = programLike(20_000);
    const streams = [await aloneFile(content, BigInt(content.length)), await aloneFile(content, UNKNOWN)];
    const [one, other] = streams as [Buffer, Buffer];
    // across the border of what is looked at at once, and right behind text
    const image = Buffer.concat([Buffer.alloc(1024 * 1024 - 5), one, Buffer.from('text'), other, Buffer.alloc(99, 1)]);
    await using pool = new CodecPool();
    const unpacking = { pool, missing: new MissingLibraries(), contents: NO_CONTENTS };
    const surveyor = new Surveyor(unpacking, [lzmaAlone], image.length);
    const found = await surveyor.survey(imageInMemory(image), new Set(), 1);
    expect(found.map(({ at, packedBytes }) => [at, packedBytes])).toEqual([
      [1024 * 1024 - 5, one.length],
      [1024 * 1024 - 1 + one.length, other.length],
    ]);
  });

  test.each([
    ['properties that are not usual', (file: Buffer) => file.writeUInt8(0x5c, 0)],
    ['a dictionary of a size that nobody chooses', (file: Buffer) => file.writeUInt32LE(0x110000, 1)],
    ['a dictionary of 4 KiB', (file: Buffer) => file.writeUInt32LE(4096, 1)],
    ['a content of nothing', (file: Buffer) => file.writeBigUInt64LE(0n, 5)],
    ['a content larger than firmware', (file: Buffer) => file.writeBigUInt64LE(0x2000_0001n, 5)],
    ['a content beyond all numbers', (file: Buffer) => file.writeBigUInt64LE(UNKNOWN - 1n, 5)],
    ['a first byte that is not zero', (file: Buffer) => file.writeUInt8(1, 13)],
    ['what is no stream behind it', (file: Buffer) => file.fill(0xff, 14)],
    ['an end of the image behind it', (file: Buffer) => file.subarray(0, 200)],
  ])('takes no header with %s', async (_, change) => {
    const file = await aloneFile(programLike(20_000), 20_000n);
    file.writeUInt32LE(0x180000, 1);
    expect(places(file)).toEqual([7]);
    const changed = change(file);
    expect(places(typeof changed === 'number' ? file : changed)).toEqual([]);
  });

  test('finds nothing in nothing', () => {
    expect([...lzmaAlone.find(imageInMemory(new Uint8Array(0)))]).toEqual([]);
  });
});

function places(beginning: Uint8Array): number[] {
  const image = Buffer.concat([Buffer.alloc(7, 0xee), beginning]);
  return [...lzmaAlone.find(imageInMemory(image))].map(({ at }) => at);
}

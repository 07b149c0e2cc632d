import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../../src/lib/delta/image/image-bytes.js';
import { CodecPool } from '../../../../../src/lib/delta/repack/codec-pool.js';
import { zlibStream } from '../../../../../src/lib/delta/repack/finders/zlib-stream.js';
import { realFirmware } from '../../../../support/firmware.js';
import { packedByRecipe, unpackedByRecipe, unpackInMemory } from '../unpacked-pair.js';

let pool: CodecPool;
let firmware: { old: Uint8Array; new: Uint8Array };

beforeAll(async () => {
  pool = new CodecPool();
  const { old, new: target } = await realFirmware('movehub');
  firmware = { old: old.subarray(0, 60_000), new: target.subarray(0, 60_000) };
});
afterAll(() => pool[Symbol.asyncDispose]());

const LEVELS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

test.each([
  ['gzip', gzipSync],
  ['zlib', deflateSync],
])('what Node.js compressed with %s inside a flat image comes back, at all levels', async (_, compress) => {
  const flat = (pack: (level: number) => Uint8Array) =>
    Buffer.concat(LEVELS.flatMap((level) => [Buffer.alloc(4096 + level, 0xff), pack(level)]));
  const part = (content: Uint8Array, level: number) => content.subarray(level * 1000, level * 1000 + 20_000);
  const image = (content: Uint8Array) => flat((level) => compress(part(content, level), { level }));
  const images = { base: image(firmware.old), target: image(firmware.new) };
  const unpacked = await unpackInMemory(pool, images);
  expect(unpacked?.pair.counts).toEqual({ reproduced: LEVELS.length, corrected: 0, shared: 0, left: 0 });
  expect(unpacked!.target.equals(flat((level) => part(firmware.new, level)))).toBe(true);
  expect((await unpackedByRecipe(unpacked!.recipe, images.base)).length).toBe(unpacked!.base.length);
  expect((await packedByRecipe(unpacked!.recipe, unpacked!.target)).equals(images.target)).toBe(true);
});

describe('a zlib header', () => {
  const found = (bytes: Uint8Array) => [...zlibStream.find(imageInMemory(bytes))].map(({ at }) => at);

  test('is believed when what follows decodes, wherever it stands and however short it is', () => {
    const stream = deflateSync(firmware.new);
    const short = deflateSync(firmware.new.subarray(0, 100));
    expect(found(Buffer.concat([Buffer.alloc(1_048_000), stream, short]))).toEqual([
      1_048_000,
      1_048_000 + stream.length,
    ]);
    expect(found(deflateSync(new Uint8Array(1_000_000)))).toEqual([0]);
  });

  test('is not believed when nothing follows that decodes', () => {
    const stream = deflateSync(firmware.new);
    stream[20]! ^= 0xff;
    expect(found(Buffer.concat([Buffer.alloc(100, 0x78), stream, Uint8Array.of(0x78, 0x9c)]))).toEqual([]);
  });
});

import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { createDelta } from '../../../../src/lib/delta/create-delta.js';
import { DEFLATE_VERSION, writeDeflateSettings } from '../../../../src/lib/delta/repack/codecs/deflate.js';
import { zlib } from '../../../../src/lib/delta/repack/codecs/zlib.js';
import type { Recipe } from '../../../../src/lib/delta/repack/recipe.js';
import { repackTarget } from '../../../../src/lib/delta/repack/repack-target.js';
import { MEMORY_SCRATCH_BYTES } from '../../../../src/lib/delta/repack/scratch-storage.js';
import { openUnpackedBase } from '../../../../src/lib/delta/repack/unpacked-base.js';
import { realFirmware } from '../../../support/firmware.js';
import { type TestFolder, testFolder } from '../../../support/folder.js';

/** More than is held in memory. */
const CONTENT_BYTES = MEMORY_SCRATCH_BYTES + 1;
const packed = deflateSync(new Uint8Array(CONTENT_BYTES));

let temporary: TestFolder;
beforeEach(async () => {
  temporary = await testFolder();
  vi.stubEnv('TMPDIR', temporary.path);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await temporary[Symbol.asyncDispose]();
});

const left = () => readdir(temporary.path);

function recipe(contentBytes: number): Recipe {
  const stream = { codec: 0, gapBytes: 0, packedBytes: packed.length, contentBytes, inner: [] };
  return { codecs: [{ name: 'zlib', version: DEFLATE_VERSION }], base: [stream], target: [], checks: [] };
}

describe('an old image that is unpacked into a temporary file', () => {
  const image = memoryAccess(packed, 'old.img');

  test('has no name there while it is read, and is gone afterwards', async () => {
    {
      await using base = await openUnpackedBase(recipe(CONTENT_BYTES), image, { patchName: 'patch' });
      const bytes = Buffer.alloc(4, 1);
      expect(await base.read(bytes, CONTENT_BYTES - 3)).toBe(3);
      expect([...bytes]).toEqual([0, 0, 0, 1]);
      expect(await left()).toHaveLength(1);
      expect(await readdir(temporary.file((await left())[0]!))).toEqual([]);
    }
    expect(await left()).toEqual([]);
  });

  test.each([CONTENT_BYTES - 1, CONTENT_BYTES + 1])(
    'leaves nothing when it does not unpack to %i bytes',
    async (bytes) => {
      const opening = openUnpackedBase(recipe(bytes), image, { patchName: 'patch' });
      await expect(opening).rejects.toMatchObject({ code: 'PATCH_INVALID' });
      expect(await left()).toEqual([]);
    },
  );

  test('leaves nothing when unpacking is interrupted', async () => {
    const controller = new AbortController();
    const interrupting = {
      ...image,
      size: image.size + 1000,
      read: (into: Uint8Array, position: number) => {
        if (position >= image.size) controller.abort();
        return position >= image.size ? Promise.resolve(into.length) : image.read(into, position);
      },
    };
    const options = { patchName: 'patch', signal: controller.signal };
    const opening = openUnpackedBase(recipe(CONTENT_BYTES), interrupting, options);
    await expect(opening).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await left()).toEqual([]);
  });
});

test('packing the new image again ends when it is interrupted, and so does what it reads', async () => {
  const controller = new AbortController();
  let isClosed = false;
  async function* unpacked(): AsyncGenerator<Uint8Array> {
    try {
      yield new Uint8Array(10);
      controller.abort();
      yield new Uint8Array(CONTENT_BYTES);
    } finally {
      isClosed = true;
    }
  }
  const content = { unpackedBytes: 100, contentBytes: 100, corrections: [], inner: [] };
  const settings = Buffer.concat([
    writeDeflateSettings({ encoder: 'zlib', level: 1, memLevel: 8, windowBits: 15, strategy: 0 }),
    Uint8Array.of(0x78, 0x01),
  ]);
  const stream = { codec: 0, settings, gapBytes: 10, ...content };
  const check = createHash('sha256')
    .update(await zlib.encode(settings, new Uint8Array(100)))
    .digest()
    .subarray(0, 8);
  const target = [stream, { ...stream, gapBytes: CONTENT_BYTES - 100 }];
  const options = { patchName: 'patch', signal: controller.signal };
  const packing = repackTarget({ ...recipe(0), target, checks: [check, check] }, unpacked(), options);
  await expect(drain(packing)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(isClosed).toBe(true);
});

test('making a patch that is interrupted while images are unpacked leaves neither a patch nor unpacked images', async () => {
  const firmware = await realFirmware('movehub');
  const [basePath, targetPath] = [temporary.file('old'), temporary.file('new')];
  await writeFile(basePath, deflateSync(firmware.old));
  await writeFile(targetPath, deflateSync(firmware.new));
  const controller = new AbortController();
  const making = createDelta({
    format: 'otad-repack',
    basePath,
    targetPath,
    outPath: temporary.file('patch'),
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(making).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect((await left()).sort()).toEqual(['new', 'old']);
});

async function drain(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of pieces);
}

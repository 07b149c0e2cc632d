import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodecPool } from '../../../../src/lib/delta/repack/codec-pool.js';
import { writeDeflateSettings } from '../../../../src/lib/delta/repack/codecs/deflate.js';
import { gzip } from '../../../../src/lib/delta/repack/codecs/gzip.js';
import { runLzma } from '../../../../src/lib/delta/repack/codecs/lzma-library.js';
import { xz } from '../../../../src/lib/delta/repack/codecs/xz.js';
import { writeXzStream } from '../../../../src/lib/delta/repack/codecs/xz-container.js';
import { zstd } from '../../../../src/lib/delta/repack/codecs/zstd.js';
import { simpleDescriptor } from '../../../../src/lib/delta/repack/codecs/zstd-frame.js';
import { realFirmware } from '../../../support/firmware.js';
import { type Images, packedByRecipe, type UnpackedImages, unpackedByRecipe, unpackInMemory } from './unpacked-pair.js';

const FIXTURES = join(import.meta.dirname, '../../../fixtures/squashfs');
/** What zstd 1.5.4 writes as the check of the new firmware's first 40,000 bytes. */
const CHECK = Buffer.from('978d7fc3', 'hex');
const KERNEL_XZ = Buffer.from('0102001a065d000000000400', 'hex');

let pool: CodecPool;
let firmware: { old: Uint8Array; new: Uint8Array };

beforeAll(async () => {
  pool = new CodecPool();
  const { old, new: target } = await realFirmware('movehub');
  firmware = { old: old.subarray(0, 40_000), new: target.subarray(0, 40_000) };
});
afterAll(() => pool[Symbol.asyncDispose]());

async function expectRoundTrip(images: Images): Promise<UnpackedImages> {
  const unpacked = await unpackInMemory(pool, images);
  expect((await unpackedByRecipe(unpacked!.recipe, images.base)).equals(unpacked!.base)).toBe(true);
  expect((await packedByRecipe(unpacked!.recipe, unpacked!.target)).equals(images.target)).toBe(true);
  return unpacked!;
}

describe('images are unpacked, and come back bit for bit:', () => {
  test.each(['xz', 'gzip'])('a squashfs packed by mksquashfs with %s', async (compressor) => {
    const read = (side: string) => readFile(join(FIXTURES, `${compressor}.${side}.squashfs`));
    const images = { base: await read('old'), target: await read('new') };
    const { pair, target } = await expectRoundTrip(images);
    expect(pair.counts).toMatchObject({ corrected: 0, left: 0 });
    expect(pair.counts.reproduced).toBeGreaterThan(5);
    expect(pair.counts.shared).toBeGreaterThan(0); // the file that both have stays packed
    expect(target.includes(firmware.new.subarray(4096, 8192))).toBe(true);
  });

  test('a kernel whose payload holds an initramfs that is packed itself', async () => {
    const images = { base: await kernel(firmware.old), target: await kernel(firmware.new) };
    const { pair, recipe, target } = await expectRoundTrip(images);
    expect(pair.counts).toMatchObject({ reproduced: 2, left: 0 });
    expect(recipe.target[0]!.inner).toHaveLength(1);
    expect(target.includes(firmware.new)).toBe(true);
  });

  test('an initramfs of three archives: one as it is, one packed with gzip, one with xz', async () => {
    const images = { base: await initramfs(firmware.old), target: await initramfs(firmware.new) };
    const { pair, target } = await expectRoundTrip(images);
    expect(pair.counts).toMatchObject({ reproduced: 2, left: 0 });
    expect(target.includes(cpio('init', firmware.new.subarray(0, 20_000)))).toBe(true);
    expect(target.includes(cpio('modules', firmware.new.subarray(20_000)))).toBe(true);
  });

  test('a zstd frame with a check, which its library does not show, by a correction', async () => {
    const images = { base: firmware.old, target: await checkedFrame(firmware.new) };
    const { pair, recipe } = await expectRoundTrip(images);
    expect(pair.counts).toMatchObject({ corrected: 1, left: 0 });
    expect(recipe.target[0]!.corrections).toMatchObject([{ droppedBytes: 4, bytes: CHECK }]);
  });
});

describe('streams stay packed', () => {
  test('that both images have', async () => {
    const same = await xz.encode(KERNEL_XZ, firmware.old);
    expect(await unpackInMemory(pool, { base: same, target: Buffer.concat([same, Buffer.alloc(9)]) })).toBeUndefined();
  });

  test('that no settings make', async () => {
    const target = await foreignStream(firmware.new);
    expect((await xz.decode(target, firmware.new.length)).packedBytes).toBe(target.length);
    expect(await unpackInMemory(pool, { base: firmware.old, target })).toBeUndefined();
  });

  test('that unpack to more than any firmware does', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(8000);
    expect(await unpackInMemory(pool, { base: firmware.old, target: bomb })).toBeUndefined();
  });

  test('that are damaged or cut, and nothing else is disturbed', async () => {
    const good = await xz.encode(KERNEL_XZ, firmware.new);
    const damaged = Buffer.from(good);
    damaged[300]! ^= 1;
    const target = Buffer.concat([damaged, good.subarray(0, 5000), good, good.subarray(0, 2000)]);
    const { pair } = await expectRoundTrip({ base: firmware.old, target });
    expect(pair.counts.reproduced).toBe(1);
  });
});

describe('a recipe is refused', () => {
  let images: Images;
  let unpacked: UnpackedImages;

  beforeAll(async () => {
    images = { base: await xz.encode(KERNEL_XZ, firmware.old), target: await xz.encode(KERNEL_XZ, firmware.new) };
    unpacked = (await unpackInMemory(pool, images))!;
  });

  test('when it needs an encoder of another version', async () => {
    const recipe = { ...unpacked.recipe, codecs: [{ name: 'xz', version: 'liblzma 5.0.0' }] };
    const refusal = { code: 'TOOL_MISSING', message: expect.stringContaining('liblzma 5.2.3 is here') };
    await expect(unpackedByRecipe(recipe, images.base)).rejects.toMatchObject(refusal);
    await expect(packedByRecipe(recipe, unpacked.target)).rejects.toMatchObject(refusal);
  });

  test('when it needs a codec that is none of ours', async () => {
    const recipe = { ...unpacked.recipe, codecs: [{ name: 'toString', version: '1' }] };
    const refusal = { code: 'TOOL_MISSING', message: expect.stringContaining('there is none here') };
    await expect(unpackedByRecipe(recipe, images.base)).rejects.toMatchObject(refusal);
  });

  test('when the encoder makes other bytes on this machine', async () => {
    const recipe = { ...unpacked.recipe, checks: [new Uint8Array(8)] };
    const refusal = { code: 'NOT_REPRODUCIBLE', message: expect.stringContaining('other bytes on this machine') };
    await expect(packedByRecipe(recipe, unpacked.target)).rejects.toMatchObject(refusal);
  });

  test('when its settings are none', async () => {
    const target = [{ ...unpacked.recipe.target[0]!, settings: Uint8Array.of(1, 2, 3) }];
    const refusal = { code: 'PATCH_INVALID', message: expect.stringContaining('cannot be packed') };
    await expect(packedByRecipe({ ...unpacked.recipe, target }, unpacked.target)).rejects.toMatchObject(refusal);
  });

  test('when the old image has no such stream', async () => {
    const refusal = { code: 'PATCH_INVALID', message: expect.stringContaining('holds no xz stream') };
    const zeros = new Uint8Array(images.base.length);
    await expect(unpackedByRecipe(unpacked.recipe, zeros)).rejects.toMatchObject(refusal);
    const [stream] = unpacked.recipe.base;
    const base = [{ ...stream!, contentBytes: stream!.contentBytes - 1 }];
    await expect(unpackedByRecipe({ ...unpacked.recipe, base }, images.base)).rejects.toMatchObject(refusal);
  });
});

/** Setup sectors with the boot protocol's header, then the payload, its size, and a check. */
async function kernel(content: Uint8Array): Promise<Buffer> {
  const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3);
  const settings = writeDeflateSettings({ encoder: 'gnu', level: 9, memLevel: 9, windowBits: 15, strategy: 0 });
  const initramfs = await gzip.encode(Buffer.concat([settings, header]), content);
  const payload = await xz.encode(KERNEL_XZ, Buffer.concat([Buffer.alloc(3000, 0x90), initramfs, Buffer.alloc(99)]));
  const setup = Buffer.alloc(1024);
  setup[0x1f1] = 1;
  setup.write('HdrS', 0x202);
  setup.writeUInt16LE(0x020f, 0x206);
  setup.writeUInt32LE(64, 0x248);
  setup.writeUInt32LE(payload.length + 4, 0x24c);
  return Buffer.concat([setup, Buffer.alloc(64, 0xcc), payload, Buffer.alloc(4, 7), Buffer.alloc(4, 9)]);
}

/** A frame as `zstd -19` writes it: with a check behind its blocks. */
async function checkedFrame(content: Uint8Array): Promise<Buffer> {
  const frame = await zstd.encode(Uint8Array.of(19, simpleDescriptor(content.length) | 4, 0), content);
  return Buffer.concat([frame.subarray(0, -4), CHECK]);
}

/** A good stream by an encoder whose search is that of no preset. */
async function foreignStream(content: Uint8Array): Promise<Buffer> {
  const options = { mode: 2, mf: 0x14, niceLen: 37, depth: 3, dictSize: 1 << 20, lc: 3, lp: 0, pb: 2 };
  const packed = await runLzma('rawEncoder', [{ id: 'LZMA_FILTER_LZMA2', options }], content, content.length);
  const frame = { check: 1, headerBytes: 12, statesPackedBytes: false, statesUnpackedBytes: false, filters: [] };
  return writeXzStream({ ...frame, dictionaryByte: 16 }, [{ packed, content }]);
}

async function initramfs(image: Uint8Array): Promise<Buffer> {
  return Buffer.concat([
    cpio('kernel/x86/microcode/GenuineIntel.bin', image.subarray(0, 4096)),
    gzipSync(cpio('init', image.subarray(0, 20_000)), { level: 9 }),
    Buffer.alloc(512), // archives are padded
    await xz.encode(KERNEL_XZ, cpio('modules', image.subarray(20_000))),
  ]);
}

/** An archive of one file. @see Linux, Documentation/driver-api/early-userspace/buffer-format.rst (newc) */
function cpio(name: string, content: Uint8Array): Buffer {
  return Buffer.concat([cpioEntry(name, content), cpioEntry('TRAILER!!!', new Uint8Array(0))]);
}

function cpioEntry(name: string, content: Uint8Array): Buffer {
  const fields = [1, 0o100644, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`);
  return Buffer.concat([padded(header), padded(content)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

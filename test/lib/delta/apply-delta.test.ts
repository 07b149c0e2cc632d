import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { applyDelta } from '../../../src/lib/delta/apply-delta.js';
import type { DeltaFormat } from '../../../src/lib/delta/formats.js';
import { inspectPatch } from '../../../src/lib/delta/inspect-patch.js';
import { realFirmware } from '../../support/firmware.js';
import { forgePatch, outcomeOf } from './forged-patch.js';
import { forgeOtad } from './otad/forged-otad.js';

const fixture = (name: string) => readFile(join(import.meta.dirname, '../../fixtures/patches', name));

describe('patches that others made rebuild real firmware', () => {
  test.each<[name: string, hub: 'movehub' | 'primehub', format: DeltaFormat]>([
    ['movehub.bsdiff40', 'movehub', 'bsdiff40'],
    ['primehub.bsdiff40', 'primehub', 'bsdiff40'],
    ['movehub.brotli.bsdf2', 'movehub', 'bsdf2'],
    ['primehub.brotli.bsdf2', 'primehub', 'bsdf2'],
    ['movehub.bzip2-brotli-none.bsdf2', 'movehub', 'bsdf2'],
  ])('%s', async (name, hub, format) => {
    const images = await realFirmware(hub);
    const { yielded, error } = await outcomeOf(await fixture(name), images.old, images.new.length, format);
    expect(error).toBeUndefined();
    expect(yielded.equals(images.new)).toBe(true);
  });
});

test('a patch for another base gives other bytes, of the right number: the hash is what tells', async () => {
  const images = await realFirmware('movehub');
  const other = Buffer.from(images.old).reverse();
  const { yielded } = await outcomeOf(await fixture('movehub.bsdiff40'), other, images.new.length, 'bsdiff40');
  expect(yielded).toHaveLength(images.new.length);
  expect(yielded.equals(images.new)).toBe(false);
});

test('the header tells where each stream lies', async () => {
  const patch = await fixture('movehub.bzip2-brotli-none.bsdf2');
  const layout = await inspectPatch('bsdf2', memoryAccess(patch, 'movehub'));
  expect(layout).toMatchObject({
    targetSize: 102432,
    control: { compression: 'bzip2', offset: 32 },
    diff: { compression: 'brotli' },
    extra: { compression: 'none' },
  });
  expect(layout.extra.offset + layout.extra.size).toBe(patch.length);
});

describe('a large image', () => {
  const size = 3_000_000;
  const old = Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31) >> 3));
  const patch = forgePatch({ triples: [[size, 0, 0]], diff: Buffer.alloc(size, 1), targetSize: size });

  test('comes in chunks of at most 256 KiB', async () => {
    const { yielded, largestChunk } = await outcomeOf(patch, old, size);
    expect(yielded.equals(old.map((byte) => byte + 1))).toBe(true);
    expect(largestChunk).toBe(256 * 1024);
  });

  test('stops at a raised signal with its reason', async () => {
    const abort = new AbortController();
    const reason = new OtaError('INTERRUPTED', 'Interrupted');
    const application = applyDelta({
      format: 'bsdf2',
      patch: memoryAccess(patch, 'patch'),
      base: memoryAccess(old, 'old'),
      targetSize: size,
      signal: abort.signal,
    });
    await application.next();
    abort.abort(reason);
    await expect(application.next()).rejects.toBe(reason);
  });

  test('whose old image is walked backwards in small steps is still rebuilt', async () => {
    const step = 1000;
    const triples = Array.from(
      { length: size / step },
      (_, i) => [step, 0, i === 0 ? size - 2 * step : -2 * step] as const,
    );
    const expected = Buffer.concat([
      old.subarray(0, step),
      ...Array.from({ length: size / step - 1 }, (_, i) => old.subarray(size - (i + 1) * step, size - i * step)),
    ]);
    const backwards = forgePatch({ triples, diff: Buffer.alloc(size), targetSize: size });
    expect((await outcomeOf(backwards, old, size)).yielded.equals(expected)).toBe(true);
  });
});

test('a base that shrinks while it is read is an input failure, not a bad patch', async () => {
  const patch = forgePatch({ triples: [[10, 0, 0]], diff: Buffer.alloc(10), targetSize: 10 });
  const application = applyDelta({
    format: 'bsdf2',
    patch: memoryAccess(patch, 'patch'),
    base: { name: 'old.bin', size: 10, read: async () => 3 },
    targetSize: 10,
  });
  await expect(application.next()).rejects.toMatchObject({
    code: 'IO_FAILED',
    message: expect.stringContaining('old.bin'),
  });
});

describe('a signal comes through where nothing has to be waited for', () => {
  const image = Buffer.alloc(1024 * 1024, 'firmware');
  const { length } = image;
  const kinds = Array.from({ length: length / 4096 }, () => 0);
  const covers = [[0, length, 0]] as const;
  test.each<[DeltaFormat, Uint8Array]>([
    ['otad', forgeOtad({ baseSize: length, target: image, covers, kinds, chunkBits: 16 })],
    ['bsdf2', forgePatch({ triples: [[length, 0, 0]], diff: Buffer.alloc(length), targetSize: length })],
  ])('applying %s', async (format, patch) => {
    const abort = new AbortController();
    const application = applyDelta({
      format,
      patch: memoryAccess(patch, 'patch'),
      base: memoryAccess(image, 'old'),
      targetSize: length,
      signal: abort.signal,
    });
    await application.next();
    setImmediate(() => abort.abort());
    await expect(application.next().then(() => application.next())).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

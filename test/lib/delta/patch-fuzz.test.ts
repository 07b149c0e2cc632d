import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeltaFormat } from '../../../src/lib/delta/formats.js';
import { realFirmware } from '../../support/firmware.js';
import { mutate, mutations } from '../../support/mutations.js';
import { controlBytes, forgePatch, outcomeOf } from './forged-patch.js';

const fixture = (name: string) => readFile(join(import.meta.dirname, '../../fixtures/patches', name));

/** Either a refusal of the right class, or exactly as many bytes as were promised. */
async function survives(patch: Uint8Array, old: Uint8Array, targetSize: number, format: DeltaFormat): Promise<void> {
  const { yielded, error } = await outcomeOf(patch, old, targetSize, format);
  if (error === undefined) {
    expect(yielded).toHaveLength(targetSize);
    return;
  }
  expect(error).toMatchObject({ name: 'OtaError' });
  expect((error as { code: string }).code).toMatch(/^(PATCH_INVALID|LIMIT_EXCEEDED)$/);
  expect(yielded.length).toBeLessThanOrEqual(targetSize);
}

describe('a changed patch neither crashes nor hangs nor makes too much', () => {
  test.each<[name: string, format: DeltaFormat]>([
    ['movehub.bsdiff40', 'bsdiff40'],
    ['movehub.brotli.bsdf2', 'bsdf2'],
    ['movehub.bzip2-brotli-none.bsdf2', 'bsdf2'],
  ])('%s', async (name, format) => {
    const [images, patch] = await Promise.all([realFirmware('movehub'), fixture(name)]);
    await fc.assert(
      fc.asyncProperty(mutations, (changes) => survives(mutate(patch, changes), images.old, images.new.length, format)),
      { numRuns: 200 },
    );
  });

  test('when the streams are stored, so that every change reaches the triples', async () => {
    const old = Buffer.alloc(2000, 'old image ');
    const triples = [
      [500, 20, -100],
      [300, 0, 700],
      [0, 0, 30],
      [180, 1000, 0],
    ] as const;
    const patch = forgePatch({
      compressors: [0, 0, 0],
      triples,
      diff: Buffer.alloc(980, 3),
      extra: Buffer.alloc(1020, 'x'),
      targetSize: 2000,
    });
    expect((await outcomeOf(patch, old, 2000)).yielded).toHaveLength(2000);
    await fc.assert(
      fc.asyncProperty(mutations, (changes) => survives(mutate(patch, changes), old, 2000, 'bsdf2')),
      { numRuns: 1000 },
    );
  });

  test('when only the control stream changes, under compression', async () => {
    const old = Buffer.alloc(2000, 'old image ');
    const control = controlBytes([
      [500, 20, -100],
      [300, 0, 700],
      [180, 1000, 0],
    ]);
    const parts = { diff: Buffer.alloc(980, 3), extra: Buffer.alloc(1020, 'x'), targetSize: 2000 };
    await fc.assert(
      fc.asyncProperty(mutations, (changes) =>
        survives(forgePatch({ ...parts, control: mutate(control, changes) }), old, 2000, 'bsdf2'),
      ),
      { numRuns: 500 },
    );
  });
});

import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { applyMemoryBytes } from '../../../../src/lib/delta/apply-memory.js';
import { encodeBsdiff } from '../../../../src/lib/delta/bsdiff/bsdiff-encoder.js';
import type { BsdiffFormat, Effort } from '../../../../src/lib/delta/formats.js';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import { inspectPatch } from '../../../../src/lib/delta/inspect-patch.js';
import { realFirmware } from '../../../support/firmware.js';
import { outcomeOf } from '../forged-patch.js';

const encode = async (format: BsdiffFormat, old: Uint8Array, target: Uint8Array, effort: Effort = 'best') =>
  Buffer.concat(await encodeBsdiff(imageInMemory(old), imageInMemory(target), { format, effort }, () => undefined));

test.each([
  ["Android's bsdiff, on movehub", 'bsdf2', 'movehub', 5400, 5635],
  ["Android's bsdiff, on primehub", 'bsdf2', 'primehub', 20_050, 20_499],
  ['bsdiff 4.3, on movehub', 'bsdiff40', 'movehub', 5900, 6462],
  ['bsdiff 4.3, on primehub', 'bsdiff40', 'primehub', 21_600, 22_851],
] as const)('a patch of ours is smaller than that of %s', async (_, format, hub, mostBytes, theirBytes) => {
  const images = await realFirmware(hub);
  const { length } = await encode(format, images.old, images.new);
  expect(length).toBeLessThanOrEqual(mostBytes);
  expect(length).toBeLessThan(theirBytes);
});

describe.each(['bsdf2', 'bsdiff40'] as const)('encodeBsdiff, %s', (format) => {
  test('gives the same bytes for the same images', async () => {
    const images = await realFirmware('movehub');
    expect(await encode(format, images.old, images.new)).toEqual(await encode(format, images.old, images.new));
  });

  test('takes less effort for a larger patch, from the same matches', async () => {
    const images = await realFirmware('primehub');
    const efforts = ['best', 'normal', 'fast'] as const;
    const patches = await Promise.all(efforts.map((effort) => encode(format, images.old, images.new, effort)));
    const sizes = patches.map(({ length }) => length);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    expect(new Set(sizes).size).toBe(3);
    for (const patch of patches) {
      expect((await outcomeOf(patch, images.old, images.new.length, format)).yielded.equals(images.new)).toBe(true);
    }
  });

  test('needs next to nothing for equal images and for long runs', async () => {
    const images = await realFirmware('primehub');
    expect((await encode(format, images.old, images.old)).length).toBeLessThan(140);
    const zeros = Buffer.alloc(200_000);
    const runs = Buffer.concat([zeros.subarray(7), Buffer.from('x'), zeros]);
    const patch = await encode(format, zeros, runs);
    expect(patch.length).toBeLessThan(250);
    expect((await outcomeOf(patch, zeros, runs.length, format)).yielded.equals(runs)).toBe(true);
  });

  test('reports progress that never falls and ends at 1', async () => {
    const images = await realFirmware('movehub');
    const reports: number[] = [];
    await encodeBsdiff(imageInMemory(images.old), imageInMemory(images.new), { format }, (done) => reports.push(done));
    expect(reports).toEqual(reports.toSorted((a, b) => a - b));
    expect(reports.at(-1)).toBeCloseTo(1);
  });

  test('asks of the applier only what small images need', async () => {
    const images = await realFirmware('movehub');
    const patch = memoryAccess(await encode(format, images.old, images.new), 'patch');
    const needed = await applyMemoryBytes(patch, await inspectPatch(format, patch), images.old.length);
    expect(needed).toBeLessThan(4 * 1024 * 1024);
  });
});

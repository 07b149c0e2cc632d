import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { applyMemoryBytes } from '../../../../src/lib/delta/apply-memory.js';
import { type Bsdf2Choices, encodeBsdf2 } from '../../../../src/lib/delta/bsdiff/bsdf2-encoder.js';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import { inspectPatch } from '../../../../src/lib/delta/inspect-patch.js';
import { realFirmware } from '../../../support/firmware.js';
import { outcomeOf } from '../forged-patch.js';

const encode = async (old: Uint8Array, target: Uint8Array, choices: Bsdf2Choices = {}) =>
  Buffer.concat(await encodeBsdf2(imageInMemory(old), imageInMemory(target), choices, () => undefined));

describe('encodeBsdf2', () => {
  test('gives the same bytes for the same images', async () => {
    const images = await realFirmware('movehub');
    expect(await encode(images.old, images.new)).toEqual(await encode(images.old, images.new));
  });

  test.each([
    ['movehub', 5400, 5635],
    ['primehub', 20_050, 20_499],
  ] as const)("is smaller than Android's bsdiff makes it on %s", async (hub, mostBytes, androidBytes) => {
    const images = await realFirmware(hub);
    const { length } = await encode(images.old, images.new);
    expect(length).toBeLessThanOrEqual(mostBytes);
    expect(length).toBeLessThan(androidBytes);
  });

  test('takes less effort for a larger patch, from the same matches', async () => {
    const images = await realFirmware('movehub');
    const efforts = ['best', 'normal', 'fast'] as const;
    const patches = await Promise.all(efforts.map((effort) => encode(images.old, images.new, { effort })));
    const sizes = patches.map(({ length }) => length);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    expect(new Set(sizes).size).toBe(3);
    for (const patch of patches) {
      expect((await outcomeOf(patch, images.old, images.new.length)).yielded.equals(images.new)).toBe(true);
    }
  });

  test('needs next to nothing for equal images and for long runs', async () => {
    const images = await realFirmware('primehub');
    expect((await encode(images.old, images.old)).length).toBeLessThan(100);
    const zeros = Buffer.alloc(1_000_000);
    const runs = Buffer.concat([zeros.subarray(7), Buffer.from('x'), zeros]);
    const patch = await encode(zeros, runs);
    expect(patch.length).toBeLessThan(150);
    expect((await outcomeOf(patch, zeros, runs.length)).yielded.equals(runs)).toBe(true);
  });

  test('reports progress that never falls and ends at 1', async () => {
    const images = await realFirmware('movehub');
    const reports: number[] = [];
    await encodeBsdf2(imageInMemory(images.old), imageInMemory(images.new), {}, (done) => reports.push(done));
    expect(reports).toEqual(reports.toSorted((a, b) => a - b));
    expect(reports.at(-1)).toBeCloseTo(1);
  });

  test('asks of the applier only what small images need', async () => {
    const images = await realFirmware('movehub');
    const patch = memoryAccess(await encode(images.old, images.new), 'patch');
    const needed = await applyMemoryBytes(patch, await inspectPatch('bsdf2', patch), images.old.length);
    expect(needed).toBeLessThan(2 * 1024 * 1024);
  });
});

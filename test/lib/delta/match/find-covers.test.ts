import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Covers } from '../../../../src/lib/delta/match/covers.js';
import { findCovers } from '../../../../src/lib/delta/match/find-covers.js';
import { noise } from '../../../support/covered-images.js';
import { realFirmware } from '../../../support/firmware.js';
import { strictImage } from '../../../support/strict-image.js';

const find = (old: Uint8Array, target: Uint8Array) => findCovers(strictImage(old), strictImage(target));

const rows = ({ count, newAt, oldAt, length }: Covers) =>
  Array.from({ length: count }, (_, i) => ({ newAt: newAt[i]!, oldAt: oldAt[i]!, length: length[i]! }));

const concat = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));

describe('findCovers', () => {
  test('gives covers that are in order and inside both images, whatever the images', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(fc.nat(3), fc.nat(300)).map(([value, size]) => new Uint8Array(size).fill(value)),
      fc.tuple(fc.nat(5), fc.nat(400)).map(([seed, size]) => noise(size, seed)),
    );
    const image = fc.array(piece, { maxLength: 12 }).map((parts) => concat(...parts));
    fc.assert(
      fc.property(image, image, (old, target) => {
        let end = 0;
        for (const { newAt, oldAt, length } of rows(find(old, target))) {
          expect(newAt).toBeGreaterThanOrEqual(end);
          expect(length).toBeGreaterThan(0);
          expect(oldAt).toBeGreaterThanOrEqual(0);
          expect(oldAt + length).toBeLessThanOrEqual(old.length);
          end = newAt + length;
        }
        expect(end).toBeLessThanOrEqual(target.length);
      }),
      { numRuns: 300 },
    );
  });

  test('finds parts that have changed places, exactly', () => {
    const [a, b, c] = [noise(1000, 1), noise(700, 2), noise(1200, 3)] as const;
    expect(rows(find(concat(a, b, c), concat(c, a, b)))).toEqual([
      { newAt: 0, oldAt: 1700, length: 1200 },
      { newAt: 1200, oldAt: 0, length: 1700 },
    ]);
  });

  test('goes on over bytes that differ, and leaves new ones out', () => {
    const old = noise(4000, 4);
    const changed = Uint8Array.from(old, (byte, i) => (i % 50 === 20 ? byte + 9 : byte));
    const inserted = concat(changed.subarray(0, 2000), noise(64, 5), changed.subarray(2000));
    expect(rows(find(old, inserted))).toEqual([
      { newAt: 0, oldAt: 0, length: 2000 },
      { newAt: 2064, oldAt: 2000, length: 2000 },
    ]);
  });

  test('keeps to one diagonal in a table of addresses that have all moved', () => {
    const table = (shift: number) => {
      const view = new DataView(new ArrayBuffer(24 * 500));
      const targets = noise(1000, 6);
      for (let entry = 0; entry < 500; entry++) {
        view.setUint32(entry * 24, 0x42_0000 + entry * 16 + shift, true);
        view.setUint32(entry * 24 + 8, 0x403, true);
        view.setUint32(entry * 24 + 16, 0x1000 + targets[entry]! * 64 + targets[entry + 500]! * 4096 + shift, true);
      }
      return new Uint8Array(view.buffer);
    };
    const old = concat(noise(500, 7), table(0));
    expect(find(old, concat(noise(500, 7), table(16))).count).toBe(1);
  });

  test('takes time that grows with the size for runs of equal bytes and for short periods', () => {
    const zeros = new Uint8Array(1_000_000);
    expect(find(zeros, concat(zeros, Uint8Array.of(1), zeros)).count).toBeLessThan(8);
    const periods = new Uint8Array(200_000).map((_, i) => (i % 77 === 0 ? i / 77 : i % 11));
    expect(find(periods, periods.subarray(1234)).count).toBeLessThan(200);
  });

  test('gives the same covers for the same images', async () => {
    const images = await realFirmware('primehub');
    expect(find(images.old, images.new)).toEqual(find(images.old, images.new));
  });

  test('reports progress that never falls and ends at 1', async () => {
    const images = await realFirmware('primehub');
    const reports: number[] = [];
    const onProgress = (done: number) => reports.push(done);
    findCovers(strictImage(images.old), strictImage(images.new), { onProgress });
    expect(reports).toEqual(reports.toSorted((a, b) => a - b));
    expect(reports.at(-1)).toBe(1);
  });
});

describe('findCovers in large images', () => {
  const MIB = 1024 * 1024;
  const parts = [1, 2, 3, 4, 5].map((seed) => noise(2 * MIB, seed));
  const [a, b, c, d, e] = parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const old = concat(a, b, c, d, e);
  const touched = Uint8Array.from(d, (byte, i) => (i > 1000 && i % 97 === 0 ? byte ^ 5 : byte));
  const target = concat(b.subarray(0, MIB + 77), a, touched, noise(5000, 9), e, c.subarray(3));

  test.each([
    ['as much memory as is usual', undefined],
    ['memory for one part after the other', 44 * MIB],
  ])('finds all parts with %s', (_, memoryBytes) => {
    const options = memoryBytes === undefined ? {} : { memoryBytes };
    const covers = findCovers(strictImage(old), strictImage(target), options);
    expect(rows(covers)).toEqual([
      { newAt: 0, oldAt: 2 * MIB, length: MIB + 77 },
      { newAt: MIB + 77, oldAt: 0, length: 2 * MIB },
      { newAt: 3 * MIB + 77, oldAt: 6 * MIB, length: 2 * MIB },
      { newAt: 5 * MIB + 5077, oldAt: 8 * MIB, length: 2 * MIB },
      { newAt: 7 * MIB + 5077, oldAt: 4 * MIB + 3, length: 2 * MIB - 3 },
    ]);
  });

  test('refuses to work without memory', () => {
    const attempt = () => findCovers(strictImage(old), strictImage(target), { memoryBytes: MIB });
    expect(attempt).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});

import { describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import type { Covers } from '../../../../src/lib/delta/match/covers.js';
import { refineCovers } from '../../../../src/lib/delta/match/refine-covers.js';

const columns = (...rows: [number, number, number][]): Covers => ({
  count: rows.length,
  newAt: Int32Array.from(rows, ([newAt]) => newAt),
  oldAt: Int32Array.from(rows, ([, oldAt]) => oldAt),
  length: Int32Array.from(rows, ([, , length]) => length),
});

const noise = (seed: number, size: number) =>
  Uint8Array.from({ length: size }, (_, i) => Math.imul(Math.imul(i + 1, seed * 2 + 1) ^ (i >>> 3), 0x9e3779b1) >>> 24);

/** The new image is the old one with every byte turned over, but for some; the prediction turns them over. */
const old = noise(7, 3000);
const turned = (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0xff);
const predict = (oldAt: number, _: number, length: number) => turned(old.subarray(oldAt, oldAt + length));

const refine = (covers: Covers, target: Uint8Array) =>
  refineCovers(covers, imageInMemory(old), imageInMemory(target), predict);

describe('refineCovers, by bytes as they are predicted,', () => {
  test('lets covers grow as far as the prediction is right', () => {
    expect(refine(columns([20, 20, 2950]), turned(old))).toEqual(columns([0, 0, 3000]));
  });

  test('makes one cover of two on a diagonal with little between them', () => {
    const target = turned(old).fill(9, 1000, 1003);
    expect(refine(columns([0, 0, 1000], [1003, 1003, 1997]), target)).toEqual(columns([0, 0, 3000]));
  });

  test('gives up covers that do not pay', () => {
    const target = noise(31, 3000);
    target.set(turned(old.subarray(0, 500)), 0);
    expect(refine(columns([0, 0, 500], [700, 900, 40]), target)).toEqual(columns([0, 0, 500]));
  });

  test('ends where a cover that cannot grow to the front is followed by one that can', () => {
    const target = noise(31, 1000);
    target.set(turned(old.subarray(0, 40)), 100);
    target.set(turned(old.subarray(2000, 2500)), 140);
    expect(refine(columns([100, 0, 40], [140, 2000, 500]), target)).toEqual(columns([100, 0, 40], [140, 2000, 500]));
  });
});

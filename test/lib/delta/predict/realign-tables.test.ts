import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import type { Covers } from '../../../../src/lib/delta/match/covers.js';
import type { AddressSpaces } from '../../../../src/lib/delta/predict/address-space.js';
import { CoverPieces } from '../../../../src/lib/delta/predict/cover-pieces.js';
import { realignTables } from '../../../../src/lib/delta/predict/realign-tables.js';

const CODE_BYTES = 8192;
const ENTRIES = 512;
/** Functions of uneven sizes, so that the distances between entries tell where one is. */
const STARTS = Array.from({ length: ENTRIES }, (_, i) => i * 12 + ((i * i * 4) % 8));

/** Code, and a table of distances from each entry to a function. */
function image(starts: readonly number[], codeBytes: number): Uint8Array {
  const bytes = new Uint8Array(codeBytes + starts.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, start] of starts.entries()) view.setInt32(codeBytes + i * 4, start - (codeBytes + i * 4), true);
  return bytes;
}

describe('realignTables', () => {
  test('pairs the entries of a table by what they mean', () => {
    // the new table has lost entry 100; a match of bytes went on as if nothing had happened
    const old = image(STARTS, CODE_BYTES);
    const target = image(STARTS.toSpliced(100, 1), CODE_BYTES);
    const spaces: AddressSpaces = {
      machine: 'aarch64',
      old: [{ fileAt: 0, address: 0, size: old.length, unit: 0 }],
      new: [{ fileAt: 0, address: 0, size: target.length, unit: 0 }],
    };
    const covers = { count: 1, newAt: Int32Array.of(0), oldAt: Int32Array.of(0), length: Int32Array.of(target.length) };
    const better = realignTables(spaces, covers, imageInMemory(old), imageInMemory(target));
    const entry = CODE_BYTES + 100 * 4;
    expect(Array.from(better.newAt)).toEqual([0, entry]);
    expect(Array.from(better.oldAt)).toEqual([0, entry + 4]);
    expect(Array.from(better.length)).toEqual([entry, target.length - entry]);
  });

  test('takes no table of small numbers for one of distances', () => {
    const starts = STARTS.slice(0, 128);
    const old = image(starts, 1024);
    const target = image(starts.toSpliced(20, 1), 1024);
    const spaces: AddressSpaces = {
      machine: 'aarch64',
      old: [{ fileAt: 0, address: 0, size: old.length, unit: 0 }],
      new: [{ fileAt: 0, address: 0, size: target.length, unit: 0 }],
    };
    const covers = { count: 1, newAt: Int32Array.of(0), oldAt: Int32Array.of(0), length: Int32Array.of(target.length) };
    expect(realignTables(spaces, covers, imageInMemory(old), imageInMemory(target))).toEqual(covers);
  });

  test('leaves covers as they are where images are equal', () => {
    const bytes = image(STARTS, CODE_BYTES);
    const segments = [{ fileAt: 0, address: 0, size: bytes.length, unit: 0 }];
    const covers = { count: 1, newAt: Int32Array.of(0), oldAt: Int32Array.of(0), length: Int32Array.of(bytes.length) };
    const spaces: AddressSpaces = { machine: 'aarch64', old: segments, new: segments };
    expect(realignTables(spaces, covers, imageInMemory(bytes), imageInMemory(bytes))).toEqual(covers);
  });
});

/** For each byte of the new image, the place of the old one it comes from. */
function origins(covers: Covers): Map<number, number> {
  const places = new Map<number, number>();
  for (let i = 0; i < covers.count; i++) {
    for (let k = 0; k < covers.length[i]!; k++) places.set(covers.newAt[i]! + k, covers.oldAt[i]! + k);
  }
  return places;
}

describe('CoverPieces', () => {
  test('changes the origin of the given parts alone, and gives covers in order without overlap', () => {
    const part = fc.tuple(fc.nat(3), fc.nat(99), fc.nat(99), fc.nat(999));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (list) => {
        const covers = {
          count: 4,
          newAt: Int32Array.of(0, 100, 250, 350),
          oldAt: Int32Array.of(500, 0, 700, 300),
          length: Int32Array.of(100, 100, 100, 100),
        };
        const pieces = new CoverPieces(covers);
        const expected = origins(covers);
        const parts = list
          .map(([cover, from, to, oldAt]) => ({
            cover,
            from: covers.newAt[cover]! + from,
            to: covers.newAt[cover]! + Math.max(from, to) + 1,
            oldAt,
          }))
          .sort((a, b) => a.from - b.from)
          .filter(({ from }, i, all) => from !== all[i - 1]?.from);
        for (const [i, { cover, from, to, oldAt }] of parts.entries()) {
          // a part ends where the next begins
          const end = Math.min(to, parts[i + 1]?.from ?? to);
          pieces.realign(cover, from, to, oldAt);
          for (let at = from; at < end; at++) expected.set(at, oldAt + at - from);
        }
        const cut = pieces.covers();
        for (let i = 1; i < cut.count; i++) {
          expect(cut.newAt[i]!).toBeGreaterThanOrEqual(cut.newAt[i - 1]! + cut.length[i - 1]!);
        }
        expect(cut.length.every((length) => length > 0)).toBe(true);
        expect(origins(cut)).toEqual(expected);
      }),
    );
  });
});

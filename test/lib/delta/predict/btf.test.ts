import { describe, expect, test } from 'vitest';
import { findBtf, NAME_PLACE, TYPE_NUMBER } from '../../../../src/lib/delta/predict/btf.js';
import type { ReferenceVisitor } from '../../../../src/lib/delta/predict/reference-form.js';

const words = (list: readonly number[]) => new Uint8Array(Int32Array.from(list).buffer);

/** Records as the kernel's documentation lays them out: INT, PTR, STRUCT of two, ARRAY, FUNC_PROTO of one, FUNC. */
const RECORDS = [
  [0x101, 0x0100_0000, 4, 0x0100_0020],
  [0, 0x0200_0000, 11],
  [0x102, 0x0400_0002, 16, 0x103, 12, 0, 0x104, 13, 64],
  [0, 0x0300_0000, 0, 14, 15, 8],
  [0, 0x0d00_0001, 16, 0x105, 17],
  [0x106, 0x0c00_0001, 18],
];

function found(bytes: Uint8Array): { names: number[]; types: number[] } {
  const names: number[] = [];
  const types: number[] = [];
  const visitor: ReferenceVisitor = {
    visit(form, at) {
      (form === NAME_PLACE ? names : types).push(bytes[at]! + bytes[at + 1]! * 256);
      expect([NAME_PLACE, TYPE_NUMBER]).toContain(form);
      return true;
    },
  };
  findBtf(bytes, 0, bytes.length, 0x1000, visitor, bytes.length);
  return { names, types };
}

describe('findBtf', () => {
  test('finds all names and types of records, and no other number', () => {
    expect(found(words(RECORDS.flat()))).toEqual({
      names: [0x101, 0x102, 0x103, 0x104, 0x105, 0x106],
      types: [11, 12, 13, 14, 15, 16, 17, 18],
    });
  });

  test('finds where records begin after the end of a structure', () => {
    const members = [0x201, 21, 128, 0x202, 22, 192];
    expect(found(words([...members, ...RECORDS.flat()]))).toEqual({
      names: [0x202, 0x201, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106],
      types: [22, 21, 11, 12, 13, 14, 15, 16, 17, 18],
    });
  });

  test('offers nothing in bytes that are no records', () => {
    expect(found(Uint8Array.from({ length: 1024 }, (_, i) => (i * 167) & 0xff))).toEqual({ names: [], types: [] });
  });
});

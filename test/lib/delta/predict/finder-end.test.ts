import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findAArch64 } from '../../../../src/lib/delta/predict/aarch64.js';
import { findPointers32, findPointers64, findRelative32 } from '../../../../src/lib/delta/predict/pointers.js';
import type { ReferenceFinder } from '../../../../src/lib/delta/predict/reference-form.js';
import { findX86 } from '../../../../src/lib/delta/predict/x86-64.js';

/** The places that a finder visits of references that begin before `end`, when every so many are known. */
function visited(find: ReferenceFinder, bytes: Uint8Array, end: number, toldEnd: number): number[] {
  const places: number[] = [];
  const visitor = {
    visit: (_form: unknown, at: number, partner: number) => {
      if (Math.min(at, partner) < end) places.push(at, partner);
      return at % 3 === 0;
    },
  };
  find(bytes, 0, bytes.length, 0x40_1000, visitor, toldEnd);
  return places;
}

describe.each([
  ['findX86', findX86],
  ['findAArch64', findAArch64],
  ['findPointers32', findPointers32],
  ['findPointers64', findPointers64],
  ['findRelative32', findRelative32],
] as const)('%s', (_name, find) => {
  // a block must be predicted alike whether or not what lies behind it is looked at
  test('finds the same references before an end, told of it or not', () => {
    const code = fc.array(fc.constantFrom(0xe8, 0x05, 0x8d, 0x0f, 0x84, 0x40, 0, 0x90, 0xb0, 0x91, 0x14), {
      minLength: 1,
      maxLength: 96,
    });
    fc.assert(
      fc.property(code, fc.nat(96), (bytes, end) => {
        const given = Uint8Array.from(bytes);
        expect(visited(find, given, end, end)).toEqual(visited(find, given, end, given.length));
      }),
    );
  });
});

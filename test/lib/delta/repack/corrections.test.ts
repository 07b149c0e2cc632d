import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyCorrections, findCorrections } from '../../../../src/lib/delta/repack/corrections.js';

const bytes = fc.uint8Array({ minLength: 200, maxLength: 3000 });

test('corrections of a few bytes turn what an encoder made into what is wanted', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(bytes, edits, (made, places) => {
      const wanted = made.slice();
      for (const [at, byte] of places) wanted[at % wanted.length] = byte;
      const corrections = findCorrections(made, wanted)!;
      expect(Buffer.compare(applyCorrections(made, corrections), wanted)).toBe(0);
      if (Buffer.compare(made, wanted) === 0) expect(corrections).toEqual([]);
    }),
  );
});

test('bytes that were put in, left out or added at the end are corrected', () => {
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat(8), fc.uint8Array({ maxLength: 8 }), (made, place, dropped, added) => {
      const at = place % made.length;
      const wanted = Buffer.concat([made.subarray(0, at), added, made.subarray(at + dropped)]);
      const corrections = findCorrections(made, wanted)!;
      expect(Buffer.compare(applyCorrections(made, corrections), wanted)).toBe(0);
    }),
  );
});

test('streams that have little in common get no corrections', () => {
  const made = new Uint8Array(5000).fill(1);
  expect(findCorrections(made, new Uint8Array(5000).fill(2))).toBeUndefined();
  expect(findCorrections(made, new Uint8Array(4000).fill(2))).toBeUndefined();
});

test('a correction outside its stream is refused', () => {
  const correction = { gapBytes: 3, droppedBytes: 2, bytes: Uint8Array.of(1) };
  expect(() => applyCorrections(new Uint8Array(4), [correction])).toThrow('outside');
});

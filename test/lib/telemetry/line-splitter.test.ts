import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from '../../../src/lib/telemetry/line-splitter.js';

const MAX_LINE_BYTES = 8;
const start = { bytes: 0, lines: 0 };

/** Cuts text into blocks of the given sizes, over and over again. */
function* blocksOf(text: string, sizes: readonly number[]): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  const reused = Buffer.alloc(64); // as a reader does that fills one buffer again and again
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const block = reused.subarray(0, bytes.copy(reused, 0, at, at + sizes[turn % sizes.length]!));
    at += block.length;
    yield block;
  }
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\r', ' ', 'ä'), maxLength: 200 });
const sizes = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 5 });

test('the lines are the same however the bytes arrive; of one that is too long so much goes on that it is refused', () => {
  fc.assert(
    fc.property(text, sizes, (whole, blockSizes) => {
      const splitter = new LineSplitter(MAX_LINE_BYTES, start);
      const found: string[] = [];
      for (const block of blocksOf(whole, blockSizes)) {
        const lines = splitter.push(block);
        if (lines === undefined) continue;
        expect(lines.firstLine).toBe(found.length + 1);
        expect(Buffer.from(lines.bytes).at(-1)).toBe(0x0a);
        found.push(...Buffer.from(lines.bytes).toString('latin1').split('\n').slice(0, -1));
      }
      const expected = Buffer.from(whole).toString('latin1').split('\n');
      const open = expected.pop()!;
      expect(splitter).toMatchObject({ lines: expected.length, openBytes: open.length });
      expect(splitter.bytes).toBe(Buffer.byteLength(whole) - open.length);
      expect(found).toHaveLength(expected.length);
      for (const [index, line] of expected.entries()) {
        if (line.length <= MAX_LINE_BYTES) expect(found[index]).toBe(line);
        else {
          expect(line.startsWith(found[index]!)).toBe(true);
          expect(found[index]!.length).toBeGreaterThan(MAX_LINE_BYTES);
        }
      }
    }),
  );
});

test('a line without an end takes no more memory than the longest one that is accepted', () => {
  const splitter = new LineSplitter(MAX_LINE_BYTES, start);
  for (let block = 0; block < 1000; block++) expect(splitter.push(Buffer.alloc(1000, 'x'))).toBeUndefined();
  expect(splitter.openBytes).toBe(1_000_000);
  expect(splitter.open()?.bytes).toEqual(new Uint8Array(Buffer.from('xxxxxxxxx\n')));
  expect(splitter.push(Buffer.from('xx\n{}\n'))).toEqual({
    bytes: new Uint8Array(Buffer.from('xxxxxxxxx\n{}\n')),
    firstLine: 1,
  });
  expect(splitter).toMatchObject({ bytes: 1_000_006, lines: 2, openBytes: 0 });
});

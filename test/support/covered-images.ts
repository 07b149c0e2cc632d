import fc from 'fast-check';
import type { Covers } from '../../src/lib/delta/match/covers.js';

/** Two images, and covers that tell where the new one comes from the old one, but for some bytes. */
export interface CoveredImages {
  readonly old: Uint8Array;
  readonly target: Uint8Array;
  readonly covers: Covers;
}

/** Bytes without any pattern, the same for the same seed. */
export function noise(size: number, seed: number): Uint8Array {
  let state = seed;
  return new Uint8Array(size).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

/** Noise in which every third word is a call of Thumb code, up to 4 KB forward or back. */
export function thumbCalls(size: number, seed: number): Uint8Array {
  const bytes = Buffer.from(noise(size, seed));
  for (let at = 0; at + 4 <= size; at += 12) {
    bytes.writeUInt16LE(bytes[at]! % 2 === 0 ? 0xf000 : 0xf7ff, at);
    bytes.writeUInt16LE(0xf800 | (bytes.readUInt16LE(at + 2) & 0x7ff), at + 2);
  }
  return bytes;
}

/**
 * Covers of all kinds: beside each other and apart, short and long, overlapping in the old image, from
 * its first byte on and up to its last.
 *
 * @param lengths of covers, bytes
 * @param content makes the old image
 */
export function coveredImages(lengths: fc.Arbitrary<number>, content = noise): fc.Arbitrary<CoveredImages> {
  const share = fc.oneof(
    fc.constantFrom(0, 1),
    fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000),
  );
  return fc
    .record({
      parts: fc.array(fc.record({ gap: fc.constantFrom(0, 0, 1, 7, 64, 300), length: lengths, from: share }), {
        minLength: 1,
        maxLength: 12,
      }),
      end: fc.nat(300),
      pokes: fc.array(share, { maxLength: 12 }),
      seed: fc.nat(1000),
    })
    .map(({ parts, end, pokes, seed }) => {
      const old = content(Math.max(...parts.map(({ length }) => length)) + 500, seed);
      const size = parts.reduce((sum, { gap, length }) => sum + gap + length, end);
      const target = noise(size, seed + 1);
      let at = 0;
      const found = parts.map(({ gap, length, from }): [newAt: number, oldAt: number, length: number] => {
        const newAt = at + gap;
        const oldAt = Math.floor(from * (old.length - length));
        target.set(old.subarray(oldAt, oldAt + length), newAt);
        at = newAt + length;
        return [newAt, oldAt, length];
      });
      for (const poke of pokes) target[Math.floor(poke * (size - 1))]! ^= 0x11;
      const column = (i: 0 | 1 | 2) => Int32Array.from(found, (cover) => cover[i]);
      return { old, target, covers: { count: found.length, newAt: column(0), oldAt: column(1), length: column(2) } };
    });
}

import fc from 'fast-check';
import lzma from 'lzma-native';
import type { DecisionSource } from '../../../../../src/lib/delta/repack/lzma-parse/encode-lzma.js';
import {
  type DecisionKind,
  LITERAL,
  type LzmaDecision,
  MATCH,
  RecentDistances,
  SHORT_REPEAT,
} from '../../../../../src/lib/delta/repack/lzma-parse/lzma-decision.js';

/** A raw LZMA1 stream with an end marker, as liblzma writes it. */
export async function compressByLiblzma(content: Uint8Array, options: Record<string, number>): Promise<Buffer> {
  const encoder = lzma.createStream('rawEncoder', {
    filters: [{ id: lzma.FILTER_LZMA1, options: { dictSize: 1 << 20, ...options } }],
  });
  encoder.end(content);
  const pieces: Buffer[] = [];
  for await (const piece of encoder) pieces.push(piece);
  return Buffer.concat(pieces);
}

const ALONE_SETTINGS = { lc: 3, lp: 0, pb: 2, mode: 2, niceLen: 32, mf: 0x14 };

/** As `.lzma` files and sections of firmware volumes have it. */
export async function aloneFile(content: Uint8Array, size: bigint): Promise<Buffer> {
  const header = Buffer.alloc(13);
  header[0] = ALONE_SETTINGS.lc + 9 * (ALONE_SETTINGS.lp + 5 * ALONE_SETTINGS.pb);
  header.writeUInt32LE(1 << 20, 1);
  header.writeBigUInt64LE(size, 5);
  return Buffer.concat([header, await compressByLiblzma(content, ALONE_SETTINGS)]);
}

/** Bytes with the repetitions of a program: words of a small vocabulary, tables, runs of zeros. */
export function programLike(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let seed = 1;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let at = 0; at < size; ) {
    const length = 1 + next(12);
    const word = next(next(4) === 0 ? 3000 : 60);
    for (let i = 0; i < length && at < size; i++) bytes[at++] = Math.imul(word + 1, i + 3) >> 1;
    if (next(30) === 0) at += next(100);
  }
  return bytes;
}

/** Content, and decisions that say it: not what any encoder would choose. */
export interface Parse {
  content: Buffer;
  decisions: LzmaDecision[];
}

export function randomParse(): fc.Arbitrary<Parse> {
  const step = fc.tuple(fc.nat(9), fc.nat(255), fc.integer({ min: 2, max: 273 }), fc.nat());
  return fc.array(step, { minLength: 1, maxLength: 300 }).map((steps) => {
    const bytes: number[] = [];
    const recent = new RecentDistances();
    const decisions = steps.map(([choice, byte, length, place]): LzmaDecision => {
      const kind = (choice > 6 ? LITERAL : choice) as DecisionKind;
      const distance = kind === MATCH ? place % Math.max(1, bytes.length) : recent.repeated(kind);
      if (kind === LITERAL || distance >= bytes.length) {
        bytes.push(byte);
        return { kind: LITERAL, length: 1, distance: 0 };
      }
      recent.remember(kind, distance);
      const copied = kind === SHORT_REPEAT ? 1 : length;
      for (let i = 0; i < copied; i++) bytes.push(bytes[bytes.length - distance - 1]!);
      return { kind, length: copied, distance };
    });
    return { content: Buffer.from(bytes), decisions };
  });
}

/** Decisions one after the other. */
export function sourceOf(decisions: readonly LzmaDecision[]): DecisionSource {
  const iterator = decisions.values();
  return () => iterator.next().value!;
}

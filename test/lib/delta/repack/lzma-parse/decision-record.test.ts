import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecisionReader } from '../../../../../src/lib/delta/repack/lzma-parse/decision-reader.js';
import { DecisionRecorder } from '../../../../../src/lib/delta/repack/lzma-parse/decision-recorder.js';
import { LITERAL, type LzmaDecision, MATCH } from '../../../../../src/lib/delta/repack/lzma-parse/lzma-decision.js';
import type { DecisionRecord } from '../../../../../src/lib/delta/repack/lzma-parse/record-codes.js';
import { type Parse, randomParse } from './lzma-streams.js';

describe('the record of decisions', () => {
  test('gives back whatever decisions were put into it', () => {
    fc.assert(
      fc.property(randomParse(), (parse) => {
        expect(readAll(parse.content, record(parse))).toEqual(parse.decisions);
      }),
    );
  });

  test('tells no distance that is the nearest one', () => {
    const content = Buffer.from('the quick brown fox, the quick brown dog, the quick');
    const decisions = [
      ...Array.from({ length: 21 }, () => literal()),
      { kind: MATCH, length: 16, distance: 20 },
      ...Array.from({ length: 5 }, () => literal()),
      { kind: MATCH, length: 9, distance: 20 },
    ] as const;
    const nearest = record({ content, decisions: [...decisions] });
    expect(nearest.distances).toHaveLength(0);
    expect(nearest.codes).toHaveLength(decisions.length);
    const farther = [...decisions.slice(0, -1), { kind: MATCH, length: 9, distance: 41 } as const];
    expect(record({ content, decisions: farther }).distances).toEqual(Uint8Array.of(41, 0, 0, 0));
  });

  test('stays inside the content and refuses or ends, whatever bytes it has', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, bytes, bytes, (content, codes, distances) => {
        const read = refusedOr(() => readAll(content, { codes, distances }));
        let at = 0;
        for (const { kind, length, distance } of read ?? []) {
          if (kind !== LITERAL) expect(distance).toBeLessThan(at);
          at += length;
        }
        expect(at).toBe(read === undefined ? 0 : content.length);
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    ['a decision too few', [0], []],
    ['a decision too many', [0, 0, 0], []],
    ['a distance too many', [0, 0], [0, 0, 0, 0]],
    ['a distance that is cut', [0, 66], [0, 0, 0]],
    ['a copy from before the content', [1, 0], []],
    ['a length that is missing', [0, 65], []],
  ])('is refused with %s', (_, codes, distances) => {
    const damaged = { codes: Uint8Array.from(codes), distances: Uint8Array.from(distances) };
    expect(() => readAll(Buffer.from('ab'), damaged)).toThrow(RangeError);
  });
});

function literal(): LzmaDecision {
  return { kind: LITERAL, length: 1, distance: 0 };
}

function record({ content, decisions }: Parse): DecisionRecord {
  const recorder = new DecisionRecorder();
  let at = 0;
  for (const decision of decisions) {
    recorder.push(content, at, decision);
    at += decision.length;
  }
  return recorder.finish();
}

function readAll(content: Uint8Array, damaged: DecisionRecord): LzmaDecision[] {
  const reader = new DecisionReader(content, damaged);
  const decisions: LzmaDecision[] = [];
  for (let at = 0; at < content.length; at += reader.length) {
    const { kind, length, distance } = reader.next(at);
    decisions.push({ kind, length, distance });
  }
  reader.requireEnd();
  return decisions;
}

function refusedOr<Value>(action: () => Value): Value | undefined {
  try {
    return action();
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return undefined;
  }
}

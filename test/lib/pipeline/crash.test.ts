import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  comeOutOnce,
  comeOutOnceFromSender,
  file,
  line,
  liveThrough,
  messageIds,
  scenario,
  surviveEveryCrash,
} from './crash-fixture.js';
import { DEAD_LETTERS, idsOf, linesSource, OUTPUT } from './pipeline-fixture.js';

describe('whatever dies, and however often', () => {
  test('each message of a source that can be read again comes out once, in order', async () => {
    await fc.assert(comeOutOnce(), { numRuns: 80 });
  });

  test('each line that is no message is in the dead letters once', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (plan) => {
        const sources = () => [linesSource(plan.lines, { chunkLines: plan.chunkLines })];
        const disk = await liveThrough({ ...plan, hasDeadLetters: true }, sources);
        const letters = Buffer.from(file(disk, DEAD_LETTERS) ?? [])
          .toString('utf8')
          .split('\n')
          .slice(0, -1);
        const isRefused = (text: string) => !text.startsWith('{"messageId":"');
        const expected = plan.lines.flatMap((text, index) => (isRefused(text) ? [{ line: index + 1, text }] : []));
        expect(letters.map((letter) => JSON.parse(letter)).map(({ line, text }) => ({ line, text }))).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test('each message comes out once from several sources', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, fc.array(line, { maxLength: 60 }), async (plan, more) => {
        const { chunkLines } = plan;
        const sources = () => [
          linesSource(plan.lines, { id: 'a', chunkLines }),
          linesSource(more, { id: 'b', chunkLines }),
        ];
        const disk = await liveThrough(plan, sources);
        expect(idsOf(file(disk, OUTPUT))).toEqual([...new Set(messageIds([...plan.lines, ...more]))]);
      }),
      { numRuns: 30 },
    );
  });

  test('each message comes out once from a sender that repeats what was not acknowledged', async () => {
    await fc.assert(comeOutOnceFromSender(), { numRuns: 60 });
  });

  test.each([1, 2])('nothing is lost or repeated at any operation, with %i partitions', async (partitions) => {
    await surviveEveryCrash(partitions, partitions === 2);
  });
});

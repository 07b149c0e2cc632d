import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import type { Source } from '../../../src/lib/telemetry/source.js';
import { RecordedFs } from '../../support/recorded-fs.js';
import {
  DEAD_LETTERS,
  idsOf,
  linesSource,
  makeFolders,
  OUTPUT,
  RedeliveringSender,
  runOn,
} from './pipeline-fixture.js';

/** How a process ends: after so many operations on its disk, and whether the power goes with it. */
const crash = fc.record({ operations: fc.integer({ min: 0, max: 60 }), isPowerCut: fc.boolean(), seed: fc.nat() });

/** Messages of few ids, so that many are repeated, and lines that are none. */
const line = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.integer({ min: 0, max: 40 }).map((id) => `{"messageId":"m${id}","pad":"${'x'.repeat(id * 7)}"}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('{"messageId":', 'no message', '{"deviceId":"without id"}') },
);

const scenario = fc.record({
  lines: fc.array(line, { minLength: 1, maxLength: 120 }),
  chunkLines: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
  batchBytes: fc.constantFrom(1, 1000, 4000),
  partitions: fc.constantFrom(1, 1, 2, 3),
  windowKeys: fc.constantFrom(200, 10_000),
  crashes: fc.array(crash, { maxLength: 5 }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** Lives on one disk after the other, each ended by a crash, and at last one that comes to its end. */
async function liveThrough(
  { crashes, batchBytes, partitions, windowKeys }: Scenario,
  sources: () => Source[],
): Promise<RecordedFs> {
  let disk = new RecordedFs();
  await makeFolders(disk.process());
  const store = { partitions, window: { keys: windowKeys } };
  const life = () => runOn(disk.process(), { sources: sources(), store, batchBytes, hasDeadLetters: true });
  for (const { operations, isPowerCut, seed } of crashes) {
    const end = disk.operations.length + operations;
    disk.killAt(end);
    await life().catch((error: unknown) => {
      if (!/was killed/.test(String(error))) throw error;
    });
    const done = Math.min(end, disk.operations.length);
    disk = isPowerCut ? disk.afterPowerCut(done, randomNumbers(seed)) : disk.afterKill(done);
  }
  await life();
  return disk;
}

function file(disk: RecordedFs, path: string): Uint8Array | undefined {
  return disk.files().get(path);
}

const messageIds = (lines: readonly string[]) =>
  lines.filter((text) => text.startsWith('{"messageId":"')).map((text) => JSON.parse(text).messageId as string);

describe('whatever dies, and however often', () => {
  test('each message of a source that can be read again comes out once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (plan) => {
        const disk = await liveThrough(plan, () => [linesSource(plan.lines, { chunkLines: plan.chunkLines })]);
        expect(idsOf(file(disk, OUTPUT))).toEqual([...new Set(messageIds(plan.lines))]);
      }),
      { numRuns: 150 },
    );
  });

  test('each line that is no message is in the dead letters once', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (plan) => {
        const disk = await liveThrough(plan, () => [linesSource(plan.lines, { chunkLines: plan.chunkLines })]);
        const letters = Buffer.from(file(disk, DEAD_LETTERS) ?? [])
          .toString('utf8')
          .split('\n')
          .slice(0, -1);
        const isRefused = (text: string) => !text.startsWith('{"messageId":"');
        const expected = plan.lines.flatMap((text, index) => (isRefused(text) ? [{ line: index + 1, text }] : []));
        expect(letters.map((letter) => JSON.parse(letter)).map(({ line, text }) => ({ line, text }))).toEqual(expected);
      }),
      { numRuns: 50 },
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
      { numRuns: 50 },
    );
  });

  test('each message comes out once from a sender that repeats what was not acknowledged, and all are acknowledged', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (plan) => {
        const sender = new RedeliveringSender(plan.lines);
        const disk = await liveThrough(plan, () => [sender.source(plan.chunkLines)]);
        expect(idsOf(file(disk, OUTPUT)).sort()).toEqual([...new Set(messageIds(plan.lines))].sort());
        expect(sender.pending).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});

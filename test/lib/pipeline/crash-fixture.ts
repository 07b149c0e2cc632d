import fc from 'fast-check';
import { expect } from 'vitest';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import { runPipeline } from '../../../src/lib/pipeline/run-pipeline.js';
import { fileSink } from '../../../src/lib/telemetry/file-sink.js';
import type { Source } from '../../../src/lib/telemetry/source.js';
import { RecordedFs } from '../../support/recorded-fs.js';
import { idsOf, linesSource, makeFolders, OUTPUT, RedeliveringSender, runOn } from './pipeline-fixture.js';

/** How a process ends: after so many operations on its disk, and whether the power goes with it. */
const crash = fc.record({ operations: fc.integer({ min: 0, max: 60 }), isPowerCut: fc.boolean(), seed: fc.nat() });

/** Messages of few ids, so that many are repeated, and lines that are none. */
export const line = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.integer({ min: 0, max: 40 }).map((id) => `{"messageId":"m${id}","pad":"${'x'.repeat(id * 7)}"}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('{"messageId":', 'no message', '{"deviceId":"without id"}') },
);

export const scenario = fc.record({
  lines: fc.array(line, { minLength: 1, maxLength: 120 }),
  chunkLines: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
  batchBytes: fc.constantFrom(1, 1000, 4000),
  partitions: fc.constantFrom(1, 1, 2, 3),
  windowKeys: fc.constantFrom(200, 10_000),
  hasDeadLetters: fc.boolean(),
  crashes: fc.array(crash, { maxLength: 5 }),
});

export type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** What is tried: the real one, or one with a mistake. */
export interface Program {
  readonly run: typeof runPipeline;
  readonly sink: typeof fileSink;
}

export const REAL: Program = { run: runPipeline, sink: fileSink };

/** Lives on one disk after the other, each ended by a crash, and at last one that comes to its end. */
export async function liveThrough(
  { crashes, batchBytes, partitions, windowKeys, hasDeadLetters }: Scenario,
  sources: () => Source[],
): Promise<RecordedFs> {
  let disk = new RecordedFs();
  await makeFolders(disk.process());
  const store = { partitions, window: { keys: windowKeys } };
  const life = () => {
    return runOn(disk.process(), { sources: sources(), store, batchBytes, hasDeadLetters });
  };
  for (const { operations, isPowerCut, seed } of crashes) {
    disk.killAt(disk.operations.length + operations);
    await life().catch((error: unknown) => {
      if (!/was killed/.test(String(error))) throw error;
    });
    disk.kill();
    if (isPowerCut) disk = disk.afterPowerCut(disk.operations.length, randomNumbers(seed));
  }
  await life();
  return disk;
}

export function file(disk: RecordedFs, path: string): Uint8Array | undefined {
  return disk.files().get(path);
}

export const messageIds = (lines: readonly string[]) =>
  lines.filter((text) => text.startsWith('{"messageId":"')).map((text) => JSON.parse(text).messageId as string);

/** The promise itself, for a source that can be read again. */
export function comeOutOnce(): fc.IAsyncProperty<[Scenario]> {
  return fc.asyncProperty(scenario, async (plan) => {
    const disk = await liveThrough(plan, () => [linesSource(plan.lines, { chunkLines: plan.chunkLines })]);
    expect(idsOf(file(disk, OUTPUT))).toEqual([...new Set(messageIds(plan.lines))]);
  });
}

/** The same for a sender that repeats what was not acknowledged, who is told of every message in the end. */
export function comeOutOnceFromSender(): fc.IAsyncProperty<[Scenario]> {
  return fc.asyncProperty(scenario, async (plan) => {
    const sender = new RedeliveringSender(plan.lines);
    const disk = await liveThrough(plan, () => [sender.source(plan.chunkLines)]);
    expect(idsOf(file(disk, OUTPUT)).sort()).toEqual([...new Set(messageIds(plan.lines))].sort());
    expect(sender.pending).toBe(0);
  });
}

/** Batches of several sectors of a disk; every third message is repeated, at once or much later. */
const LINES = Array.from({ length: 54 }, (_, at) => {
  const id = at % 3 === 2 ? Math.floor(at * 0.6) : at;
  return `{"messageId":"m${id}","pad":"${'x'.repeat(100 + ((id * 37) % 150))}"}`;
});
const IDS = new Set(messageIds(LINES));

/**
 * One life that ends at each of its operations in turn, once with a power cut in some of the possible ways, and
 * once by a kill, after which the power goes during the next life. Another life completes what is left.
 *
 * @throws when a message is lost or comes out twice
 */
export async function surviveEveryCrash(
  partitions: number,
  hasDeadLetters: boolean,
  program: Program = REAL,
): Promise<void> {
  const live = async (disk: RecordedFs, sender: RedeliveringSender, operations = Number.POSITIVE_INFINITY) => {
    disk.killAt(disk.operations.length + operations);
    const fs = disk.process();
    await runOn(fs, {
      sources: [sender.source([18])],
      sink: program.sink(fs, OUTPUT),
      store: { partitions },
      batchBytes: 1,
      hasDeadLetters,
      run: program.run,
    });
  };
  const killed = async (operations: number) => {
    const disk = new RecordedFs();
    await makeFolders(disk.process());
    const sender = new RedeliveringSender(LINES);
    await live(disk, sender, operations).catch(() => {});
    disk.kill();
    return { disk, sender };
  };
  const completed = async (disk: RecordedFs, sender: RedeliveringSender) => {
    await live(disk, sender);
    const ids = idsOf(file(disk, OUTPUT));
    expect({ ids: new Set(ids), count: ids.length, pending: sender.pending }).toEqual({
      ids: IDS,
      count: IDS.size,
      pending: 0,
    });
  };
  const whole = await killed(Number.POSITIVE_INFINITY);
  for (let at = 1; at <= whole.disk.operations.length; at++) {
    for (const seed of [at, 1000 + at]) {
      const { disk, sender } = await killed(at);
      await completed(disk.afterPowerCut(disk.operations.length, randomNumbers(seed)), sender);
    }
    const { disk, sender } = await killed(at);
    if (disk.operations.at(-1)?.kind !== 'append') continue;
    for (const more of [5, 6, 7, 8]) {
      const again = await killed(at);
      await live(again.disk, again.sender, more).catch(() => {});
      again.disk.kill();
      await completed(
        again.disk.afterPowerCut(again.disk.operations.length, () => 0.1),
        again.sender,
      );
    }
    await completed(disk, sender);
  }
}

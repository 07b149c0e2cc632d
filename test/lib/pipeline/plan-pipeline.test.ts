import { describe, expect, test } from 'vitest';
import { dryRunFs } from '../../../src/lib/core/dry-run-fs.js';
import { openPartitionedStore } from '../../../src/lib/dedupe/partitioned-store.js';
import { type PipelinePlan, planPipeline } from '../../../src/lib/pipeline/plan-pipeline.js';
import { rebuildStore } from '../../../src/lib/pipeline/rebuild.js';
import { fileSink } from '../../../src/lib/telemetry/file-sink.js';
import type { Source } from '../../../src/lib/telemetry/source.js';
import { RecordedFs } from '../../support/recorded-fs.js';
import { idsOf, linesSource, makeFolders, OUTPUT, runOn } from './pipeline-fixture.js';

const messages = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `{"messageId":"m${from + index}"}`);
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `m${from + index}`);
const signal = new AbortController().signal;

async function newDisk(): Promise<RecordedFs> {
  const disk = new RecordedFs();
  await makeFolders(disk.process());
  return disk;
}

function storeOn(fs: ReturnType<RecordedFs['process']>) {
  return openPartitionedStore('/data/store', {
    fs,
    tenant: 'default',
    partitions: 1,
    digestBytes: 0,
    window: { keys: 10_000 },
    sinkId: `file:${OUTPUT}`,
    sealing: 'inline',
    takeLock: async () => ({ release: async () => {} }),
  });
}

function decodeOf(secret: Uint8Array) {
  return { secret, missingId: 'refuse', digestBytes: 0, digestIgnore: [] } as const;
}

async function planOn(disk: RecordedFs, sources: readonly Source[]): Promise<PipelinePlan> {
  const fs = dryRunFs(disk.process());
  const store = await storeOn(fs);
  return await planPipeline({
    sources,
    sink: fileSink(fs, OUTPUT),
    store,
    decode: decodeOf(store.secret),
    threads: 0,
    strict: false,
    fromCheckpoint: true,
    newOutput: false,
    rebuild: false,
    time: { monotonicMs: () => 0 },
    signal,
    onEvent: () => {},
  });
}

describe('a plan', () => {
  test('tells where a run would begin and what it would repair, and changes nothing', async () => {
    const disk = await newDisk();
    await runOn(disk.process(), { sources: [linesSource(messages(0, 20))], batchBytes: 1 });
    disk.damage(OUTPUT, (bytes) => bytes.subarray(0, bytes.length - 30));
    const operations = disk.operations.length;
    const plan = await planOn(disk, [linesSource(messages(0, 30)), linesSource([], { id: 'other' })]);
    expect(plan).toMatchObject({
      sink: `file:${OUTPUT}`,
      guarantee: 'exactly-once',
      isFirst: false,
      sources: [{ id: 'memory', from: { lines: 18 } }, { id: 'other' }],
      repair: { addedKeys: 0, removedKeys: 2, tailMessages: 0 },
    });
    expect(disk.operations.length).toBe(operations);
  });

  test('of a first run says so, and makes no file', async () => {
    const disk = await newDisk();
    const operations = disk.operations.length;
    const plan = await planOn(disk, [linesSource(messages(0, 5))]);
    expect(plan).toMatchObject({ isFirst: true, repair: { tailMessages: 0 }, warnings: [] });
    expect(plan.sources[0]).not.toHaveProperty('from');
    expect(disk.operations.length).toBe(operations);
  });

  test('is refused as the run would be', async () => {
    const disk = await newDisk();
    await runOn(disk.process(), { sources: [linesSource(messages(0, 20))] });
    const replaced: Source = {
      ...linesSource([]),
      async *read() {
        yield await Promise.reject(Object.assign(new Error('replaced'), { code: 'CHECKPOINT_MISMATCH' }));
      },
    };
    await expect(planOn(disk, [replaced])).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
    disk.damage(OUTPUT, () => Buffer.alloc(0));
    await expect(planOn(disk, [linesSource([])])).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  });
});

describe('a rebuilt store', () => {
  test('knows what the output holds, wherever the rebuilding was cut short', async () => {
    const whole = await newDisk();
    await runOn(whole.process(), { sources: [linesSource(messages(0, 20))] });
    for (let operations = 0; operations < 25; operations++) {
      const disk = await newDisk();
      const file = await disk.process().open(OUTPUT, 'append');
      await file.append([whole.files().get(OUTPUT)!]);
      await file.sync();
      disk.killAt(disk.operations.length + operations);
      const fs = disk.process();
      const rebuild = async () => {
        const store = await storeOn(fs);
        return await rebuildStore({ sink: fileSink(fs, OUTPUT), store, decode: decodeOf(store.secret), signal });
      };
      await rebuild().catch(() => {});
      const left = disk.afterKill(disk.operations.length);
      const sources = [linesSource(messages(0, 30))];
      await runOn(left.process(), { sources, rebuild: true });
      expect(idsOf(left.files().get(OUTPUT))).toEqual(ids(0, 30));
    }
  });

  test('is none that knew something before', async () => {
    const disk = await newDisk();
    await runOn(disk.process(), { sources: [linesSource(messages(0, 20))] });
    const fs = disk.process();
    const store = await storeOn(fs);
    const operations = disk.operations.length;
    const rebuilt = rebuildStore({ sink: fileSink(fs, OUTPUT), store, decode: decodeOf(store.secret), signal });
    await expect(rebuilt).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(disk.operations.length).toBe(operations);
  });
});

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import {
  openPartitionedStore,
  type PartitionedStore,
  type PartitionedStoreOptions,
} from '../../../src/lib/dedupe/partitioned-store.js';
import { VERDICT } from '../../../src/lib/dedupe/store.js';
import { generationsOfEach, planWindow } from '../../../src/lib/dedupe/window-plan.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { batchOf, dataOf, keyOf, labelOf } from '../../support/store-messages.js';

let folder: TestFolder;
let opened: PartitionedStore[];
beforeEach(async () => {
  folder = await testFolder();
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await folder[Symbol.asyncDispose]();
});

const OPTIONS: PartitionedStoreOptions = {
  fs: openDurableFs(),
  tenant: 'default',
  partitions: 3,
  digestBytes: 0,
  window: { keys: 30_000 },
  sinkId: 'file:/out.ndjson',
  sealing: 'inline',
};

async function open(options: Partial<PartitionedStoreOptions> = {}): Promise<PartitionedStore> {
  const store = await openPartitionedStore(folder.path, { ...OPTIONS, ...options });
  opened.push(store);
  return store;
}

async function close(store: PartitionedStore): Promise<void> {
  opened.splice(opened.indexOf(store), 1);
  await store.close();
}

const ids = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: from + index, payload: 0 }));
const storeJson = () => join(folder.path, 'default', 'store.json');

describe('a store of several partitions', () => {
  test('judges as one of a single partition does', async () => {
    const message = fc.record({ id: fc.nat(200), payload: fc.nat(1) });
    const batches = fc.array(fc.array(message, { maxLength: 80 }), { minLength: 1, maxLength: 6 });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(batches, fc.integer({ min: 2, max: 5 }), async (given, partitions) => {
        const digestBytes = 8;
        const many = await open({ tenant: `many${run}`, partitions, digestBytes });
        const one = await open({ tenant: `one${run++}`, partitions: 1, digestBytes });
        for (const messages of given) {
          const batch = batchOf(messages, digestBytes);
          expect(many.seenOrInsert(batch)).toEqual(one.seenOrInsert(batch));
        }
        await close(many);
        await close(one);
      }),
      { numRuns: 15 },
    );
  });

  test('gives every partition the checkpoint, and remembers over a restart', async () => {
    const first = await open();
    first.seenOrInsert(batchOf(ids(0, 500), 0));
    await first.commit({ data: dataOf(7) });
    await close(first);
    const second = await open();
    expect(second.secret).toEqual(first.secret);
    expect([...second.stores.keys()]).toEqual([0, 1, 2]);
    for (const store of second.stores.values()) {
      expect(labelOf([...store.checkpoints()][0]!)).toBe(7);
      expect(store.stats().keys).toBeGreaterThan(100);
    }
    const verdicts = second.seenOrInsert(batchOf([...ids(490, 10), ...ids(500, 10)], 0));
    expect(Array.from(verdicts)).toEqual([...Array(10).fill(VERDICT.duplicate), ...Array(10).fill(VERDICT.new)]);
  });

  test('remembers the newest keys of the whole window however they are spread', async () => {
    const store = await open({ partitions: 4, window: { keys: 4000 } });
    for (let from = 0; from < 12_000; from += 500) {
      store.seenOrInsert(batchOf(ids(from, 500), 0));
      await store.commit({ data: dataOf(from) });
    }
    const stats = [...store.stores.values()].map((partition) => partition.stats());
    expect(stats.every(({ agedGenerations }) => agedGenerations > 0)).toBe(true);
    const verdicts = store.seenOrInsert(batchOf(ids(8000, 4000), 0));
    expect(verdicts.every((verdict) => verdict === VERDICT.duplicate)).toBe(true);
  });

  test('opens one partition for messages that are routed already', async () => {
    const third = await open({ only: 2 });
    expect([...third.stores.keys()]).toEqual([2]);
    expect(third.seenOrInsert(batchOf(ids(0, 100), 0)).every((verdict) => verdict === VERDICT.new)).toBe(true);
    const first = await open({ only: 0 });
    expect(first.seenOrInsert(batchOf(ids(0, 100), 0)).every((verdict) => verdict === VERDICT.new)).toBe(true);
    await expect(open()).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
  });

  test('keeps tenants apart', async () => {
    const one = await open({ tenant: 'one' });
    const other = await open({ tenant: 'other' });
    one.seenOrInsert(batchOf(ids(0, 10), 0));
    expect(other.seenOrInsert(batchOf(ids(0, 10), 0)).every((verdict) => verdict === VERDICT.new)).toBe(true);
    expect(one.secret).not.toEqual(other.secret);
  });

  test('is made once by several that begin at the same time', async () => {
    const stores = await Promise.all(Array.from({ length: 3 }, (_, only) => open({ only })));
    expect(new Set(stores.map(({ secret }) => Buffer.from(secret).toString('hex'))).size).toBe(1);
    expect(await OPTIONS.fs.list(join(folder.path, 'default'))).toEqual(['p0000', 'p0001', 'p0002', 'store.json']);
  });
});

describe('a run that does not fit the store is refused, and changes nothing', () => {
  beforeEach(async () => {
    const store = await open({ digestBytes: 8, digestIgnore: ['receivedAt'] });
    store.seenOrInsert(batchOf(ids(0, 10), 8));
    await store.commit({ data: dataOf(1) });
    await close(store);
  });

  const FITTING = { digestBytes: 8, digestIgnore: ['receivedAt'] } as const;

  test.each<[string, Partial<PartitionedStoreOptions>, string]>([
    ['another number of partitions', { partitions: 4 }, 'has 3 partitions, not 4'],
    ['another routing', { only: 1 }, 'is partitioned by the ids themselves'],
    ['no payload digests', { digestBytes: 0 }, 'was made with payload digests'],
    ['digests of other members', { digestIgnore: [] }, 'ignore receivedAt, not no member'],
    ['another output', { sinkId: 'file:/other' }, 'belongs to the output /out.ndjson, not to /other'],
  ])('%s', async (_, options, message) => {
    const before = await folder.state();
    await expect(open({ ...FITTING, ...options })).rejects.toMatchObject({
      code: 'STORE_MISMATCH',
      exitCode: 2,
      message: expect.stringContaining(message),
    });
    expect(await folder.state()).toEqual(before);
  });

  test('a tenant that is no name', async () => {
    const before = await folder.state();
    for (const tenant of ['', '..', '../x', 'a/b', '.hidden', 'x'.repeat(65), 'a\nb']) {
      await expect(open({ ...FITTING, tenant })).rejects.toMatchObject({ code: 'USAGE' });
    }
    expect(await folder.state()).toEqual(before);
  });

  test('partitions that are no number of partitions', async () => {
    for (const partitions of [0, -1, 1.5, 10_001, Number.NaN]) {
      await expect(open({ partitions })).rejects.toMatchObject({ code: 'USAGE' });
    }
    for (const only of [-1, 3, 0.5]) await expect(open({ only })).rejects.toMatchObject({ code: 'USAGE' });
  });

  test.each([
    ['no JSON', () => '{', 'STORE_DAMAGED'],
    ['a member that is no secret', (text: string) => text.replace(/"secret": "../, '"secret": "'), 'STORE_DAMAGED'],
    [
      'another secret',
      (text: string) =>
        text.replace(/"secret": "../, (start) => `${start.slice(0, -1)}${start.at(-1) === '0' ? '1' : '0'}`),
      'STORE_DAMAGED',
    ],
    ['for fewer partitions', (text: string) => text.replace('"partitions": 3', '"partitions": 2'), 'STORE_DAMAGED'],
    ['a member that is unknown', (text: string) => text.replace('{', '{"more":1,'), 'STORE_DAMAGED'],
    ['a later format', (text: string) => text.replace('dedupe/1', 'dedupe/2'), 'STORE_MISMATCH'],
    ['too large', (text: string) => text + ' '.repeat(70_000), 'STORE_DAMAGED'],
  ])('a store.json that is %s', async (_, change, code) => {
    const text = await readFile(storeJson(), 'utf8');
    await writeFile(storeJson(), change(text));
    const before = await folder.state();
    await expect(open(FITTING)).rejects.toMatchObject({ code });
    expect(await folder.state()).toEqual(before);
  });

  test('a store that lost its store.json, and with it the secret of its keys', async () => {
    await rm(storeJson());
    const before = await folder.state();
    await expect(open(FITTING)).rejects.toMatchObject({ code: 'STORE_DAMAGED', exitCode: 4 });
    expect(await folder.state()).toEqual(before);
  });
});

describe('another output', () => {
  test('is no other one where nothing came out yet', async () => {
    await close(await open());
    const store = await open({ sinkId: 'file:/new' });
    expect(store.formerSinkId).toBeUndefined();
    await store.commit({ data: dataOf(1) });
    await close(store);
    await expect(open()).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
  });

  test('is taken when it is asked for, and from then on it is the one', async () => {
    const first = await open();
    first.seenOrInsert(batchOf(ids(0, 10), 0));
    await first.commit({ data: dataOf(1) });
    expect(first.formerSinkId).toBeUndefined();
    await close(first);
    const second = await open({ sinkId: 'file:/new', newOutput: true });
    expect(second.formerSinkId).toBe('file:/out.ndjson');
    expect(second.secret).toEqual(first.secret);
    await close(second);
    await expect(open()).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
    const third = await open({ sinkId: 'file:/new', newOutput: true });
    expect(third.formerSinkId).toBeUndefined();
    expect(
      third.stores.get(0)!.find(keyOf(0)) ?? third.stores.get(1)!.find(keyOf(0)) ?? third.stores.get(2)!.find(keyOf(0)),
    ).toBeDefined();
  });
});

describe('the window', () => {
  const windowInFile = async () => JSON.parse(await readFile(storeJson(), 'utf8')).window;

  test('is kept for runs that say nothing about it, and replaced by another one', async () => {
    await close(await open({ window: { keys: 5000 } }));
    expect(await windowInFile()).toEqual({ keys: 5000 });
    await close(await open({ window: { bytes: 5_000_000 } }));
    expect(await windowInFile()).toEqual({ bytes: 5_000_000 });
    await expect(open({ window: { bytes: 5_000_000 }, memoryBytes: 1 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    expect(await windowInFile()).toEqual({ bytes: 5_000_000 });
  });
});

describe('the lock', () => {
  test('keeps a second one out, and both partitions and locks are free after a close', async () => {
    const store = await open();
    const before = await folder.state();
    await expect(open()).rejects.toMatchObject({ code: 'LOCKED', exitCode: 8 });
    expect(await folder.state()).toEqual(before);
    await close(store);
    await open();
  });

  test('of one partition leaves the others free', async () => {
    const other = await testFolder();
    const routed = { ...OPTIONS, only: 1 };
    const one = await openPartitionedStore(other.path, routed);
    await expect(openPartitionedStore(other.path, routed)).rejects.toMatchObject({ code: 'LOCKED' });
    const zero = await openPartitionedStore(other.path, { ...routed, only: 0 });
    await zero.close();
    await one.close();
    await other[Symbol.asyncDispose]();
  });

  test('does not stay when a partition cannot be opened', async () => {
    await close(await open());
    await expect(open({ memoryBytes: 1000 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await open();
  });
});

test('more partitions than a process can have files of are refused before anything is made', async () => {
  await expect(open({ partitions: 2_049 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
  expect(await folder.state()).toEqual({});
  const one = await open({ partitions: 2_049, only: 2_048 });
  expect([...one.stores.keys()]).toEqual([2_048]);
});

test('however many partitions there are, their sealed generations together are at most 8,192 files', () => {
  for (let partitions = 1; partitions <= 2_048; partitions++) {
    const generations = generationsOfEach(partitions);
    expect(generations).toBeGreaterThanOrEqual(4);
    expect(partitions * generations).toBeLessThanOrEqual(8_192);
    const { generationKeys } = planWindow({ window: { keys: 100_000 }, digestBytes: 0, generations });
    expect(Math.ceil(100_000 / generationKeys)).toBeLessThanOrEqual(generations);
  }
  expect(generationsOfEach(100)).toBe(64);
});

test('a window that does not fit into the memory is refused before anything is made', async () => {
  await expect(open({ memoryBytes: 1000 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
  expect(await folder.state()).toEqual({});
});

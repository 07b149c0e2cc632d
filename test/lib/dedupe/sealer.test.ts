import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DurableFs } from '../../../src/lib/core/durable-fs.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import type { UnsortedKeys } from '../../../src/lib/dedupe/encode-segment.js';
import { openPartitionedStore, type PartitionedStore } from '../../../src/lib/dedupe/partitioned-store.js';
import { openSealer } from '../../../src/lib/dedupe/sealer.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { batchOf, dataOf } from '../../support/store-messages.js';

let threads: Worker[];
const onThread = (message: unknown) => {
  threads.push((message as { worker: Worker }).worker);
};
let folder: TestFolder;
beforeEach(async () => {
  threads = [];
  subscribe('worker_threads', onThread);
  folder = await testFolder();
});
afterEach(async () => {
  unsubscribe('worker_threads', onThread);
  await folder[Symbol.asyncDispose]();
});

const PARTITIONS = 64;

async function opened(fs: DurableFs): Promise<PartitionedStore> {
  return await openPartitionedStore(folder.path, {
    ...{ fs, tenant: 'default', partitions: PARTITIONS, digestBytes: 0, sinkId: 'file:/out', sealing: 'worker' },
    window: { keys: PARTITIONS * 5_000 },
  });
}

const messages = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ id: from + index, payload: 0 }));

test('sixty-four partitions seal in one thread, which starts with the first generation and ends with the last store', async () => {
  const store = await opened(openDurableFs());
  store.seenOrInsert(batchOf(messages(0, 100), 0));
  await store.commit({ data: dataOf(1) });
  expect(threads).toHaveLength(0);
  store.seenOrInsert(batchOf(messages(100, 20_000), 0));
  await store.commit({ data: dataOf(2) });
  for (const partition of store.stores.values()) await partition.seal();
  expect(threads).toHaveLength(1);
  const ended = once(threads[0]!, 'exit');
  expect([...store.stores.values()].every((one) => one.stats().generations >= 2)).toBe(true);
  await store.close();
  await ended;

  const again = await opened(openDurableFs());
  expect(again.seenOrInsert(batchOf(messages(0, 20_000), 0)).every((verdict) => verdict === 1)).toBe(true);
  await again.close();
});

test('a store whose segment cannot be written fails alone', async () => {
  const fs = openDurableFs();
  const open: DurableFs['open'] = async (path, mode) => {
    if (path.endsWith('p0007/00000001.segment.new')) throw new OtaError('IO_FAILED', 'the disk is worn out');
    return await fs.open(path, mode);
  };
  const store = await opened({ ...fs, open });
  store.seenOrInsert(batchOf(messages(0, 20_000), 0));
  await store.commit({ data: dataOf(1) });
  const sealed = await Promise.allSettled([...store.stores.values()].map((one) => one.seal()));
  expect(sealed.map(({ status }) => status === 'rejected').flatMap((failed, number) => (failed ? number : []))).toEqual(
    [7],
  );
  await store.close();
});

test('a generation that cannot be packed, and a thread that dies, fail only those who wait for them', async () => {
  const keys = new Uint32Array(new SharedArrayBuffer(4_000 * 16)).map(() => 5);
  const good: UnsortedKeys = { count: 4_000, keys, digests: new Uint32Array() };
  const impossible = { ...good, count: -1 };
  const one = openSealer('worker');
  const other = openSealer('worker');
  const outcomes = await Promise.allSettled([one.encode(good), other.encode(impossible), one.encode(good)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);

  const ended = threads[0]!.terminate();
  await expect(other.encode(good)).rejects.toThrow('the sealing thread ended');
  await ended;
  expect((await one.encode(good)).records.byteLength).toBe(4_000 * 16);
  expect(threads).toHaveLength(2);
  await one.close();
  await one.close();
  expect((await other.encode(good)).records.byteLength).toBe(4_000 * 16);
  await other.close();
  expect(threads).toHaveLength(2);
});

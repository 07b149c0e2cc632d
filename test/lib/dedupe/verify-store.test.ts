import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DurableFs } from '../../../src/lib/core/durable-fs.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { openPartitionedStore, type PartitionedStore } from '../../../src/lib/dedupe/partitioned-store.js';
import { verifyStore } from '../../../src/lib/dedupe/verify-store.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { batchOf, dataOf } from '../../support/store-messages.js';

let folder: TestFolder;
beforeEach(async () => {
  folder = await testFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const WINDOW_KEYS = 2000;

const open = (fs = openDurableFs(), acceptDamage = false): Promise<PartitionedStore> =>
  openPartitionedStore(folder.path, {
    fs,
    tenant: 'default',
    partitions: 1,
    digestBytes: 0,
    window: { keys: WINDOW_KEYS },
    sinkId: 'file:/out.ndjson',
    sealing: 'inline',
    acceptDamage,
  });

const verify = (fs = openDurableFs()) => verifyStore(folder.path, { tenant: 'default', fs });

async function insert(store: PartitionedStore, from: number, count: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => ({ id: from + index, payload: 0 }));
  store.seenOrInsert(batchOf(messages, 0));
  await store.commit({ data: dataOf(from) });
}

/** Sealed generations, and a log with a few frames. */
async function filled(): Promise<void> {
  const store = await open();
  for (let from = 0; from < 3700; from += 100) await insert(store, from, 100);
  await store.close();
}

const partitionDir = () => join(folder.path, 'default', 'p0000');
async function filesOf(kind: string): Promise<string[]> {
  const names = await openDurableFs().list(partitionDir());
  return names.filter((name) => name.endsWith(kind));
}

async function flip(name: string, at: number): Promise<void> {
  const bytes = await readFile(join(partitionDir(), name));
  bytes[at]! ^= 1;
  await writeFile(join(partitionDir(), name), bytes);
}

describe('an intact store', () => {
  test('is told with all its keys, and nothing is changed', async () => {
    await filled();
    const before = await folder.state();
    const seen: string[] = [];
    const { store, partitions } = await verifyStore(folder.path, {
      tenant: 'default',
      fs: openDurableFs(),
      onFile: ({ path }) => seen.push(path),
    });
    expect(store).toMatchObject({ tenant: 'default', partitions: 1, sink: 'file:/out.ndjson' });
    expect(store).not.toHaveProperty('secret');
    expect(partitions).toHaveLength(1);
    expect(partitions[0]).toMatchObject({ partition: 0, insertedKeys: 3700, unfinishedBytes: 0, damage: [] });
    expect(partitions[0]!.keys).toBeGreaterThanOrEqual(WINDOW_KEYS);
    const files = await openDurableFs().list(partitionDir());
    expect(seen).toEqual(files.map((name) => join(partitionDir(), name)));
    expect(partitions[0]!.generations).toBe(files.length);
    expect(await folder.state()).toEqual(before);
    const opened = await open();
    expect(partitions[0]!.keys).toBe(opened.stores.get(0)!.stats().keys);
    await opened.close();
  });

  test('may end in half a frame', async () => {
    await filled();
    const [log] = await filesOf('.log');
    const bytes = await readFile(join(partitionDir(), log!));
    await writeFile(join(partitionDir(), log!), bytes.subarray(0, -30));
    const [partition] = (await verify()).partitions;
    expect(partition).toMatchObject({ damage: [], insertedKeys: 3600 });
    expect(partition!.unfinishedBytes).toBeGreaterThan(1000);
    await (await open()).close();
    expect((await verify()).partitions[0]).toMatchObject({ damage: [], unfinishedBytes: 0, insertedKeys: 3600 });
  });

  test('must be there', async () => {
    await expect(verify()).rejects.toMatchObject({ code: 'NOT_FOUND', exitCode: 16 });
  });
});

describe('damage', () => {
  test('is found wherever one bit is wrong, told by file and place, and refused by the store', async () => {
    await filled();
    const names = [...(await filesOf('.segment')), ...(await filesOf('.log'))];
    const sizes = new Map<string, number>();
    for (const name of names) sizes.set(name, (await readFile(join(partitionDir(), name))).length);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        async (name, share) => {
          const at = Math.floor(share * sizes.get(name)!);
          await flip(name, at);
          const before = await folder.state();
          const [partition] = (await verify()).partitions;
          expect(await folder.state()).toEqual(before);
          const isTail = partition!.damage.length === 0;
          if (isTail) {
            expect(name).toMatch(/\.log$/);
            expect(at).toBeGreaterThanOrEqual(sizes.get(name)! - partition!.unfinishedBytes);
          } else {
            const block = partition!.damage.find(
              ({ file, offset, bytes }) => file === name && offset <= at && at < offset + bytes,
            );
            expect(block).toBeDefined();
            await expect(open()).rejects.toMatchObject({ code: 'STORE_DAMAGED', exitCode: 4 });
            expect(await folder.state()).toEqual(before);
          }
          await flip(name, at);
        },
      ),
      { numRuns: 60 },
    );
    expect((await verify()).partitions[0]!.damage).toEqual([]);
  });

  test('of several blocks is told block by block, while the rest is served', async () => {
    await filled();
    const [first, second] = await filesOf('.segment');
    const size = (await readFile(join(partitionDir(), first!))).length;
    await flip(first!, size - 1);
    await flip(second!, 0);
    const [partition] = (await verify()).partitions;
    expect(partition!.damage).toMatchObject([
      { file: first, keys: expect.any(Number), cause: 'the checksum is wrong' },
      { file: second, offset: 0, cause: 'the file does not begin like a segment' },
    ]);
    const store = await open(openDurableFs(), true);
    expect(
      store.stores
        .get(0)!
        .stats()
        .damage.map(({ file }) => file)
        .sort(),
    ).toEqual([first, second]);
    expect(store.stores.get(0)!.find(batchOf([{ id: 3650, payload: 0 }], 0).keys)).toBeDefined();
    await store.close();
  });

  test('is a generation that is missing, the oldest too', async () => {
    await filled();
    const segments = await filesOf('.segment');
    for (const missing of [segments[0]!, segments[2]!]) {
      const path = join(partitionDir(), missing);
      const bytes = await readFile(path);
      await rm(path);
      const { damage } = (await verify()).partitions[0]!;
      expect(damage).toMatchObject([{ file: missing, cause: 'the generation is missing' }]);
      if (missing === segments[2]) expect(damage[0]!.keys).toBeGreaterThan(250);
      await expect(open()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
      await writeFile(path, bytes);
    }
  });

  test('is a generation that another store wrote', async () => {
    await filled();
    const [, second] = await filesOf('.segment');
    const path = join(partitionDir(), second!);
    const elsewhere = await testFolder();
    const home = folder;
    folder = elsewhere;
    const store = await open();
    for (let from = 0; from < 3700; from += 110) await insert(store, from, 110);
    await store.close();
    const other = await readFile(join(partitionDir(), second!));
    folder = home;
    await elsewhere[Symbol.asyncDispose]();
    await writeFile(path, other);
    expect((await verify()).partitions[0]!.damage.map(({ cause }) => cause).join()).toMatch(
      /it goes on after \d+ keys/,
    );
  });
});

describe('while another process writes', () => {
  test('no state in between is taken for damage', async () => {
    const store = await open();
    let from = 0;
    const write = async () => {
      await insert(store, from, 90);
      from += 90;
    };
    // The writer moves on between any two calls of the reader.
    const real = openDurableFs();
    let calls = 0;
    const interrupted: DurableFs = {
      ...real,
      list: async (directory) => {
        if (directory === partitionDir() && calls++ % 2 === 0) for (let i = 0; i < 4; i++) await write();
        return await real.list(directory);
      },
      open: async (path, mode) => {
        if (calls++ % 3 === 0 && from < 20_000) await write();
        return await real.open(path, mode);
      },
    };
    for (let i = 0; i < 40; i++) await write();
    for (let round = 0; round < 10; round++) {
      const [partition] = (await verify(interrupted)).partitions;
      expect(partition).toMatchObject({ damage: [], unfinishedBytes: 0 });
      expect(partition!.keys).toBeGreaterThan(WINDOW_KEYS * 0.8);
    }
    expect(store.stores.get(0)!.stats().agedGenerations).toBeGreaterThan(5);
    await store.close();
  });
});

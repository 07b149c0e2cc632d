import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DurableFs } from '../../../src/lib/core/durable-fs.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import { openDedupeStore } from '../../../src/lib/dedupe/dedupe-store.js';
import { type DedupeStore, type KeyBatch, type StoreOptions, VERDICT } from '../../../src/lib/dedupe/store.js';
import { planWindow } from '../../../src/lib/dedupe/window-plan.js';

let directory: string;
let open: DedupeStore[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ota-dedupe-'));
  open = [];
});
afterEach(async () => {
  await Promise.allSettled(open.map((store) => store.close()));
  await rm(directory, { recursive: true });
});

async function opened(options: Partial<StoreOptions> = {}): Promise<DedupeStore> {
  const defaults: StoreOptions = { fs: openDurableFs(), window: { keys: 5_000 }, digestBytes: 0, sealing: 'inline' };
  const store = await openDedupeStore(directory, { ...defaults, ...options });
  open.push(store);
  return store;
}

/** The disk without its syncs, for tests that do not crash. */
function unsynced(before: () => Promise<void> = async () => {}): DurableFs {
  const fs = openDurableFs();
  const open: DurableFs['open'] = async (path, mode) => {
    const file = await fs.open(path, mode);
    return {
      get size() {
        return file.size;
      },
      read: (into, position) => file.read(into, position),
      append: (parts) => file.append(parts),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
      sync: before,
    };
  };
  return { ...fs, open, syncDirectory: before };
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** Ids become keys as a keyed permutation would make them: uniform, and different for different ids. */
function batchOf(ids: readonly number[], payloads?: readonly number[]): KeyBatch {
  const keys = new Uint32Array(ids.length * 4);
  for (const [at, id] of ids.entries()) {
    keys.set(
      [Math.imul(id, 0x9e3779b1) ^ (id >>> 15), Math.imul(id, 0x85ebca6b), Math.imul(id ^ 0x5bd1e995, 0xc2b2ae35), id],
      at * 4,
    );
  }
  if (payloads === undefined) return { count: ids.length, keys };
  return { count: ids.length, keys, digests: Uint32Array.from(payloads.flatMap((payload) => [payload, ~payload])) };
}

function checkpoint(position: number) {
  return { data: Buffer.from(String(position)), eventTimeMs: position };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

/** What the store promises, in the plainest way: generations of sets. */
class Model {
  readonly generations: Map<number, number>[] = [new Map()];
  readonly windowKeys: number;
  readonly generationKeys: number;

  constructor(windowKeys: number, generationKeys: number) {
    this.windowKeys = windowKeys;
    this.generationKeys = generationKeys;
  }

  judge(ids: readonly number[], payloads?: readonly number[]): number[] {
    return ids.map((id, at) => {
      const known = this.generations.find((generation) => generation.has(id));
      if (known === undefined) {
        this.generations.at(-1)!.set(id, payloads?.[at] ?? 0);
        return VERDICT.new;
      }
      return known.get(id) === (payloads?.[at] ?? 0) ? VERDICT.duplicate : VERDICT.conflict;
    });
  }

  commit(): void {
    if (this.generations.at(-1)!.size < this.generationKeys) return;
    while (this.generations.length > 1 && this.size - this.generations[0]!.size >= this.windowKeys) {
      this.generations.shift();
    }
    this.generations.push(new Map());
  }

  get size(): number {
    return this.generations.reduce((sum, { size }) => sum + size, 0);
  }
}

describe('judging', () => {
  test('an id is new once, whatever comes between', async () => {
    const store = await opened();
    expect([...store.seenOrInsert(batchOf([1, 2, 1, 3, 2]))]).toEqual([0, 0, 1, 0, 1]);
    await store.commit(checkpoint(5));
    expect([...store.seenOrInsert(batchOf([3, 4, 1]))]).toEqual([1, 0, 1]);
    expect(store.stats()).toMatchObject({ keys: 4, insertedKeys: 4, generations: 1, oldestTimeMs: 5 });
  });

  test.each([
    { windowKeys: 1, generationKeys: 256 },
    { windowKeys: 4_000, generationKeys: 256 },
    { windowKeys: 40_000, generationKeys: 625 },
  ])(
    'a window of $windowKeys keys forgets whole generations, and no others',
    async ({ windowKeys, generationKeys }) => {
      const random = randomNumbers(windowKeys);
      const model = new Model(windowKeys, generationKeys);
      let store = await opened({ window: { keys: windowKeys }, digestBytes: 8 });
      for (let round = 0; round < 150; round++) {
        const length = Math.floor(random() * 700);
        const newest = round * 400;
        const ids = Array.from({ length }, () =>
          Math.max(0, Math.floor(newest - random() ** 3 * windowKeys * 2 + random() * 500)),
        );
        const payloads = ids.map((id) => (random() < 0.01 ? 1 : id));
        expect([...store.seenOrInsert(batchOf(ids, payloads))]).toEqual(model.judge(ids, payloads));
        await store.commit(checkpoint(round));
        model.commit();
        expect(store.stats().keys).toBe(model.size);
        if (round % 37 !== 36) continue;
        await store.close();
        store = await opened({ window: { keys: windowKeys }, digestBytes: 8 });
        expect(store.stats().keys).toBe(model.size);
      }
    },
  );

  test('generations whose tags come round again are told apart', async () => {
    const window = { keys: 3_000 };
    const model = new Model(window.keys, 256);
    const store = await opened({ window, fs: unsynced() });
    const random = randomNumbers(7);
    for (let newest = 300; store.stats().agedGenerations < 600; newest += 280) {
      const repeated = Array.from({ length: 40 }, () => Math.max(0, Math.floor(newest - random() ** 4 * 200_000)));
      const ids = [...range(newest - 300, newest), ...repeated];
      expect([...store.seenOrInsert(batchOf(ids))]).toEqual(model.judge(ids));
      await store.commit(checkpoint(newest));
      model.commit();
    }
  });

  test('much that is not committed, and keys that are not uniform, cost time and nothing else', async () => {
    const store = await opened({ window: { keys: 10 } });
    for (let from = 0; from < 60_000; from += 5_000) store.seenOrInsert(batchOf(range(from, from + 5_000)));
    expect(store.seenOrInsert(batchOf(range(0, 60_000))).every((verdict) => verdict === 1)).toBe(true);
    const crowded = { count: 3_000, keys: Uint32Array.from(range(0, 3_000).flatMap((id) => [5, 5 << 16, 5, id])) };
    expect(store.seenOrInsert(crowded).every((verdict) => verdict === 0)).toBe(true);
    await store.commit(checkpoint(1));
    expect(store.seenOrInsert(crowded).every((verdict) => verdict === 1)).toBe(true);
    expect(store.seenOrInsert(batchOf(range(0, 60_000))).every((verdict) => verdict === 1)).toBe(true);
  });

  test('seals in another thread while it judges', async () => {
    let store = await opened({ sealing: 'worker', window: { keys: 1_000_000 } });
    for (let from = 0; from < 200_000; from += 4_000) {
      expect(store.seenOrInsert(batchOf(range(from, from + 4_000))).every((verdict) => verdict === 0)).toBe(true);
      expect(store.seenOrInsert(batchOf(range(from / 2, from / 2 + 4_000))).every((verdict) => verdict === 1)).toBe(
        true,
      );
      await store.commit(checkpoint(from));
    }
    await store.close();
    store = await opened({ sealing: 'worker', window: { keys: 1_000_000 } });
    expect(store.stats()).toMatchObject({ keys: 200_000, damage: [] });
    expect(store.seenOrInsert(batchOf(range(0, 200_000))).every((verdict) => verdict === 1)).toBe(true);
  });
});

describe('after a crash', () => {
  test('what was not committed is forgotten', async () => {
    const store = await opened();
    store.seenOrInsert(batchOf([1]));
    await store.commit(checkpoint(1));
    store.seenOrInsert(batchOf([2]));
    await store.close();
    expect([...(await opened()).seenOrInsert(batchOf([1, 2]))]).toEqual([1, 0]);
  });

  test('a half-written last commit is cut off, at whatever byte it ends', async () => {
    const store = await opened();
    store.seenOrInsert(batchOf([1, 2]));
    await store.commit(checkpoint(1));
    const log = join(directory, '00000001.log');
    const whole = (await readFile(log)).length;
    store.seenOrInsert(batchOf([3, 4]));
    await store.commit(checkpoint(2));
    await store.close();
    const bytes = await readFile(log);
    for (let end = whole; end < bytes.length; end++) {
      await writeFile(log, bytes.subarray(0, end));
      const again = await opened();
      expect([...again.checkpoints()].map(({ data }) => Buffer.from(data).toString())).toEqual(['1']);
      expect([...again.seenOrInsert(batchOf([1, 2, 3, 4]))]).toEqual([1, 1, 0, 0]);
      await again.close();
      expect((await readFile(log)).length).toBe(whole);
    }
  });

  test('a log that was just begun is begun again', async () => {
    const store = await opened({ window: { keys: 1_000 } });
    store.seenOrInsert(batchOf(range(0, 300)));
    await store.commit(checkpoint(1));
    await store.close();
    expect(await readdir(directory)).toEqual(['00000001.segment', '00000002.log']);
    for (const bytes of [0, 10, 64]) {
      await truncate(join(directory, '00000002.log'), bytes);
      const again = await opened({ window: { keys: 1_000 } });
      expect(Buffer.from([...again.checkpoints()][0]!.data).toString()).toBe('1');
      expect(again.stats()).toMatchObject({ keys: 300, insertedKeys: 300 });
      await again.close();
    }
  });
});

describe('a window of bytes', () => {
  test('is never exceeded, and remembers the newest ids', async () => {
    const bytes = 2 ** 20;
    let most = 0;
    const fs = unsynced(async () => {
      most = Math.max(most, await bytesIn(directory));
    });
    const store = await opened({ window: { bytes }, fs });
    for (let from = 0; from < 200_000; from += 1_500) {
      store.seenOrInsert(batchOf(range(from, from + 1_500)));
      await store.commit(checkpoint(from));
      expect(store.stats().diskBytes).toBe(await bytesIn(directory));
    }
    expect(most).toBeLessThanOrEqual(bytes);
    const { keys, insertedKeys } = store.stats();
    expect(insertedKeys).toBe(200_000 + 1_000);
    expect(keys).toBeGreaterThan((0.8 * bytes) / 16);
    const newest = store.seenOrInsert(batchOf(range(insertedKeys - keys, insertedKeys)));
    expect(newest.every((verdict) => verdict === 1)).toBe(true);
    expect([...store.seenOrInsert(batchOf([insertedKeys - keys - 1, 0]))]).toEqual([0, 0]);
  });

  test('refuses a commit that is larger, and nothing after it', async () => {
    const store = await opened({ window: { bytes: 2 ** 20 } });
    store.seenOrInsert(batchOf(range(0, 70_000)));
    await expect(store.commit(checkpoint(1))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(() => store.seenOrInsert(batchOf([1]))).toThrow('cannot hold a commit');
    await store.close();
    expect((await opened()).stats().keys).toBe(0);
  });
});

test('a log does not grow with commits that bring nothing new', async () => {
  const store = await opened({ window: { keys: 100 }, fs: unsynced() });
  store.seenOrInsert(batchOf(range(0, 200)));
  const data = Buffer.alloc(60_000, 'x');
  for (let commit = 0; commit < 100; commit++) {
    store.seenOrInsert(batchOf([1]));
    await store.commit({ data, eventTimeMs: commit });
  }
  expect(await bytesIn(directory)).toBeLessThan(1_300_000);
  await store.close();
  const again = await opened({ window: { keys: 100 } });
  expect([...again.checkpoints()][0]).toMatchObject({ eventTimeMs: 99, insertedKeys: 200 });
  expect(again.seenOrInsert(batchOf(range(0, 200))).every((verdict) => verdict === 1)).toBe(true);
});

test.each([
  [{ window: { keys: 2 ** 28 + 1 } }, 'expected 1 to 268435456'],
  [{ window: { bytes: 1_000 } }, 'expected 1048576 to'],
  [{ window: { keys: 1_000_000 }, memoryBytes: 1_000_000 }, 'bytes of memory, got 1000000'],
])('a window that cannot be kept is refused, and no folder made: %j', async (options, message) => {
  const folder = join(directory, 'none');
  const all: StoreOptions = { fs: openDurableFs(), digestBytes: 0, sealing: 'inline', ...options };
  await expect(openDedupeStore(folder, all)).rejects.toThrow(message);
  expect(await readdir(directory)).toEqual([]);
});

test('little memory makes the filter denser, and the answers are the same', async () => {
  const window = { keys: 100_000 };
  const roomy = planWindow({ window, digestBytes: 0 });
  const store = await opened({ window, memoryBytes: roomy.memoryBytes * 0.9, fs: unsynced() });
  for (let from = 0; from < 200_000; from += 5_000) {
    expect(store.seenOrInsert(batchOf(range(from, from + 5_000))).every((verdict) => verdict === 0)).toBe(true);
    await store.commit(checkpoint(from));
  }
  expect(store.stats().memoryBytes).toBeLessThanOrEqual(roomy.memoryBytes * 0.9);
  expect(store.seenOrInsert(batchOf(range(100_000, 200_000))).every((verdict) => verdict === 1)).toBe(true);
  expect(store.seenOrInsert(batchOf(range(0, 90_000))).every((verdict) => verdict === 0)).toBe(true);
});

test('ageing by hand leaves what was asked for, over a restart', async () => {
  const store = await opened({ window: { keys: 10_000 } });
  for (let from = 0; from < 3_000; from += 300) {
    store.seenOrInsert(batchOf(range(from, from + 300)));
    await store.commit(checkpoint(from));
  }
  expect(await store.age(1_000)).toBe(1_800);
  expect(await store.age(1_000)).toBe(0);
  expect(store.stats()).toMatchObject({ keys: 1_200, insertedKeys: 3_000, agedGenerations: 6, oldestTimeMs: 1_500 });
  await store.close();
  const again = await opened({ window: { keys: 10_000 } });
  expect(again.stats()).toMatchObject({ keys: 1_200, insertedKeys: 3_000, agedGenerations: 6, damage: [] });
  expect([...again.seenOrInsert(batchOf([1_799, 1_800]))]).toEqual([0, 1]);
});

test('an id is found with its digest and the times around it, in the log and in a segment', async () => {
  const store = await opened({ digestBytes: 8 });
  for (const time of [10, 20]) {
    store.seenOrInsert(batchOf([time], [time * 7]));
    await store.commit(checkpoint(time));
    await store.seal();
  }
  store.seenOrInsert(batchOf([30], [210]));
  await store.commit(checkpoint(30));
  const sighting = (id: number) => store.find(batchOf([id]).keys);
  const digest = (payload: number) => new Uint8Array(Uint32Array.of(payload, ~payload).buffer);
  expect(sighting(10)).toEqual({ generation: 1, firstTimeMs: 10, lastTimeMs: 10, digest: digest(70) });
  expect(sighting(20)).toEqual({ generation: 2, firstTimeMs: 10, lastTimeMs: 20, digest: digest(140) });
  expect(sighting(30)).toEqual({ generation: 3, firstTimeMs: 20, lastTimeMs: 30, digest: digest(210) });
  expect(sighting(40)).toBeUndefined();
  expect(store.stats()).toMatchObject({ keys: 3, generations: 3 });
});

describe('another store', () => {
  test('with other digests is refused', async () => {
    await (await opened({ digestBytes: 8 })).close();
    await expect(opened({ digestBytes: 0 })).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
  });

  test('of a later format is refused, and stays as it is', async () => {
    const store = await opened();
    store.seenOrInsert(batchOf([1]));
    await store.commit(checkpoint(1));
    await store.close();
    const log = join(directory, '00000001.log');
    const bytes = await readFile(log);
    bytes[24] = 2;
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
    await writeFile(log, bytes);
    await expect(opened()).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
    expect(await readFile(log)).toEqual(bytes);
  });
});

describe('rolling back', () => {
  test('to a frame of the log forgets what came after it', async () => {
    const store = await opened();
    for (const id of [1, 2, 3]) {
      store.seenOrInsert(batchOf([id]));
      await store.commit(checkpoint(id));
    }
    const second = [...store.checkpoints()][1]!;
    expect(second).toMatchObject({ insertedKeys: 2, eventTimeMs: 2 });
    await store.rollBackTo(second);
    expect([...store.seenOrInsert(batchOf([1, 2, 3]))]).toEqual([1, 1, 0]);
    await store.commit(checkpoint(4));
    await store.close();
    expect((await opened()).stats()).toMatchObject({ keys: 3, insertedKeys: 3 });
  });

  test('to the start of a sealed generation drops it and all newer ones', async () => {
    const store = await opened({ window: { keys: 2_000 } });
    for (let from = 0; from < 1_500; from += 300) {
      store.seenOrInsert(batchOf(range(from, from + 300)));
      await store.commit(checkpoint(from));
    }
    const checkpoints = [...store.checkpoints()];
    expect(checkpoints.map(({ insertedKeys }) => insertedKeys)).toEqual([1500, 1200, 900, 600, 300]);
    await store.rollBackTo(checkpoints[3]!);
    expect(await readdir(directory)).toEqual(['00000001.segment', '00000002.segment', '00000003.log']);
    expect([...store.seenOrInsert(batchOf(range(0, 1_500)))].filter((verdict) => verdict === 1)).toHaveLength(600);
    await store.commit(checkpoint(1));
    await store.close();
    expect((await opened({ window: { keys: 2_000 } })).stats()).toMatchObject({ keys: 1_500, insertedKeys: 1_500 });
  });
});

import { once } from 'node:events';
import { cp, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DurableFs } from '../../../src/lib/core/durable-fs.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { openPartitionedStore, type PartitionedStore } from '../../../src/lib/dedupe/partitioned-store.js';
import { restoreStore } from '../../../src/lib/dedupe/restore-store.js';
import { snapshotStore } from '../../../src/lib/dedupe/snapshot-store.js';
import { verifyStore } from '../../../src/lib/dedupe/verify-store.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { bundleScript, type RunningScript, type Script } from '../../support/scripts.js';
import { batchOf, dataOf, keyOf, labelOf } from '../../support/store-messages.js';

const WINDOW_KEYS = 3000;
const PARTITIONS = 2;

let script: Script;
let folder: TestFolder;
let store: string;
beforeAll(async () => {
  script = await bundleScript('store-writer');
});
afterAll(() => script[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await testFolder();
  store = folder.file('store');
});
afterEach(() => folder[Symbol.asyncDispose]());

const HERE = { tenant: 'default', fs: openDurableFs() };

const open = (directory = store, fs = HERE.fs): Promise<PartitionedStore> =>
  openPartitionedStore(directory, {
    fs,
    tenant: 'default',
    partitions: PARTITIONS,
    digestBytes: 0,
    window: { keys: WINDOW_KEYS },
    sinkId: 'file:/out.ndjson',
    sealing: 'inline',
  });

async function insert(to: PartitionedStore, from: number, count: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => ({ id: from + index, payload: 0 }));
  to.seenOrInsert(batchOf(messages, 0));
  await to.commit({ data: dataOf(from + count) });
}

async function fill(count: number, batch = 100): Promise<void> {
  const filled = await open();
  for (let from = 0; from < count; from += batch) await insert(filled, from, batch);
  await filled.close();
}

/** Each partition holds exactly the ids up to its checkpoint that its window has room for. */
async function requireConsistent(directory: string, atLeast = 0): Promise<void> {
  const { partitions } = await verifyStore(directory, HERE);
  expect(partitions.map(({ damage, unfinishedBytes }) => ({ damage, unfinishedBytes }))).toEqual(
    Array(PARTITIONS).fill({ damage: [], unfinishedBytes: 0 }),
  );
  const opened = await open(directory);
  for (const [number, partition] of opened.stores) {
    const label = labelOf([...partition.checkpoints()][0]!);
    expect(label).toBeGreaterThanOrEqual(atLeast);
    const { keys } = partition.stats();
    const ids = Array.from({ length: label + 100 }, (_, id) => id);
    const known = ids.filter((id) => partition.find(keyOf(id)) !== undefined);
    const own = ids.filter((id) => id < label && Math.floor((keyOf(id)[3]! * PARTITIONS) / 2 ** 32) === number);
    expect(known).toEqual(own.slice(own.length - keys));
    expect(keys).toBeGreaterThanOrEqual(Math.min(own.length, WINDOW_KEYS / PARTITIONS));
  }
  await opened.close();
}

/** The number that the writer said last. */
const committed = (writer: RunningScript) => Number(writer.stdout().trim().split('\n').at(-1));

describe('a snapshot', () => {
  test('is a store like any other, and shares with its model only what never changes', async () => {
    await fill(4000);
    const summary = await snapshotStore(store, folder.file('snapshot'), HERE);
    expect(summary).toMatchObject({ partitions: 2, damage: [] });
    await requireConsistent(folder.file('snapshot'), 4000);
    const snapshot = await open(folder.file('snapshot'));
    for (let from = 4000; from < 9000; from += 100) await insert(snapshot, from, 100);
    await snapshot.close();
    await requireConsistent(folder.file('snapshot'), 9000);
    await requireConsistent(store, 4000);
  });

  test('links sealed generations', async () => {
    await fill(4000);
    await snapshotStore(store, folder.file('snapshot'), HERE);
    const partition = join(store, 'default', 'p0000');
    const [segment] = (await HERE.fs.list(partition)).filter((name) => name.endsWith('.segment'));
    const copied = await stat(join(folder.file('snapshot'), 'default', 'p0000', segment!));
    expect(copied.ino).toBe((await stat(join(partition, segment!))).ino);
  });

  test('is whole whatever the writer does between any two steps', async () => {
    const writer = await open();
    let next = 0;
    const write = async () => {
      await insert(writer, next, 250);
      next += 250;
    };
    for (let i = 0; i < 15; i++) await write();
    let calls = 0;
    const interrupt = async (every: number) => {
      if (++calls % every === 0) await write();
    };
    for (const every of [2, 3, 8]) {
      const fs: DurableFs = {
        ...HERE.fs,
        list: (directory) => interrupt(every).then(() => HERE.fs.list(directory)),
        open: (path, mode) => interrupt(every).then(() => HERE.fs.open(path, mode)),
        link: (from, to) => interrupt(every).then(() => HERE.fs.link(from, to)),
      };
      const before = next;
      const target = folder.file(`snapshot${every}`);
      await snapshotStore(store, target, { ...HERE, fs });
      await requireConsistent(target, before);
    }
    await writer.close();
  });

  test('holds a whole window also if all of it ages while it is taken', async () => {
    const writer = await open();
    for (let from = 0; from < 4000; from += 100) await insert(writer, from, 100);
    let links = 0;
    const fs: DurableFs = {
      ...HERE.fs,
      link: async (from, to) => {
        if (++links === 3) for (let next = 4000; next < 9000; next += 100) await insert(writer, next, 100);
        await HERE.fs.link(from, to);
      },
    };
    await snapshotStore(store, folder.file('snapshot'), { ...HERE, fs });
    await requireConsistent(folder.file('snapshot'), 9000);
    await writer.close();
  });

  test('leaves out what is half-written at the end of a log', async () => {
    await fill(4000);
    const partition = join(store, 'default', 'p0000');
    const [log] = (await HERE.fs.list(partition)).filter((name) => name.endsWith('.log'));
    const bytes = await readFile(join(partition, log!));
    await writeFile(join(partition, log!), Buffer.concat([bytes, bytes.subarray(0, 100)]));
    await snapshotStore(store, folder.file('snapshot'), HERE);
    expect(await readFile(join(folder.file('snapshot'), 'default', 'p0000', log!))).toEqual(bytes);
    await requireConsistent(folder.file('snapshot'), 4000);
  });

  test('is taken from a store that another process writes to, and the process may be killed then', async () => {
    const writer = script.start([store, String(WINDOW_KEYS)], { stdin: null });
    await writer.seen('\n6400\n');
    for (let round = 0; round < 4; round++) {
      const before = committed(writer);
      await snapshotStore(store, folder.file(`snapshot${round}`), HERE);
      await requireConsistent(folder.file(`snapshot${round}`), before);
    }
    await expect(open()).rejects.toMatchObject({ code: 'LOCKED', exitCode: 8 });
    writer.process.kill('SIGKILL');
    await once(writer.process, 'close');
    const last = committed(writer);
    const again = await open();
    for (const partition of again.stores.values()) {
      expect(labelOf([...partition.checkpoints()][0]!)).toBeGreaterThanOrEqual(last);
    }
    await again.close();
    await requireConsistent(store, last);
  });

  test('needs a store, and a place where none is', async () => {
    await expect(snapshotStore(store, folder.file('snapshot'), HERE)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await fill(300);
    await snapshotStore(store, folder.file('snapshot'), HERE);
    const before = await folder.state();
    await expect(snapshotStore(store, folder.file('snapshot'), HERE)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await expect(snapshotStore(store, store, HERE)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await folder.state()).toEqual(before);
  });

  test('that failed leaves no store, and is taken by a second try', async () => {
    await fill(4000);
    const target = folder.file('snapshot');
    let calls = 0;
    const full = async () => {
      if (++calls > 9) throw new OtaError('NO_SPACE', 'full');
    };
    const fs: DurableFs = { ...HERE.fs, link: (from, to) => full().then(() => HERE.fs.link(from, to)) };
    await expect(snapshotStore(store, target, { ...HERE, fs })).rejects.toMatchObject({ code: 'NO_SPACE' });
    await expect(verifyStore(target, HERE)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await snapshotStore(store, target, HERE);
    await requireConsistent(target, 4000);
  });

  test('stops when it is told to', async () => {
    await fill(300);
    const options = { ...HERE, signal: AbortSignal.abort() };
    await expect(snapshotStore(store, folder.file('snapshot'), options)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe('a snapshot that is restored', () => {
  test('is the store as it was, and stays as it is', async () => {
    await fill(4000);
    await snapshotStore(store, folder.file('snapshot'), HERE);
    await fill(5000, 500);
    const before = await folder.state();
    await restoreStore(folder.file('snapshot'), folder.file('restored'), HERE);
    await requireConsistent(folder.file('restored'), 4000);
    const restored = await open(folder.file('restored'));
    for (let from = 4000; from < 9000; from += 100) await insert(restored, from, 100);
    await restored.close();
    expect(await folder.state()).toMatchObject(before);
  });

  test('replaces no store', async () => {
    await fill(300);
    await snapshotStore(store, folder.file('snapshot'), HERE);
    const before = await folder.state();
    await expect(restoreStore(folder.file('snapshot'), store, HERE)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await folder.state()).toEqual(before);
  });

  test('is refused where it is damaged, unless the rest is asked for', async () => {
    await fill(4000);
    await snapshotStore(store, folder.file('snapshot'), HERE);
    // Not the linked file: that one is the store's too.
    await cp(folder.file('snapshot'), folder.file('damaged'), { recursive: true });
    const path = join(folder.file('damaged'), 'default', 'p0001', '00000003.segment');
    const bytes = await readFile(path);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path, bytes);
    const before = await folder.state();
    await expect(restoreStore(folder.file('damaged'), folder.file('restored'), HERE)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      exitCode: 4,
      message: expect.stringContaining('partition 1, 00000003.segment'),
    });
    expect(await folder.state()).toEqual(before);
    await restoreStore(folder.file('damaged'), folder.file('restored'), { ...HERE, acceptDamage: true });
    expect((await verifyStore(folder.file('restored'), HERE)).partitions[1]!.damage).toHaveLength(1);
  });
});

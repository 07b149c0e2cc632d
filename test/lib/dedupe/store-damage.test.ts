import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { openPartitionedStore, type PartitionedStore } from '../../../src/lib/dedupe/partitioned-store.js';
import { VERDICT } from '../../../src/lib/dedupe/store.js';
import { verifyStore } from '../../../src/lib/dedupe/verify-store.js';
import { RecordedFs } from '../../support/recorded-fs.js';
import { batchOf, dataOf, keyOf } from '../../support/store-messages.js';

const PARTITION = '/stores/default/p0000';
const INSERTED = 3650;
const WINDOW_KEYS = 2000;

const open = (disk: RecordedFs, acceptDamage = false): Promise<PartitionedStore> =>
  openPartitionedStore('/stores', {
    fs: disk.process(),
    tenant: 'default',
    partitions: 1,
    digestBytes: 0,
    window: { keys: WINDOW_KEYS },
    sinkId: 'file:/out.ndjson',
    sealing: 'inline',
    acceptDamage,
    takeLock: async () => ({ release: async () => {} }),
  });

const ids = Array.from({ length: INSERTED }, (_, id) => id);
const known = (store: PartitionedStore) => ids.filter((id) => store.stores.get(0)!.find(keyOf(id)) !== undefined);
const messages = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, payload: 0 }));

let intact: RecordedFs;
let names: string[];
let remembered: number[];

beforeAll(async () => {
  intact = new RecordedFs();
  const store = await open(intact);
  for (let from = 0; from < INSERTED; from += 50) {
    store.seenOrInsert(batchOf(messages(from, 50), 0));
    await store.commit({ data: dataOf(from) });
  }
  remembered = known(store);
  await store.close();
  names = [...intact.files().keys()].filter((path) => path.startsWith(`${PARTITION}/`));
});

const copy = () => intact.afterKill(intact.operations.length);

type Harm =
  | { kind: 'flip' | 'zeros' | 'cut' | 'longer' | 'gone'; file: number; at: number; bytes: number }
  | { kind: 'exchanged'; file: number; other: number };

const place = fc.double({ min: 0, max: 0.9999, noNaN: true });
const harm: fc.Arbitrary<Harm> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('flip', 'zeros', 'cut', 'longer', 'gone'),
    file: place,
    at: place,
    bytes: fc.integer({ min: 1, max: 5000 }),
  }),
  fc.record({ kind: fc.constant('exchanged'), file: place, other: place }),
) as fc.Arbitrary<Harm>;

async function apply(disk: RecordedFs, one: Harm): Promise<void> {
  const path = names[Math.floor(one.file * names.length)]!;
  if (!disk.files().has(path)) return;
  if (one.kind === 'exchanged') {
    const other = disk.files().get(names[Math.floor(one.other * names.length)]!);
    if (other !== undefined) disk.damage(path, () => Uint8Array.from(other));
    return;
  }
  if (one.kind === 'gone') return await disk.process().remove(path);
  disk.damage(path, (bytes) => {
    const at = Math.floor(one.at * bytes.length);
    if (one.kind === 'cut') return bytes.subarray(0, at);
    if (one.kind === 'longer') return Buffer.concat([bytes, bytes.subarray(at, at + one.bytes)]);
    if (one.kind === 'zeros') return bytes.fill(0, at, Math.min(bytes.length, at + one.bytes));
    if (at < bytes.length) bytes[at]! ^= 1 << (one.bytes % 8);
    return bytes;
  });
}

describe('a damaged store', () => {
  test('is refused exactly where verify finds damage, and serves the rest when it is accepted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(harm, { minLength: 1, maxLength: 3 }), async (harms) => {
        const disk = copy();
        for (const one of harms) await apply(disk, one);
        const before = disk.files();
        const { damage } = (await verifyStore('/stores', { tenant: 'default', fs: disk.process() })).partitions[0]!;
        expect(disk.files()).toEqual(before);

        const opened = await open(disk).catch((error: unknown) => error);
        if (opened instanceof OtaError) {
          expect(opened.code).toBe('STORE_DAMAGED');
          expect(damage).not.toEqual([]);
          expect(disk.files()).toEqual(before);
        } else {
          expect(opened).not.toBeInstanceOf(Error);
          expect(damage).toEqual([]);
          await (opened as PartitionedStore).close();
        }

        const rest = await open(disk, true);
        const stillKnown = known(rest);
        const wasRemembered = new Set(remembered);
        expect(stillKnown.filter((id) => !wasRemembered.has(id))).toEqual([]);
        const verdicts = rest.seenOrInsert(batchOf(messages(INSERTED, 500), 0));
        expect(verdicts.every((verdict) => verdict === VERDICT.new)).toBe(true);
        await rest.commit({ data: dataOf(-1) });
        await rest.close();
        const again = await open(disk, true);
        expect(again.seenOrInsert(batchOf(messages(INSERTED, 500), 0)).every((v) => v === VERDICT.duplicate)).toBe(
          true,
        );
        await again.close();
      }),
      { numRuns: 150 },
    );
  });

  test('keeps every key whose block is intact', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(names.length - 1), place, async (file, at) => {
        const disk = copy();
        await apply(disk, { kind: 'flip', file: file / names.length, at, bytes: 1 });
        const verified = (await verifyStore('/stores', { tenant: 'default', fs: disk.process() })).partitions[0]!;
        const store = await open(disk, true);
        expect(known(store)).toHaveLength(verified.keys);
        await store.close();
      }),
      { numRuns: 60 },
    );
  });
});

describe('a disk that cannot read', () => {
  test('fails the store at whatever read it is, and nothing is changed', async () => {
    const disk = copy();
    const before = disk.files();
    let reads = 0;
    disk.fault = ({ kind }) => {
      if (kind === 'read') reads++;
      return undefined;
    };
    await (await open(disk)).close();
    for (let failing = 0; failing < reads; failing++) {
      let read = 0;
      disk.fault = ({ kind }) => (kind === 'read' && read++ === failing ? { code: 'IO_FAILED' } : undefined);
      await expect(open(disk)).rejects.toMatchObject({ code: 'IO_FAILED' });
      expect(disk.files()).toEqual(before);
    }
    disk.fault = () => undefined;
    const store = await open(disk);
    expect(known(store)).toEqual(remembered);
    await store.close();
  });

  test('fails a look-up, after which no verdict is given', async () => {
    const disk = copy();
    const store = await open(disk);
    disk.fault = ({ kind }) => (kind === 'read' ? { code: 'IO_FAILED' } : undefined);
    expect(() => store.seenOrInsert(batchOf(messages(INSERTED - WINDOW_KEYS, 10), 0))).toThrow('fault for the test');
    disk.fault = () => undefined;
    expect(() => store.seenOrInsert(batchOf(messages(INSERTED, 10), 0))).toThrow('fault for the test');
    await expect(store.commit({ data: dataOf(-1) })).rejects.toMatchObject({ code: 'IO_FAILED' });
    await store.close();
  });
});

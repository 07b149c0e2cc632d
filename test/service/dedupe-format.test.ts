import { execFile, execFileSync } from 'node:child_process';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDurableFs } from '../../src/lib/core/node-durable-fs.js';
import { messageKeyer } from '../../src/lib/dedupe/message-key.js';
import { openPartitionedStore } from '../../src/lib/dedupe/partitioned-store.js';
import { type TestFolder, testFolder } from '../support/folder.js';

const READER = join(import.meta.dirname, '../support/read_dedupe_store.py');
/** The last few are in logs. */
const IDS = 100_100;
const BATCH_IDS = 1_000;
const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

let folder: TestFolder;
let storeDir: string;
beforeEach(async () => {
  folder = await testFolder();
  storeDir = join(folder.path, 'default');
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

/** UUIDs, ULIDs and other texts of all lengths, in either case. */
function idOf(number: number): string {
  const digits = number.toString(16).padStart(12, '0');
  if (number % 3 === 0) return `5aec86f0-7856-4dac-A56E-${digits}`;
  if (number % 3 === 1)
    return `7ZZZZZZZZZZZZZZZZZ${[...digits.slice(4)].map((digit) => BASE32.at(-Number.parseInt(digit, 16) - 1)).join('')}`;
  return `${'ä'.repeat(number % 40)}${number}`;
}

const hex = (words: ArrayLike<number>) =>
  Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('') || '-';

/** Fills a store until it has aged. @returns what each partition remembers, as `key digest`, by its own count */
async function filled(
  partitions: number,
  digestBytes: 0 | 8,
  windowKeys: number,
): Promise<{ expected: Set<string>; agedGenerations: number }> {
  const store = await openPartitionedStore(folder.path, {
    ...{ fs: openDurableFs(), tenant: 'default', partitions, digestBytes, sinkId: 'file:/out' },
    ...{ window: { keys: windowKeys }, sealing: 'worker' },
  });
  const keyer = messageKeyer(store.secret);
  const inserted = Array.from({ length: partitions }, (): string[] => []);
  for (let from = 0; from < IDS; from += BATCH_IDS) {
    const count = Math.min(BATCH_IDS, IDS - from);
    // How far the other thread has come with the rest is chance; the last batch stays in the logs.
    if (count < BATCH_IDS) await Promise.all([...store.stores.values()].map((one) => one.seal()));
    const keys = new Uint32Array(count * 4);
    const digests = new Uint32Array(count * 2);
    for (let at = 0; at < count; at++) {
      const key = keyer.keyOf(idOf(from + at));
      keys.set(key, at * 4);
      digests.set([from + at, ~at], at * 2);
      const digest = digestBytes > 0 ? hex(digests.subarray(at * 2, at * 2 + 2)) : '-';
      inserted[Math.floor((key[3]! * partitions) / 2 ** 32)]!.push(`${hex(key)} ${digest}`);
    }
    const verdicts = store.seenOrInsert({ count, keys, ...(digestBytes > 0 && { digests }) });
    expect(verdicts.every((verdict) => verdict === 0)).toBe(true);
    await store.commit({ data: Buffer.from(`checkpoint ${from}`), eventTimeMs: from });
  }
  await store.commit({ data: Buffer.from('a frame without keys') });
  const stats = [...store.stores.values()].map((one) => one.stats());
  await store.close();
  return {
    expected: new Set(inserted.flatMap((keys, partition) => keys.slice(-stats[partition]!.keys))),
    agedGenerations: stats.reduce((sum, { agedGenerations }) => sum + agedGenerations, 0),
  };
}

test.each([
  { partitions: 3, digestBytes: 0, windowKeys: 60_000 },
  { partitions: 3, digestBytes: 8, windowKeys: 60_000 },
  { partitions: 1, digestBytes: 0, windowKeys: 3_000_000 }, // generations of more than 32,768 keys: shorter records
] as const)(
  'a reader made from the format document alone finds the same keys ($partitions partitions, digests of $digestBytes bytes, a window of $windowKeys keys)',
  async ({ partitions, digestBytes, windowKeys }) => {
    const { expected, agedGenerations } = await filled(partitions, digestBytes, windowKeys);
    expect(agedGenerations > 0).toBe(windowKeys < IDS);
    const { stdout } = await promisify(execFile)('python3', [READER, storeDir], { maxBuffer: 2 ** 26 });
    const lines = stdout.trimEnd().split('\n');
    const read = lines.map((line) => line.split(' ').slice(3).join(' '));
    expect(read).toHaveLength(expected.size);
    expect(new Set(read)).toEqual(expected);
    expect(new Set(lines.map((line) => line.split(' ')[1]))).toEqual(new Set(['segment', 'log']));
  },
);

test('it computes the same keys of ids', async () => {
  await filled(1, 0, 3_000_000);
  const { secret } = JSON.parse(await readFile(join(storeDir, 'store.json'), 'utf8'));
  const keyer = messageKeyer(Buffer.from(secret, 'hex'));
  const ids = Array.from({ length: 2_000 }, (_, at) => idOf(at * 7));
  const stdout = execFileSync('python3', [READER, storeDir, '--keys'], { input: ids.join('\n'), encoding: 'utf8' });
  expect(stdout.trimEnd().split('\n')).toEqual(ids.map((id) => hex(keyer.keyOf(id))));
});

test('it passes over a half-written end, and reports a changed byte in any kind of file', async () => {
  const { expected } = await filled(1, 0, 3_000_000);
  const names = (await readdir(join(storeDir, 'p0000'))).sort();
  const log = join(storeDir, 'p0000', names.findLast((name) => name.endsWith('.log'))!);
  const segment = join(storeDir, 'p0000', names.find((name) => name.endsWith('.segment'))!);
  const read = () =>
    execFileSync('python3', [READER, storeDir], { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: 'pipe' });
  await appendFile(log, (await readFile(log)).subarray(0, 100));
  expect(read().trimEnd().split('\n')).toHaveLength(expected.size);
  for (const path of [log, segment]) {
    const whole = await readFile(path);
    for (const at of [20, path === log ? 90 : whole.length - 1]) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1;
      await writeFile(path, changed);
      expect(read).toThrow('partition 0: ');
    }
    await writeFile(path, whole);
  }
});

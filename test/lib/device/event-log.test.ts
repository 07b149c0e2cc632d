import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BootControl } from '../../../src/lib/device/boot-control.js';
import { completeEventLog, readEventLog } from '../../../src/lib/device/event-log.js';
import { type NodeDeviceFs, openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { bootControl } from '../../support/boot-control.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
let fs: NodeDeviceFs;
let log: string;
beforeEach(async () => {
  folder = await testFolder();
  log = folder.file('events.ndjson');
  fs = await openNodeDeviceFs(folder.path, 255);
});
afterEach(async () => {
  await fs[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function commit(sequence: number, reason?: string): BootControl {
  const control = bootControl({ sequence });
  return { ...control, event: { ...control.event, ...(reason !== undefined && { reason }) } };
}

/** As after a restart: nothing is remembered but the file. */
async function complete(control: BootControl): Promise<void> {
  await using restarted = await openNodeDeviceFs(folder.path, 255);
  await completeEventLog(restarted, control);
}

async function sequences(): Promise<number[]> {
  await using restarted = await openNodeDeviceFs(folder.path, 255);
  return (await readEventLog(restarted)).map(({ sequence }) => sequence);
}

test('each event stands there once, however often it is completed', async () => {
  for (const sequence of [1, 1, 2, 3, 3, 3, 4]) await complete(commit(sequence));
  expect(await sequences()).toEqual([1, 2, 3, 4]);
});

test('an event whose commit went to both copies stands there once when the later one is damaged', async () => {
  await complete(commit(1));
  await complete(commit(3, 'both'));
  await complete(commit(2, 'both'));
  await complete(commit(3, 'another'));
  expect(await sequences()).toEqual([1, 3, 3]);
});

test('each event stands there once, wherever appends are torn and whatever fills their place', async () => {
  const tear = fc.record({
    kept: fc.double({ min: 0, max: 1, noNaN: true }),
    fill: fc.constantFrom('', '\0', 'x\n', '{}\n', '\n'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(tear, { nil: undefined }), { minLength: 1, maxLength: 6 }), async (tears) => {
      await writeFile(log, '');
      for (const [index, torn] of tears.entries()) {
        const before = (await readFile(log)).length;
        await complete(commit(index + 1, 'ä'.repeat(index)));
        if (torn === undefined) continue;
        const after = (await readFile(log)).length;
        await truncate(log, before + Math.floor((after - before) * torn.kept));
        await appendFile(log, torn.fill.repeat(20));
        await complete(commit(index + 1, 'ä'.repeat(index)));
      }
      expect(await sequences()).toEqual(tears.map((_, index) => index + 1));
    }),
    { numRuns: 60 },
  );
});

test('an event of which only the end of its line is missing is written again', async () => {
  await complete(commit(1));
  await complete(commit(2));
  await truncate(log, (await readFile(log)).length - 1);
  await complete(commit(2));
  await complete(commit(3));
  expect(await sequences()).toEqual([1, 2, 3]);
});

test('an event of the same number but another content is another event', async () => {
  await complete(commit(1));
  await complete(commit(2, 'lost with its block'));
  await complete(commit(2, 'what happened instead'));
  expect((await readEventLog(fs)).map(({ reason }) => reason)).toEqual([
    undefined,
    'lost with its block',
    'what happened instead',
  ]);
});

test('over one mebibyte the older half goes, in whole lines', async () => {
  const line = (sequence: number) => `${JSON.stringify({ sequence, ...commit(sequence, 'r'.repeat(4000)).event })}\n`;
  await writeFile(log, Array.from({ length: 260 }, (_, index) => line(index + 1)).join(''));
  await complete(commit(261));
  const left = await sequences();
  expect((await readFile(log)).length).toBeLessThanOrEqual(512 * 1024);
  expect(left.at(-1)).toBe(261);
  expect(left).toEqual(Array.from({ length: left.length }, (_, index) => 261 - left.length + 1 + index));
  expect(left.length).toBeGreaterThan(100);
});

test('lines of others are left out', async () => {
  await complete(commit(1));
  await writeFile(log, `[]\n{"sequence":"1"}\n${await readFile(log, 'utf8')}`);
  expect(await sequences()).toEqual([1]);
});

test.each(['\n', '{}\n', '[[[\n'])('a log of a million lines %j is passed over', async (foreign) => {
  await writeFile(log, foreign.repeat(1_000_000));
  await complete(commit(1));
  expect(await sequences()).toEqual([1]);
});

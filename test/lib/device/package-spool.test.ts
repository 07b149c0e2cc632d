import { readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import type { DeviceFs } from '../../../src/lib/device/device-fs.js';
import { openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { PackageSpool } from '../../../src/lib/device/package-spool.js';
import { testFolder } from '../../support/folder.js';

const ROOM = { maxBytes: 10_000_000 };
const KNOWN = { source: 'https://releases.example/app.ota', etag: '"v1"', totalBytes: 1_000_000 };
const PIECE = Buffer.alloc(64 * 1024, 'firmware');

/** Reports every operation, before it is done; what `onOperation` throws is what the operation ends with. */
function observed(fs: DeviceFs, onOperation: (operation: string) => void): DeviceFs {
  return new Proxy(fs, {
    get: (target, method: keyof DeviceFs) =>
      function operation(...args: unknown[]) {
        const change = !['list', 'size', 'read'].includes(method);
        if (change) onOperation([method, ...args.filter((arg) => typeof arg === 'string')].join(' '));
        return (target[method] as (...args: unknown[]) => unknown).apply(target, args);
      },
  });
}

async function recordIn(folder: { file(name: string): string }) {
  return JSON.parse(await readFile(folder.file('download.json'), 'utf8'));
}

test('data is synced before the record that counts it takes its name', async () => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  const operations: string[] = [];
  const spool = await PackageSpool.open(
    observed(fs, (operation) => operations.push(operation)),
    ROOM,
  );
  await spool.begin(KNOWN);
  operations.length = 0;
  for (let piece = 0; piece < 4; piece++) await spool.append(PIECE);
  expect(operations.slice(0, 5)).toEqual([...Array(4).fill('write download.part'), 'sync download.part']);
  expect(operations.slice(5).at(-2)).toBe('rename download.json.new download.json');
  expect(operations.at(-1)).toBe('syncDirectory');
  expect(await recordIn(folder)).toEqual({ ...KNOWN, receivedBytes: 4 * PIECE.length });
});

test('another file takes the place of one only when its record is gone for good', async () => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  const operations: string[] = [];
  const spool = await PackageSpool.open(
    observed(fs, (operation) => operations.push(operation)),
    ROOM,
  );
  await spool.begin(KNOWN);
  await spool.append(PIECE);
  await spool.keep();
  operations.length = 0;
  await spool.begin({ ...KNOWN, etag: '"v2"' });
  expect(operations).toEqual(['remove download.json', 'syncDirectory', 'remove download.part']);
  expect(spool.size).toBe(0);
});

test('what was kept is there when it is opened again, and what was never counted is cut off', async () => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  const first = await PackageSpool.open(fs, ROOM);
  await first.begin(KNOWN);
  await first.append(PIECE);
  await first.keep();
  await first.append(Buffer.from('torn'));

  const second = await PackageSpool.open(fs, ROOM);
  expect(second).toMatchObject({ size: PIECE.length, known: KNOWN });
  expect(await readFile(folder.file('download.part'))).toEqual(PIECE);
});

test('a file that could not be resumed is not recorded', async () => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  const spool = await PackageSpool.open(fs, ROOM);
  await spool.begin({ ...KNOWN, etag: undefined });
  for (let piece = 0; piece < 5; piece++) await spool.append(PIECE);
  await spool.finish();
  expect(Object.keys(await folder.state())).toEqual([folder.file('download.part')]);
  expect(await spool.sha256()).toMatch(/^[0-9a-f]{64}$/);
  expect(await PackageSpool.open(fs, ROOM)).toMatchObject({ size: 0, known: undefined });
  expect(await folder.state()).toEqual({});
});

test('a size that nobody announced is known once everything has arrived', async () => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  const spool = await PackageSpool.open(fs, ROOM);
  await spool.begin({ ...KNOWN, totalBytes: undefined });
  await spool.append(PIECE);
  await spool.keep();
  expect(await recordIn(folder)).not.toHaveProperty('totalBytes');
  await spool.finish();
  expect(await recordIn(folder)).toMatchObject({ totalBytes: PIECE.length, receivedBytes: PIECE.length });
});

test.each([
  ['counts more than there is', (record: object) => ({ ...record, receivedBytes: PIECE.length + 1 })],
  ['counts a part of a byte', (record: object) => ({ ...record, receivedBytes: 0.5 })],
  ['has a weak ETag', (record: object) => ({ ...record, etag: 'W/"v1"' })],
  ['has an ETag that breaks out of its header', (record: object) => ({ ...record, etag: '"\r\nrange: "' })],
  ['names no source', (record: object) => ({ ...record, source: undefined })],
])('a record that %s starts from nothing', async (_, damage) => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  const spool = await PackageSpool.open(fs, ROOM);
  await spool.begin(KNOWN);
  await spool.append(PIECE);
  await spool.keep();
  await writeFile(folder.file('download.json'), JSON.stringify(damage(await recordIn(folder))));
  expect(await PackageSpool.open(fs, ROOM)).toMatchObject({ size: 0, known: undefined });
  expect(await folder.state()).toEqual({});
});

test('no bytes in the place of the record stop the device from starting again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(Buffer.from)), async (garbage) => {
      await using folder = await testFolder();
      await using fs = await openNodeDeviceFs(folder.path, 0xff);
      await writeFile(folder.file('download.part'), PIECE);
      await writeFile(folder.file('download.json'), garbage);
      const spool = await PackageSpool.open(fs, ROOM);
      expect(spool).toMatchObject({ size: 0, known: undefined });
      await spool.begin(KNOWN);
      await spool.append(PIECE);
      await spool.keep();
      expect(await PackageSpool.open(fs, ROOM)).toMatchObject({ size: PIECE.length, known: KNOWN });
    }),
    { numRuns: 30 },
  );
});

test('the room of the device bounds what is announced (5) and what arrives (9)', async () => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  const spool = await PackageSpool.open(fs, { maxBytes: 100_000 });
  await expect(spool.begin(KNOWN)).rejects.toMatchObject({ code: 'DOES_NOT_FIT', exitCode: 5 });
  await spool.begin({ ...KNOWN, totalBytes: undefined });
  await spool.append(PIECE);
  await expect(spool.append(PIECE)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
  expect(await readFile(folder.file('download.part'))).toEqual(PIECE);
});

test('a sync that failed is never tried again, and nothing counts what it has lost', async () => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  let syncs = 0;
  const failing = observed(fs, (operation) => {
    if (operation === 'sync download.part' && ++syncs === 2) throw new OtaError('IO_FAILED', 'download.part: EIO');
  });
  const spool = await PackageSpool.open(failing, ROOM);
  await spool.begin(KNOWN);
  const fill = async () => {
    for (let piece = 0; piece < 8; piece++) await spool.append(PIECE);
  };
  await expect(fill()).rejects.toMatchObject({ code: 'IO_FAILED' });
  await spool.keep();
  expect(syncs).toBe(2);
  expect(await recordIn(folder)).toMatchObject({ receivedBytes: 4 * PIECE.length });
});

test('reads never leave what was received', async () => {
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 0xff);
  const spool = await PackageSpool.open(fs, ROOM);
  expect(await spool.access().read(new Uint8Array(10), 0)).toBe(0);
  await spool.begin(KNOWN);
  await spool.append(Buffer.from('firmware'));
  const access = spool.access();
  await spool.append(Buffer.from(' and more'));
  const into = Buffer.alloc(10, '.');
  expect(access).toMatchObject({ name: KNOWN.source, size: 8 });
  expect(await access.read(into, 4)).toBe(4);
  expect(into.toString()).toBe('ware......');
  expect(await access.read(into, 9)).toBe(0);
});

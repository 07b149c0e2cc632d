import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256OfAccess } from '../../../src/lib/core/sha256.js';
import { openDevice, settleDevice } from '../../../src/lib/device/device.js';
import { readEventLog } from '../../../src/lib/device/event-log.js';
import { initNodeDevice } from '../../../src/lib/device/init-node.js';
import type { MonotonicCounter } from '../../../src/lib/device/monotonic-counter.js';
import { openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { openNodeMachine } from '../../../src/lib/device/node-machine.js';
import { slotAccess } from '../../../src/lib/device/slot-access.js';
import { deviceClock, factoryImages, initSpec } from '../../support/device.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
let dir: string;
beforeEach(async () => {
  folder = await testFolder();
  dir = folder.file('device');
});
afterEach(() => folder[Symbol.asyncDispose]());

async function init(changes = {}): Promise<void> {
  await initNodeDevice(dir, await initSpec(changes), { clock: deviceClock });
}

/** Opens, reads the trust root, and closes again. */
async function opened(): Promise<number> {
  await using machine = await openNodeMachine(dir, deviceClock);
  const device = await openDevice(machine, 'device');
  await device.trustRoot();
  return device.control.current.sequence;
}

async function commit(changes = {}): Promise<void> {
  await using machine = await openNodeMachine(dir, deviceClock);
  const opened = await openDevice(machine, 'device');
  await settleDevice(opened);
  const { control } = opened;
  await control.commit({ ...control.current, sequence: control.current.sequence + 1, ...changes });
}

const lost = expect.objectContaining({ code: 'DEVICE_STATE_LOST', exitCode: 5 });

describe('state that is missing or damaged is never replaced by defaults', () => {
  const fields = async (): Promise<Record<string, unknown>> => JSON.parse(await readFile(`${dir}/device.json`, 'utf8'));
  const change = (changes: object) => async () =>
    await writeFile(`${dir}/device.json`, JSON.stringify({ ...(await fields()), ...changes }));

  test.each<[string, () => Promise<void>]>([
    ['device.json that was deleted', () => rm(`${dir}/device.json`)],
    ['device.json that is empty', () => writeFile(`${dir}/device.json`, '')],
    ['device.json of another format', change({ spec: 'ota-fleet-device-folder/2' })],
    ['device.json without a product', change({ product: undefined })],
    ['device.json with a field nobody knows', change({ securityCounter: 0 })],
    ['device.json without a layout', change({ layout: undefined })],
    ['device.json with a layout that cannot be', change({ layout: { spec: 'ota-fleet-layout/1' } })],
    ['the trust root that was deleted', () => rm(`${dir}/trust-root.1.json`)],
    ['the trust root with another byte', () => writeFile(`${dir}/trust-root.1.json`, '{}')],
    [
      'both boot control copies that were deleted',
      async () => {
        await rm(`${dir}/boot-control.0`);
        await rm(`${dir}/boot-control.1`);
      },
    ],
    [
      'both boot control copies, cut short',
      async () => {
        await writeFile(`${dir}/boot-control.0`, 'OTABOOT1');
        await writeFile(`${dir}/boot-control.1`, 'OTABOOT1');
      },
    ],
  ])('%s', async (_, damage) => {
    await init();
    expect(await opened()).toBe(1);
    await damage();
    const before = await folder.state();
    await expect(opened()).rejects.toEqual(lost);
    expect(await folder.state()).toEqual(before);
  });

  test('a device.json that is too large', async () => {
    await init();
    await writeFile(`${dir}/device.json`, ' '.repeat(100_000));
    await expect(opened()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
  });

  test('a trust root of another version than the block says', async () => {
    await init();
    await commit();
    const bytes = await readFile(`${dir}/trust-root.1.json`);
    await writeFile(`${dir}/trust-root.2.json`, bytes);
    await using machine = await openNodeMachine(dir, deviceClock);
    const { control } = await openDevice(machine, 'device');
    const { trustRoot } = control.current;
    await control.commit({ ...control.current, sequence: 3, trustRoot: { ...trustRoot, version: 2 } });
    await expect(opened()).rejects.toEqual(lost);
  });
});

test('opening for reading changes nothing, also with an event that the log still lacks', async () => {
  await init();
  await commit();
  const before = await folder.state();
  expect(await opened()).toBe(2);
  expect(await folder.state()).toEqual(before);
});

test('settling a device completes its log', async () => {
  await init();
  await commit();
  await commit();
  await using fs = await openNodeDeviceFs(dir, 255);
  expect((await readEventLog(fs)).map(({ sequence }) => sequence)).toEqual([1, 2]);
  await using machine = await openNodeMachine(dir, deviceClock);
  await settleDevice(await openDevice(machine, 'device'));
  expect((await readEventLog(machine.fs)).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
});

describe('a monotonic counter', () => {
  const counterFile = () => folder.file('counter');
  const withCounter = () => init({ monotonicCounter: '../counter' });

  test('convicts older files that somebody put back', async () => {
    await withCounter();
    await cp(dir, folder.file('old'), { recursive: true });
    await commit({ epoch: 1 });
    await commit({ epoch: 1 });
    expect(await readFile(counterFile(), 'utf8')).toBe('1\n');
    await rm(dir, { recursive: true });
    await cp(folder.file('old'), dir, { recursive: true });
    const before = await folder.state();
    await expect(opened()).rejects.toMatchObject({ code: 'DEVICE_STATE_ROLLED_BACK', exitCode: 5 });
    await expect(commit()).rejects.toMatchObject({ code: 'DEVICE_STATE_ROLLED_BACK' });
    expect(await folder.state()).toEqual(before);
  });

  test('one behind means a cut between commit and raise: writers raise it, readers do not', async () => {
    await withCounter();
    await commit({ epoch: 1 });
    expect(await opened()).toBe(2);
    expect(await readFile(counterFile(), 'utf8')).toBe('0\n');
    await commit();
    expect(await readFile(counterFile(), 'utf8')).toBe('1\n');
  });

  test('two behind is that of another device', async () => {
    await withCounter();
    await commit({ epoch: 2 });
    await expect(opened()).rejects.toMatchObject({ code: 'DEVICE_STATE_ROLLED_BACK' });
  });

  test('that was deleted, or is not connected, is not done without', async () => {
    await withCounter();
    await using fs = await openNodeDeviceFs(dir, 255);
    await expect(openDevice({ fs, clock: deviceClock }, 'device')).rejects.toEqual(lost);
    await rm(counterFile());
    await expect(opened()).rejects.toEqual(lost);
  });

  test('may count although device.json names none: whoever gives it to a machine decides', async () => {
    await init();
    await using fs = await openNodeDeviceFs(dir, 255);
    const counter: MonotonicCounter = { read: async () => 5, raise: async () => {} };
    const open = openDevice({ fs, clock: deviceClock, counter }, 'device');
    await expect(open).rejects.toMatchObject({ code: 'DEVICE_STATE_ROLLED_BACK' });
  });
});

describe('a slot', () => {
  test('reads as erased where nothing was ever written', async () => {
    await init();
    await using machine = await openNodeMachine(dir, deviceClock);
    const device = await openDevice(machine, 'device');
    const whole = slotAccess(device, 'app', 'a', 4096);
    const into = Buffer.alloc(5000);
    expect(await whole.read(into, 0)).toBe(4096);
    expect(into.subarray(0, 4000)).toEqual(factoryImages.app);
    expect(into.subarray(4000, 4096).every((byte) => byte === 255)).toBe(true);
    expect(await whole.read(into, 4090)).toBe(6);
    expect(await whole.read(into, 4096)).toBe(0);
    const empty = slotAccess(device, 'app', 'b', 4096);
    expect(await sha256OfAccess(empty)).toBe(await sha256OfAccess(slotAccess(device, 'modem', 'staging', 4096)));
    expect(await empty.read(into, 100)).toBe(3996);
    expect(into.subarray(0, 3996).every((byte) => byte === 255)).toBe(true);
    expect(await machine.fs.list()).not.toContain('app.b.image');
  });
});

import { mkdir, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/core/clock.js';
import type { DeviceFs } from '../../../src/lib/device/device-fs.js';
import { dryRunMachine } from '../../../src/lib/device/dry-run.js';
import { openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { testFolder } from '../../support/folder.js';

const name = fc.constantFrom('one', 'two', 'three');
const upTo = (max: number) => fc.nat({ max });
const operation = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), name, at: upTo(9000), bytes: fc.uint8Array({ maxLength: 6000 }) }),
  fc.record({ kind: fc.constant('erase' as const), name, at: upTo(9000), length: upTo(5000) }),
  fc.record({ kind: fc.constant('truncate' as const), name, at: upTo(9000) }),
  fc.record({ kind: fc.constant('rename' as const), name, to: name }),
  fc.record({ kind: fc.constant('remove' as const), name }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Does it, or tells that it cannot be done; writes and truncations never reach beyond the end. */
async function perform(fs: DeviceFs, it: Operation): Promise<void> {
  const size = await fs.size(it.name);
  const at = 'at' in it ? Math.min(it.at, size ?? 0) : 0;
  if (it.kind === 'write') await fs.write(it.name, at, it.bytes);
  else if (it.kind === 'erase') await fs.erase(it.name, at, it.length);
  else if (it.kind === 'remove') await fs.remove(it.name);
  else if (size === undefined) return;
  else if (it.kind === 'truncate') await fs.truncate(it.name, at);
  else if (it.name !== it.to) await fs.rename(it.name, it.to);
}

async function contents(fs: DeviceFs): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const file of await fs.list()) {
    const bytes = Buffer.alloc((await fs.size(file))! + 10, 1);
    // Across pages, and beyond the end.
    const first = await fs.read(file, bytes.subarray(0, 4000), 0);
    const second = await fs.read(file, bytes.subarray(first), first);
    all[file] = `${first + second}:${bytes.toString('base64')}`;
  }
  return all;
}

test('a dry run sees what a real one would see, and changes no file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 12 }), fc.uint8Array({ maxLength: 9000 }), async (steps, old) => {
      await using folder = await testFolder();
      for (const place of ['real', 'dry']) {
        await mkdir(folder.file(place));
        await writeFile(folder.file(`${place}/one`), old);
      }
      await using real = await openNodeDeviceFs(folder.file('real'), 255);
      await using below = await openNodeDeviceFs(folder.file('dry'), 255);
      const { fs: dry } = dryRunMachine({ fs: below, clock: systemClock }, 255);
      const untouched = await contents(below);
      for (const step of steps) {
        await perform(real, step);
        await perform(dry, step);
      }
      expect(await contents(dry)).toEqual(await contents(real));
      expect(await contents(below)).toEqual(untouched);
    }),
    { numRuns: 60 },
  );
});

test('a monotonic counter is raised for the dry run alone', async () => {
  const counter = {
    read: async () => 4,
    raise: async () => {
      throw new Error('raised');
    },
  };
  await using folder = await testFolder();
  await using fs = await openNodeDeviceFs(folder.path, 255);
  const machine = dryRunMachine({ fs, clock: systemClock, counter }, 255);
  expect(await machine.counter?.read()).toBe(4);
  await machine.counter?.raise(5);
  expect(await machine.counter?.read()).toBe(5);
});

test('a removed file is missing', async () => {
  await using folder = await testFolder();
  await writeFile(folder.file('one'), 'x');
  await using below = await openNodeDeviceFs(folder.path, 255);
  const { fs } = dryRunMachine({ fs: below, clock: systemClock }, 255);
  await fs.remove('one');
  await expect(fs.read('one', new Uint8Array(1), 0)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(fs.rename('one', 'two')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await below.size('one')).toBe(1);
});

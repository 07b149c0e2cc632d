import { readFile, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/lib/core/canonical-json.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import type { BootControl } from '../../../src/lib/device/boot-control.js';
import {
  BOOT_CONTROL_FILES,
  BootControlStore,
  bootControlBytes,
  decodeBootControl,
  encodeBootControl,
} from '../../../src/lib/device/boot-control-file.js';
import { type Layout, physicalSlots } from '../../../src/lib/device/layout.js';
import { type NodeDeviceFs, openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { bootControl, digestOf, smallLayout } from '../../support/boot-control.js';
import { failingFs } from '../../support/failing-fs.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

async function folderFs(): Promise<{ folder: TestFolder; fs: NodeDeviceFs }> {
  const folder = await testFolder();
  const fs = await openNodeDeviceFs(folder.path, smallLayout.erasedValue);
  open.push(folder, fs);
  return { folder, fs };
}

const trial = () => ({
  ...bootControl().active,
  intent: 'install' as const,
  record: bootControl().releases[0]!,
  attemptsLeft: 3,
  timeoutSeconds: 600,
});

/** A copy with a fitting checksum around anything. */
function unchecked(control: BootControl): Buffer {
  const json = canonicalJson(control as never);
  const header = Buffer.from('OTABOOT1'.padEnd(16, '\0'));
  header.writeUInt32LE(control.sequence, 8);
  header.writeUInt32LE(json.length, 12);
  const content = Buffer.concat([header, json]);
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(content));
  return Buffer.concat([content, crc]);
}

const next = ({ current }: BootControlStore, changes = {}) => ({
  ...current,
  ...changes,
  sequence: current.sequence + 1,
});

describe('a copy of the boot control block', () => {
  test('reads as it was written', () => {
    const control = bootControl();
    const bytes = encodeBootControl(control, smallLayout);
    expect(bytes.length % smallLayout.writeAlignmentBytes).toBe(0);
    expect(decodeBootControl(bytes, smallLayout, 1)).toEqual(control);
  });

  test('does not count after any torn write, whatever lies behind it', () => {
    const bytes = encodeBootControl(bootControl(), smallLayout);
    const other = encodeBootControl(bootControl({ sequence: 3, securityCounter: 7 }), smallLayout);
    fc.assert(
      fc.property(fc.nat(bytes.length / 16 - 2), fc.constantFrom(0, 255, undefined), (blocks, fill) => {
        const torn = fill === undefined ? Buffer.from(other) : Buffer.alloc(bytes.length, fill);
        bytes.copy(torn, 0, 0, blocks * 16);
        const isWhole = fill === undefined && (blocks === 0 || torn.equals(bytes) || torn.equals(other));
        if (!isWhole) expect(() => decodeBootControl(torn, smallLayout, 1)).toThrow(OtaError);
      }),
    );
  });

  test('does not count after any flipped bit', () => {
    const bytes = encodeBootControl(bootControl(), smallLayout);
    const used = 16 + bytes.readUInt32LE(12) + 4;
    fc.assert(
      fc.property(fc.nat(used * 8 - 1), (bit) => {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => decodeBootControl(flipped, smallLayout, 1)).toThrow(OtaError);
      }),
    );
  });

  test.each([
    { components: 1, slots: 1 },
    { components: 1, slots: 8 },
    { components: 16, slots: 8 },
  ])(
    'has room for the largest state of a device with $components components of $slots slots',
    ({ components, slots }) => {
      const many = <T>(count: number, make: (index: number) => T) =>
        Array.from({ length: count }, (_, index) => make(index));
      const digest = (index: number) => index.toString(16).padStart(64, 'f');
      const names = many(components, (index) => `component-of-a-very-long-name-${index}`.padEnd(32, 'x').slice(0, 32));
      const unique = names.map((name, index) => `${String(index).padStart(2, '0')}${name.slice(2)}`);
      const slotNames = many(slots, (index) => `slot${index}`.padEnd(16, 'x'));
      const version = '9'.repeat(256);
      const createdAt = `2026-01-01T00:00:00.${'0'.repeat(38)}+00:00`;
      const layout: Layout = {
        ...smallLayout,
        eraseBlockBytes: 64,
        components: Object.fromEntries(unique.map((name) => [name, { slots: slotNames, slotBytes: 2 ** 32 }])),
      };
      const releaseKeyids = many(64, digest);
      const releases = many(16, (index) => ({
        digest: digest(index),
        version,
        sequence: Number.MAX_SAFE_INTEGER,
        securityCounter: 2 ** 32 - 1,
        images: Object.fromEntries(unique.map((name) => [name, digest(0)])),
        versions: Object.fromEntries(unique.map((name) => [name, version])),
        createdAt,
        rollback: { allowed: false, minVersion: `1.0.0-${'x'.repeat(250)}` },
        factory: false,
      }));
      const record = { ...releases[15]!, releaseKeyids };
      const set = { release: digest(15), slots: Object.fromEntries(unique.map((name) => [name, slotNames[0]!])) };
      const image = { version, size: 2 ** 32, sha256: digest(0), release: digest(0) };
      const control = bootControl({
        sequence: 2 ** 32 - 1,
        event: { type: 'boot-attempt', time: createdAt, release: digest(0), version, reason: 'r'.repeat(4096) },
        active: set,
        trial: {
          ...set,
          intent: 'rollback',
          record,
          attemptsLeft: 255,
          timeoutSeconds: Number.MAX_SAFE_INTEGER,
          startedAt: -8.64e15,
        },
        slots: Object.fromEntries(
          unique.map((name) => [
            name,
            Object.fromEntries(physicalSlots({ slots: slotNames }).map((slot) => [slot, image])),
          ]),
        ),
        releases: [...releases.slice(0, 15), record],
        securityCounter: 2 ** 32 - 1,
        timeFloor: createdAt,
        trustRoot: { version: 999_999_999, sha256: digest(0) },
        epoch: Number.MAX_SAFE_INTEGER,
      });
      const bytes = encodeBootControl(control, layout);
      expect(bytes.length).toBeLessThanOrEqual(bootControlBytes(layout));
      expect(decodeBootControl(bytes, layout, 1)).toEqual(control);
    },
  );

  const image = bootControl().slots.modem!.main!;
  const release = bootControl().active.release;
  test.each<[string, Partial<BootControl>, string]>([
    [
      'an active slot that holds nothing',
      { slots: { modem: { main: image } } },
      'active: slot app.a holds no complete',
    ],
    ['an active set without a component', { active: { release, slots: { app: 'a' } } }, 'no slot for component modem'],
    [
      'an active release that is unknown',
      { active: { ...bootControl().active, release: digestOf('x') } },
      'lacks the active',
    ],
    ['a release twice', { releases: [...bootControl().releases, ...bootControl().releases] }, 'holds one twice'],
    [
      'a slot that is not in the layout',
      { slots: { ...bootControl().slots, modem: { main: image, b: image } } },
      'no slot b',
    ],
    [
      'a component that is not in the layout',
      { slots: { ...bootControl().slots, radio: { a: image } } },
      'no component radio',
    ],
    [
      'an image larger than its slot',
      { slots: { app: { a: { ...image, size: 4097 } }, modem: { main: image } } },
      'holds 4097',
    ],
    ['a swap of a component with two slots', { swap: { component: 'app', id: 1 } }, 'app is no component'],
    ['a swap from the future', { swap: { component: 'modem', id: 2 } }, 'began at commit 2'],
    ['a trial of another record', { trial: { ...trial(), release: digestOf('x') } }, 'of another release'],
    [
      'a trial slot that holds nothing',
      { trial: { ...trial(), slots: { app: 'b', modem: 'main' } } },
      'trial: slot app.b',
    ],
    [
      'a property that every object has',
      { active: { release, slots: { app: 'constructor', modem: 'main' } } },
      'app.constructor',
    ],
    ['a counter below zero', { securityCounter: -1 }, 'securityCounter'],
    [
      'a lowest version that is none',
      { releases: [{ ...bootControl().releases[0]!, rollback: { allowed: true, minVersion: 'zz' } }] },
      'minVersion: expected a semantic version',
    ],
    ['a first boot at no date', { trial: { ...trial(), startedAt: 8.64e15 + 1 } }, 'trial.startedAt'],
    ['a hash that is none', { trustRoot: { version: 1, sha256: 'abc' } }, 'trustRoot.sha256'],
    ['a field nobody knows', { extra: 1 } as never, 'extra'],
    ['an event of no known type', { event: { ...bootControl().event, type: 'exploded' as never } }, 'event.type'],
    [
      'seventeen releases',
      {
        releases: Array.from({ length: 17 }, (_, index) => ({
          ...bootControl().releases[0]!,
          digest: digestOf(String(index)),
        })),
      },
      'releases',
    ],
  ])('does not count, nor is it written, with %s', (_, changes, message) => {
    const control = bootControl(changes);
    const refused = expect.objectContaining({ code: 'DEVICE_STATE_LOST', message: expect.stringContaining(message) });
    expect(() => encodeBootControl(control, smallLayout)).toThrow(refused);
    expect(() => decodeBootControl(unchecked(control), smallLayout, 1)).toThrow(refused);
  });

  test('does not count in the place of the other', () => {
    const bytes = encodeBootControl(bootControl(), smallLayout);
    expect(() => decodeBootControl(bytes, smallLayout, 0)).toThrow('belongs into the other copy');
  });
});

describe('the store', () => {
  test('keeps the present state in one copy while it writes the other', async () => {
    const { fs, folder } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    const before = await readFile(folder.file('boot-control.1'));
    const store = await BootControlStore.open(fs, smallLayout, 'device');
    await store.commit(next(store, { securityCounter: 5 }));
    expect(await readFile(folder.file('boot-control.1'))).toEqual(before);
    const opened = await BootControlStore.open(fs, smallLayout, 'device');
    expect(opened.current).toEqual(store.current);
    expect(opened.copies).toEqual([
      { name: 'boot-control.0', sequence: 2 },
      { name: 'boot-control.1', sequence: 1 },
    ]);
    for (const name of BOOT_CONTROL_FILES) expect(await fs.size(name)).toBe(bootControlBytes(smallLayout));
  });

  test('goes on with the other copy when one is damaged, and refuses when both are', async () => {
    const { fs, folder } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    const store = await BootControlStore.open(fs, smallLayout, 'device');
    await store.commit(next(store));
    await writeFile(folder.file('boot-control.0'), 'damaged');
    const opened = await BootControlStore.open(fs, smallLayout, 'device');
    expect(opened.current.sequence).toBe(1);
    await opened.commit(next(opened));
    await writeFile(folder.file('boot-control.0'), '');
    await writeFile(folder.file('boot-control.1'), '');
    await using reopened = await openNodeDeviceFs(folder.path, 255);
    await expect(BootControlStore.open(reopened, smallLayout, 'device')).rejects.toMatchObject({
      code: 'DEVICE_STATE_LOST',
    });
  });

  test.each([
    [1, 2],
    [2, 1],
  ])('a copy that cannot be read %i times: commit %i holds', async (failures, sequence) => {
    const { fs } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    const store = await BootControlStore.open(fs, smallLayout, 'device');
    await store.commit(next(store));
    let left = failures;
    const read = fs.read.bind(fs);
    fs.read = async (name, ...rest) => {
      if (name === 'boot-control.0' && left-- > 0) throw new OtaError('IO_FAILED', 'bad sector');
      return await read(name, ...rest);
    };
    const opened = await BootControlStore.open(fs, smallLayout, 'device');
    expect(opened.current.sequence).toBe(sequence);
    expect(opened.copies.filter(({ problem }) => problem === 'bad sector')).toHaveLength(2 - sequence);
  });

  test('writes nothing for a state that no reader would accept', async () => {
    const { fs, folder } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    const store = await BootControlStore.open(fs, smallLayout, 'device');
    const before = await folder.state();
    const { active } = store.current;
    const empty = next(store, { active: { ...active, slots: { ...active.slots, app: 'b' } } });
    await expect(store.commit(empty)).rejects.toThrow('slot app.b holds no complete image');
    expect(await folder.state()).toEqual(before);
  });

  test('cut at any step of a commit, the state is the old one or the new one', async () => {
    const { fs } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    for (let step = 0; ; step++) {
      const cut = failingFs(fs, step);
      const store = await BootControlStore.open(cut, smallLayout, 'device');
      const { sequence } = store.current;
      const done = await store.commit(next(store, { securityCounter: step })).then(
        () => true,
        () => false,
      );
      const { current } = await BootControlStore.open(fs, smallLayout, 'device');
      if (!cut.fired) {
        expect([done, current.sequence, step]).toEqual([true, sequence + 1, 3]);
        break;
      }
      expect(done).toBe(false);
      // Nothing but the sync was missing: what the other copy says may hold or not.
      expect(step === 2 ? [sequence, sequence + 1] : [sequence]).toContain(current.sequence);
    }
  });

  test.each([0, 1, 2])('a failure of step %i leaves the old state, and ends the store', async (step) => {
    const { fs } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    const store = await BootControlStore.open(failingFs(fs, step, { forGood: false }), smallLayout, 'device');
    await expect(store.commit(next(store))).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(store.current.sequence).toBe(1);
    expect((await BootControlStore.open(fs, smallLayout, 'device')).current).toEqual(bootControl());
    await expect(store.commit(next(store))).rejects.toThrow('open the device again');
  });

  test('flash that does not hold what was written to it is noticed', async () => {
    const { fs } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    const forgetful = Object.assign(Object.create(fs) as NodeDeviceFs, {
      ...Object.fromEntries(
        (['size', 'read', 'erase', 'sync'] as const).map((name) => [name, (fs[name] as () => unknown).bind(fs)]),
      ),
      write: async () => {},
    });
    const store = await BootControlStore.open(forgetful, smallLayout, 'device');
    await expect(store.commit(next(store))).rejects.toThrow('does not hold what was written');
    expect((await BootControlStore.open(fs, smallLayout, 'device')).current.sequence).toBe(1);
  });

  test.each(BOOT_CONTROL_FILES)('no damage to %s takes back the first state, or a commit to both', async (damaged) => {
    for (const counter of [undefined, 5]) {
      const { fs, folder } = await folderFs();
      await BootControlStore.create(fs, smallLayout, bootControl());
      if (counter !== undefined) {
        const store = await BootControlStore.open(fs, smallLayout, 'device');
        expect(await store.commitToBoth(next(store, { securityCounter: counter }))).toBe(true);
        expect(store.current.sequence).toBe(3);
      }
      const { sequence: _, ...state } = (await BootControlStore.open(fs, smallLayout, 'device')).current;
      await writeFile(folder.file(damaged), 'damaged');
      expect((await BootControlStore.open(fs, smallLayout, 'device')).current).toMatchObject(state);
    }
  });

  test('a commit to both stands when the second copy cannot be written', async () => {
    const { fs } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    const store = await BootControlStore.open(failingFs(fs, 4), smallLayout, 'device');
    expect(await store.commitToBoth(next(store, { securityCounter: 5 }))).toBe(false);
    const { current } = await BootControlStore.open(fs, smallLayout, 'device');
    expect(current).toMatchObject({ sequence: 2, securityCounter: 5 });
  });

  test('takes commits one after the other only', async () => {
    const { fs } = await folderFs();
    await BootControlStore.create(fs, smallLayout, bootControl());
    const store = await BootControlStore.open(fs, smallLayout, 'device');
    await expect(store.commit({ ...store.current, sequence: 3 })).rejects.toThrow('commit 3 after 1');
    await expect(store.commit(store.current)).rejects.toThrow('commit 1 after 1');
    expect((await BootControlStore.open(fs, smallLayout, 'device')).current.sequence).toBe(1);
  });
});

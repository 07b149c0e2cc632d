import { readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import {
  BOOT_CONTROL_FILES,
  BootControlStore,
  bootControlBytes,
  decodeBootControl,
  encodeBootControl,
} from '../../../src/lib/device/boot-control-file.js';
import { type NodeDeviceFs, openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { bootControl, smallLayout } from '../../support/boot-control.js';
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
});

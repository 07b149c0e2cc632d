import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/lib/core/canonical-json.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { sha256OfAccess } from '../../../src/lib/core/sha256.js';
import type { JsonValue } from '../../../src/lib/core/strict-json.js';
import { openDevice } from '../../../src/lib/device/device.js';
import { deviceStateOf } from '../../../src/lib/device/device-state-of.js';
import { readEventLog } from '../../../src/lib/device/event-log.js';
import type { FactoryImages } from '../../../src/lib/device/factory-release.js';
import { initDevice } from '../../../src/lib/device/init.js';
import { initNodeDevice } from '../../../src/lib/device/init-node.js';
import { openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { openNodeMachine, withDeviceLock } from '../../../src/lib/device/node-machine.js';
import { slotAccess } from '../../../src/lib/device/slot-access.js';
import { openContainer } from '../../../src/lib/package/container.js';
import { parseDeviceState } from '../../../src/lib/package/device-state.js';
import { encodeTrustRoot } from '../../../src/lib/trust/root.js';
import { setRootExpiry } from '../../../src/lib/trust/root-edit.js';
import { smallLayout } from '../../support/boot-control.js';
import { deviceClock, deviceRoot, factoryImages, initSpec, releaseSigner, rootSigner } from '../../support/device.js';
import { failingFs } from '../../support/failing-fs.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { fullPayload, packageBytes, releaseMetadata } from '../../support/packages.js';
import { inAYear, inTwoYears, successorOf } from '../trust/keys.js';

const folders: TestFolder[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await folder[Symbol.asyncDispose]();
});

async function newFolder(): Promise<TestFolder> {
  const folder = await testFolder();
  folders.push(folder);
  return folder;
}

const options = { clock: deviceClock };

describe('a device made of images', () => {
  test('runs them as a confirmed release that nobody signed', async () => {
    const folder = await newFolder();
    const dir = folder.file('device');
    await initNodeDevice(dir, await initSpec({ timeFloor: '2026-05-01T00:00:00Z', memoryBytes: 65_536 }), options);
    await using machine = await openNodeMachine(dir, deviceClock);
    const device = await openDevice(machine, dir);
    const { current } = device.control;
    expect(current).toMatchObject({ sequence: 1, active: { slots: { app: 'a', modem: 'main' } }, epoch: 0 });
    expect(current.releases).toMatchObject([{ version: '1.0.0', sequence: 1, factory: true }]);
    for (const [component, slot] of Object.entries(current.active.slots)) {
      const { size, sha256 } = current.slots[component]![slot]!;
      expect(await sha256OfAccess(slotAccess(device, component, slot, size))).toBe(sha256);
      const bytes = factoryImages[component as 'app' | 'modem'];
      expect((await readFile(`${dir}/${component}.${slot}.image`)).subarray(0, bytes.length)).toEqual(bytes);
    }
    expect(await readEventLog(machine.fs)).toEqual([{ sequence: 1, ...current.event }]);
  });

  test('tells policy a state that it can read', async () => {
    const folder = await newFolder();
    const dir = folder.file('device');
    const layout = { ...smallLayout, storageBytes: 100_000 };
    await initNodeDevice(dir, await initSpec({ layout, hardwareRevision: 'C' }), options);
    await using machine = await openNodeMachine(dir, deviceClock);
    const state = await deviceStateOf(await openDevice(machine, dir));
    const json = Buffer.from(JSON.stringify(state));
    expect(parseDeviceState(json, 'state')).toEqual(JSON.parse(json.toString()));
    expect(state).toMatchObject({
      product: 'meter',
      hardwareRevision: 'C',
      freeBytes: 100_000,
      components: { app: { version: '1.0.0', slotBytes: 4096 }, modem: { slotBytes: 2048 } },
      running: { version: '1.0.0', sequence: 1 },
      history: [],
    });
  });

  test('goes on counting from where its monotonic counter is', async () => {
    const folder = await newFolder();
    await writeFile(folder.file('counter'), '41\n');
    const dir = folder.file('device');
    await initNodeDevice(dir, await initSpec({ monotonicCounter: '../counter' }), options);
    await using machine = await openNodeMachine(dir, deviceClock);
    expect((await openDevice(machine, dir)).control.current.epoch).toBe(41);
  });
});

describe('a device made of a package', () => {
  async function container({ components = ['app', 'modem'], changes = {}, roots = [] as never[] } = {}) {
    const payloads = components.map((component) =>
      fullPayload(factoryImages[component as 'app' | 'modem'], { component, version: '1.2.0' }),
    );
    const metadata = releaseMetadata(
      payloads.map(({ entry }) => entry),
      { version: '1.2.0', createdAt: '2026-04-01T00:00:00Z', ...changes },
    );
    const bytes = await packageBytes({
      metadataBytes: canonicalJson(metadata as JsonValue),
      payloads: payloads.map(({ content }) => content),
      signers: [releaseSigner],
      roots,
    });
    return await openContainer(memoryAccess(bytes, 'release.ota'));
  }

  test('keeps its metadata and signature, its counter and its time', async () => {
    const folder = await newFolder();
    const dir = folder.file('device');
    const factory = await container();
    const record = await initNodeDevice(dir, await initSpec({ factory }), options);
    expect(record).toMatchObject({ version: '1.2.0', sequence: 2, securityCounter: 1 });
    expect(record.factory).toBeUndefined();
    expect(record.releaseKeyids).toEqual([releaseSigner.publicKey.keyid]);
    expect(await readFile(`${dir}/app.a.metadata.json`)).toEqual(factory.metadataBytes);
    expect(await readFile(`${dir}/modem.main.signature.json`)).toEqual(factory.signatureBytes);
    await using machine = await openNodeMachine(dir, deviceClock);
    const { current } = (await openDevice(machine, dir)).control;
    expect(current).toMatchObject({ securityCounter: 1, timeFloor: '2026-04-01T00:00:00Z' });
  });

  test('follows the trust roots that it carries', async () => {
    const folder = await newFolder();
    const dir = folder.file('device');
    const second = await successorOf(await deviceRoot(), [setRootExpiry(inTwoYears)], [rootSigner]);
    const roots = [{ version: 2, bytes: encodeTrustRoot(second) }] as never[];
    await initNodeDevice(dir, await initSpec({ factory: await container({ roots }) }), options);
    await using machine = await openNodeMachine(dir, deviceClock);
    expect((await (await openDevice(machine, dir)).trustRoot()).signed.version).toBe(2);
  });

  test.each([
    ['another product', { changes: { product: 'pump' } }, 'ROLE_UNTRUSTED'],
    ['another model', { changes: { compatible: { models: ['M200'] } } }, 'MODEL_INCOMPATIBLE'],
    ['a part of the components', { components: ['app'] }, 'COMPONENT_MISSING'],
  ])('is refused for %s', async (_, given, code) => {
    const folder = await newFolder();
    const spec = await initSpec({ factory: await container(given) });
    await expect(initNodeDevice(folder.file('device'), spec, options)).rejects.toMatchObject({ code });
    expect(await readdir(folder.path)).toEqual([]);
  });
});

describe('init refuses and leaves nothing', () => {
  const images = (changes: Record<string, Uint8Array>): FactoryImages => ({
    images: new Map(
      Object.entries({ ...factoryImages, ...changes }).map(([component, bytes]) => [
        component,
        memoryAccess(bytes, `${component}.bin`),
      ]),
    ),
    version: '1.0.0',
    sequence: 1,
  });

  test.each([
    ['an image larger than its slot', { factory: images({ modem: Buffer.alloc(2049) }) }, 'DOES_NOT_FIT'],
    ['an empty image', { factory: images({ modem: Buffer.alloc(0) }) }, 'USAGE'],
    ['an image of no component', { factory: images({ radio: Buffer.alloc(1) }) }, 'COMPONENT_MISSING'],
    ['no product', { product: '' }, 'USAGE'],
    ['no version', { factory: { ...images({}), version: 'one' } }, 'METADATA_INVALID'],
    ['no trust root', { trustRoot: Buffer.from('{}') }, 'ROOT_INVALID'],
  ])('%s', async (_, changes, code) => {
    const folder = await newFolder();
    const spec = await initSpec(changes as never);
    await expect(initNodeDevice(folder.file('device'), spec, options)).rejects.toMatchObject({ code });
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('a trust root that nobody signed, or that has expired', async () => {
    const folder = await newFolder();
    const root = await deviceRoot();
    const unsigned = await initSpec({ trustRoot: encodeTrustRoot({ ...root, signatures: [] }) });
    const device = folder.file('device');
    await expect(initNodeDevice(device, unsigned, options)).rejects.toMatchObject({ code: 'SIGNATURE_MISSING' });
    const late = { clock: { now: () => inAYear } };
    await expect(initNodeDevice(device, await initSpec(), late)).rejects.toMatchObject({ code: 'ROOT_EXPIRED' });
    const floor = await initSpec({ timeFloor: inAYear.toISOString() });
    await expect(initNodeDevice(device, floor, options)).rejects.toMatchObject({ code: 'ROOT_EXPIRED' });
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('images that change while they are read, also of a component that is named like the lock', async () => {
    const folder = await newFolder();
    const { layout } = await initSpec();
    let reads = 0;
    const changing = memoryAccess(Buffer.alloc(1000), 'lock.bin');
    const read: typeof changing.read = async (into, position) => {
      const got = await changing.read(into, position);
      into.fill(reads++);
      return got;
    };
    const spec = await initSpec({
      layout: { ...layout, components: { lock: layout.components.app! } },
      factory: { images: new Map([['lock', { ...changing, read }]]), version: '1.0.0', sequence: 1 },
    });
    await mkdir(folder.file('device'));
    await expect(initNodeDevice(folder.file('device'), spec, options)).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(await readdir(folder.file('device'))).toEqual([]);
  });

  test('a folder that holds something', async () => {
    const folder = await newFolder();
    await mkdir(folder.file('device'));
    await writeFile(folder.file('device/letter.txt'), 'dear');
    const before = await folder.state();
    const init = initNodeDevice(folder.file('device'), await initSpec(), options);
    await expect(init).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await folder.state()).toEqual(before);
  });

  test('a second device in the folder of the first, at the same time', async () => {
    const folder = await newFolder();
    await mkdir(folder.file('device'));
    const spec = await initSpec();
    const both = [
      initNodeDevice(folder.file('device'), spec, options),
      initNodeDevice(folder.file('device'), spec, options),
    ];
    const results = await Promise.allSettled(both);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await using machine = await openNodeMachine(folder.file('device'), deviceClock);
    expect((await openDevice(machine, 'device')).control.current.sequence).toBe(1);
  });

  test('a dry run writes nothing', async () => {
    const folder = await newFolder();
    const record = await initNodeDevice(folder.file('device'), await initSpec(), { ...options, dryRun: true });
    expect(record.version).toBe('1.0.0');
    expect(await readdir(folder.path)).toEqual([]);
  });
});

describe('an init that is cut', () => {
  test('makes no device before its last step', async () => {
    const spec = await initSpec();
    for (let step = 0; ; step++) {
      const folder = await newFolder();
      await using fs = await openNodeDeviceFs(folder.path, 255);
      const cut = failingFs(fs, step);
      const init = initDevice({ fs: cut, clock: deviceClock }, spec);
      const isDone = await init.then(
        () => true,
        () => false,
      );
      expect(isDone).toBe(!cut.fired);
      const isDevice = await openDevice({ fs, clock: deviceClock }, 'device').then(
        () => true,
        () => false,
      );
      // Only the sync of the folder follows the renaming of device.json.
      expect(isDevice).toBe((await fs.list()).includes('device.json'));
      if (isDone) break;
    }
  });
});

describe('where there is no device', () => {
  test('opening and locking say how to make one, and leave nothing', async () => {
    const folder = await newFolder();
    const none = { code: 'NOT_FOUND', suggestions: ['Make a device with `ota device init`.'] };
    for (const dir of [folder.path, folder.file('absent')]) {
      await expect(openNodeMachine(dir)).rejects.toMatchObject(none);
      await expect(withDeviceLock(dir, async () => {})).rejects.toMatchObject(none);
    }
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('a device whose device.json was deleted is lost', async () => {
    const folder = await newFolder();
    await writeFile(folder.file('boot-control.0'), '');
    await expect(openNodeMachine(folder.path)).rejects.toMatchObject({ code: 'DEVICE_STATE_LOST' });
  });
});

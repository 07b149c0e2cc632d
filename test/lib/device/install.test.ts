import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { openDevice } from '../../../src/lib/device/device.js';
import { deviceStateOf } from '../../../src/lib/device/device-state-of.js';
import { installPackage } from '../../../src/lib/device/install.js';
import type { Machine } from '../../../src/lib/device/machine.js';
import { openForDevice } from '../../../src/lib/device/package-for-device.js';
import { rollbackDevice } from '../../../src/lib/device/rollback.js';
import { encodeTrustRoot } from '../../../src/lib/trust/root.js';
import { rotateKey, setRootExpiry } from '../../../src/lib/trust/root-edit.js';
import { smallLayout } from '../../support/boot-control.js';
import { deviceRoot, factoryImages, releaseSigner, rootSigner } from '../../support/device.js';
import {
  type DeviceLife,
  deltaPayload,
  newDevice,
  randomImage,
  release,
  releaseOf,
  runs,
} from '../../support/device-life.js';
import { fullPayload } from '../../support/packages.js';
import { inTwoYears, newSigner, rootOf, successorOf } from '../trust/keys.js';

/** What must be as before when something is refused before anything is written. */
async function expectRefused(life: DeviceLife, container: Uint8Array, code: string): Promise<void> {
  const state = await life.folder.state();
  await expect(life.install(container)).rejects.toMatchObject({ code });
  expect(await life.folder.state()).toEqual(state);
}

describe('an installation', () => {
  it('boots on trial and stays once it is confirmed', async () => {
    await using life = await newDevice();
    const app = randomImage(3000);
    const report = await life.install(await release(2, { app }, { createdAt: '2026-05-30T00:00:00Z' }));
    expect(report).toEqual({
      outcome: 'installed',
      release: expect.stringMatching(/^[0-9a-f]{64}$/),
      version: '2.0.0',
      components: [
        {
          component: 'app',
          slot: 'b',
          target: expect.objectContaining({ version: '2.0.0', size: 3000 }),
          file: 'app-full.full',
          fullFallback: false,
          unchanged: false,
          writtenBytes: 3000,
          skippedBytes: 0,
        },
      ],
      attempts: 3,
      timeoutSeconds: 600,
    });
    expect((await life.boot()).booted).toMatchObject({ onTrial: true, images: runs({ app }) });
    expect(await life.confirm()).toEqual({
      release: report.release,
      version: '2.0.0',
      securityCounter: 0,
      counterRaised: false,
      intent: 'install',
    });
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, version: '2.0.0', images: runs({ app }) });
    expect(await life.control()).toMatchObject({ timeFloor: '2026-05-30T00:00:00Z', epoch: 1 });
    await expect(life.confirm()).rejects.toMatchObject({ code: 'CONFIRM_REFUSED' });
  });

  it('takes attempts and time from the package, else from the layout', async () => {
    await using life = await newDevice();
    const confirm = { bootAttempts: 7, timeoutSeconds: 11 };
    expect(await life.install(await release(2, { app: randomImage(9) }, { confirm }))).toMatchObject({
      attempts: 7,
      timeoutSeconds: 11,
    });
  });

  it('stores the security counter only when it is confirmed', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { app: randomImage(3000) }, { securityCounter: 5 }));
    await life.boot();
    expect((await life.control()).securityCounter).toBe(0);
    expect(await life.confirm()).toMatchObject({ securityCounter: 5, counterRaised: true });
    await expectRefused(life, await release(3, { app: randomImage(3000) }, { securityCounter: 4 }), 'COUNTER_ROLLBACK');
  });

  it('keeps the components that a package does not bring, and the slots of those that stay the same', async () => {
    await using life = await newDevice();
    const [app, modem] = [randomImage(3000), randomImage(1500)];
    await life.update(await release(2, { app }));
    const report = await life.install(await release(3, { app, modem }));
    expect(report.components).toMatchObject([
      { component: 'app', slot: 'b', unchanged: true, writtenBytes: 0 },
      { component: 'modem', slot: 'staging', unchanged: false },
    ]);
    expect((await life.boot()).booted.images).toEqual(runs({ app, modem }));
    await life.confirm();
    expect((await life.control()).active.slots).toEqual({ app: 'b', modem: 'main' });
  });

  it('of nothing but what runs already still goes on trial as a release of its own', async () => {
    await using life = await newDevice();
    expect((await life.install(await release(2, factoryImages))).components).toMatchObject([
      { unchanged: true },
      { unchanged: true },
    ]);
    expect((await life.boot('hangs')).booted).toMatchObject({ onTrial: true, version: '2.0.0', images: runs() });
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, version: '1.0.0', images: runs() });
  });

  it('applies deltas to the images that run', async () => {
    await using life = await newDevice();
    const app = Buffer.concat([factoryImages.app.subarray(100, 3900), randomImage(50)]);
    const delta = await deltaPayload(factoryImages.app, app);
    await life.update(await releaseOf(2, [delta, fullPayload(app)]));
    expect((await life.boot()).booted.images).toEqual(runs({ app }));
    const modem = randomImage(1200);
    const stranger = await deltaPayload(randomImage(700), modem, { component: 'modem', version: '3.0.0' });
    const full = fullPayload(modem, { component: 'modem', version: '3.0.0' });
    const package3 = await releaseOf(3, [stranger, full]);
    await expect(life.install(package3, { noFullFallback: true })).rejects.toMatchObject({
      code: 'FULL_FALLBACK_FORBIDDEN',
    });
    expect((await life.install(package3)).components).toMatchObject([{ component: 'modem', fullFallback: true }]);
  });

  it('never takes the slot of the fallback where another is free', async () => {
    const app = { slots: ['a', 'b', 'c'], slotBytes: 4096 };
    await using life = await newDevice({
      layout: { ...smallLayout, components: { ...smallLayout.components, app } },
    });
    const slotOf = async (sequence: number) => {
      const report = await life.install(await release(sequence, { app: randomImage(3000) }));
      return report.components[0]!.slot;
    };
    expect(await slotOf(2)).toBe('b');
    await life.boot('hangs');
    await life.boot();
    expect(await slotOf(3)).toBe('c'); // an empty one rather than one that may be offered again
    await life.boot();
    await life.confirm();
    expect(await slotOf(4)).toBe('b'); // what was reverted, not the factory's
    await life.boot();
    await life.confirm();
    expect(await slotOf(5)).toBe('a'); // the oldest
  });
});

describe('installing again', () => {
  it('changes nothing where the release runs, or is to boot next', async () => {
    await using life = await newDevice();
    const second = await release(2, { app: randomImage(3000) });
    await life.install(second);
    const pending = await life.folder.state();
    expect(await life.install(second)).toMatchObject({ outcome: 'already-installed', components: [], attempts: 3 });
    expect(await life.folder.state()).toEqual(pending);
    await life.boot();
    await life.confirm();
    const running = await life.folder.state();
    expect(await life.install(second)).toMatchObject({ outcome: 'already-running', components: [] });
    expect(Object.keys(await life.folder.state())).toEqual(Object.keys(running));
  });

  it('repairs a release that is to boot next and was damaged meanwhile', async () => {
    await using life = await newDevice();
    const app = randomImage(3000);
    const second = await release(2, { app });
    await life.install(second);
    const bytes = await readFile(life.folder.file('app.b.image'));
    bytes[2000]! ^= 1;
    await writeFile(life.folder.file('app.b.image'), bytes);
    expect(await life.install(second)).toMatchObject({
      outcome: 'installed',
      components: [{ writtenBytes: 256, skippedBytes: 2744 }],
    });
    expect((await life.boot()).booted).toMatchObject({ onTrial: true, images: runs({ app }) });
  });

  it('goes on where it was interrupted, without writing a block twice', async () => {
    const components = {
      app: { slots: ['a', 'b'], slotBytes: 2 ** 20 },
      modem: { slots: ['main'], slotBytes: 4096 },
    };
    await using life = await newDevice({ layout: { ...smallLayout, eraseBlockBytes: 4096, components } });
    const app = randomImage(900_000);
    const second = await release(2, { app });
    const abort = new AbortController();
    const interrupted = life.install(second, {
      signal: abort.signal,
      onBytes: (done) => {
        if (done > 600_000) abort.abort(new OtaError('INTERRUPTED', 'enough'));
      },
    });
    await expect(interrupted).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, images: runs() });
    const [component] = (await life.install(second)).components;
    expect(component!.skippedBytes).toBeGreaterThan(500_000);
    expect(component!.writtenBytes + component!.skippedBytes).toBe(900_000);
    expect((await life.boot()).booted.images).toEqual(runs({ app }));
  });

  it('takes the place of a release that has not booted', async () => {
    await using life = await newDevice();
    const app = randomImage(2500);
    await life.install(await release(2, { app: randomImage(3000), modem: randomImage(1000) }));
    await life.install(await release(3, { app }));
    expect(await life.boot()).toMatchObject({ booted: { version: '3.0.0', images: runs({ app }) }, swapped: [] });
  });
});

it('counts an image that comes unchanged under a new version as of that version, also after a rollback', async () => {
  await using life = await newDevice();
  const dependsOn = [{ component: 'modem', range: '>=2' }];
  await life.update(await release(2, { app: randomImage(3000), modem: factoryImages.modem }));
  await life.update(await release(3, { app: randomImage(2000) }, { dependsOn }));
  const versions = async () => {
    const { components } = await deviceStateOf(await openDevice(life.machine, 'device'));
    return Object.fromEntries(Object.entries(components).map(([name, { version }]) => [name, version]));
  };
  expect(await versions()).toEqual({ app: '3.0.0', modem: '2.0.0' });
  await rollbackDevice(life.machine, { name: 'device' });
  await life.boot();
  await life.confirm();
  expect(await versions()).toEqual({ app: '2.0.0', modem: '2.0.0' });
});

describe('an installation is refused', () => {
  it('while a release is on trial, and while images wait to be exchanged back', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { modem: randomImage(1000) }));
    await life.boot();
    const third = await release(3, { app: randomImage(3000) });
    await expectRefused(life, third, 'UPDATE_PENDING');
    await life.confirm();
    await life.install(third);
  });

  it('for what policy forbids, before anything is written', async () => {
    await using life = await newDevice();
    await life.update(await release(5, { app: randomImage(3000) }));
    const app = randomImage(3001);
    await expectRefused(life, await release(4, { app }), 'SEQUENCE_ROLLBACK');
    await expectRefused(life, await release(5, { app }), 'SEQUENCE_CONFLICT');
    await expectRefused(life, await release(6, { app }, { product: 'car' }), 'ROLE_UNTRUSTED');
    await expectRefused(life, await release(6, { app }, { compatible: { models: ['X'] } }), 'MODEL_INCOMPATIBLE');
    await expectRefused(life, await release(6, { app }, { expiresAt: '2026-05-31T00:00:00Z' }), 'PACKAGE_EXPIRED');
    await expectRefused(life, await release(6, { app: randomImage(4097) }), 'DOES_NOT_FIT');
    await expectRefused(life, await release(6, { gps: app }), 'COMPONENT_MISSING');
    const dependsOn = [{ component: 'modem', range: '>=2' }];
    await expectRefused(life, await release(6, { app }, { dependsOn }), 'DEPENDENCY_UNMET');
    await expectRefused(life, await release(6, { app }, { signers: [newSigner()] }), 'KEY_UNTRUSTED');
    await life.install(
      await release(6, { app, modem: randomImage(900) }, { dependsOn: [{ component: 'modem', range: '>=2' }] }),
    );
  });

  it("by the device's time floor where its clock was set back", async () => {
    await using life = await newDevice({ timeFloor: '2026-08-01T00:00:00Z' });
    await expectRefused(
      life,
      await release(2, { app: randomImage(10) }, { expiresAt: '2026-07-01T00:00:00Z' }),
      'PACKAGE_EXPIRED',
    );
  });

  it('under a trust root that had expired by then', async () => {
    await using life = await newDevice();
    life.wait((inTwoYears.getTime() - Date.parse('2026-06-01T00:00:00Z')) / 1000);
    await expectRefused(life, await release(2, { app: randomImage(10) }), 'ROOT_EXPIRED');
  });

  it('when it says that it was created after its trust root expired: that must not become the time floor', async () => {
    await using life = await newDevice();
    const { expiresAt } = (await deviceRoot()).signed;
    const second = await release(2, { app: randomImage(10) }, { createdAt: expiresAt });
    await expectRefused(life, second, 'ROOT_EXPIRED');
  });

  it('for a payload that was altered, before anything is written', async () => {
    await using life = await newDevice();
    const app = randomImage(3000);
    const container = await release(2, { app });
    container[container.indexOf(app) + 2999]! ^= 1;
    await expectRefused(life, container, 'PAYLOAD_MISMATCH');
  });

  it('when the image that a delta applies to is damaged', async () => {
    await using life = await newDevice();
    const package2 = await releaseOf(2, [await deltaPayload(factoryImages.app, randomImage(3000))]);
    const bytes = await readFile(life.folder.file('app.a.image'));
    bytes[3999]! ^= 1;
    await writeFile(life.folder.file('app.a.image'), bytes);
    await expectRefused(life, package2, 'BASE_MISMATCH');
  });

  it('when a patch does not make the signed image: the slot is not bootable then, and what ran boots', async () => {
    await using life = await newDevice();
    const patch = await deltaPayload(factoryImages.app, randomImage(3000), { becomes: randomImage(3000) });
    await expect(life.install(await releaseOf(2, [patch]))).rejects.toMatchObject({ code: 'TARGET_MISMATCH' });
    const { slots, trial } = await life.control();
    expect(slots.app).not.toHaveProperty('b');
    expect(trial).toBeUndefined();
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, images: runs() });
  });

  it('when flash does not hold what was written to it', async () => {
    await using life = await newDevice();
    const good = life.machine.fs;
    life.machine.fs = new Proxy(good, {
      get: (target, method: keyof typeof good) =>
        method === 'write'
          ? async (name: string, position: number, bytes: Uint8Array) => {
              const stuck = Uint8Array.from(bytes);
              if (name === 'app.b.image' && position === 512) stuck[3]! |= 1;
              await target.write(name, position, stuck);
            }
          : target[method].bind(target),
    });
    const app = Buffer.alloc(3000, 6);
    await expect(life.install(await release(2, { app }))).rejects.toMatchObject({
      code: 'IO_FAILED',
      message: expect.stringContaining('slot b reads back'),
    });
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, images: runs() });
  });
});

describe('a dry run', () => {
  it('applies everything in memory and writes nothing', async () => {
    await using life = await newDevice();
    const good = await releaseOf(2, [await deltaPayload(factoryImages.app, randomImage(3000))]);
    const bad = await releaseOf(2, [
      await deltaPayload(factoryImages.app, randomImage(3000), { becomes: randomImage(3000) }),
    ]);
    const state = await life.folder.state();
    const seen: [number, number][] = [];
    const onBytes = (done: number, total: number) => seen.push([done, total]);
    expect(await life.install(good, { dryRun: true, onBytes })).toMatchObject({ outcome: 'installed' });
    expect(seen.at(-1)).toEqual([3000, 3000]);
    await expect(life.install(bad, { dryRun: true })).rejects.toMatchObject({ code: 'TARGET_MISMATCH' });
    expect(await life.folder.state()).toEqual(state);
  });
});

describe('the trust root of a device', () => {
  it('is followed through a package, taken over with its activation, and the old one goes later', async () => {
    await using life = await newDevice();
    const successor = newSigner();
    const root2 = await successorOf(
      await deviceRoot(),
      [rotateKey(releaseSigner.publicKey.keyid, successor.publicKey), setRootExpiry(inTwoYears)],
      [rootSigner],
    );
    const roots = [{ version: 2, bytes: encodeTrustRoot(root2) }];
    const options = { signers: [successor], roots };
    const bad = await releaseOf(
      2,
      [await deltaPayload(factoryImages.app, randomImage(3000), { becomes: randomImage(3000) })],
      options,
    );
    await expect(life.install(bad)).rejects.toMatchObject({ code: 'TARGET_MISMATCH' });
    expect((await life.control()).trustRoot.version).toBe(1);
    await life.update(await release(3, { app: randomImage(3000) }, options));
    expect((await life.control()).trustRoot.version).toBe(2);
    expect(await (await openDevice(life.machine, 'device')).trustRoot()).toMatchObject({ signed: root2.signed });
    await expectRefused(life, await release(4, { app: randomImage(100) }), 'KEY_UNTRUSTED');
    await life.install(await release(4, { app: randomImage(100) }, { signers: [successor] }));
    const kept = (await life.machine.fs.list()).filter((name) => name.startsWith('trust-root.'));
    expect(kept).toEqual(['trust-root.2.json']);
  });

  it('ends a fast-forward for good, even when the device has to fall back to the release that did it', async () => {
    await using life = await newDevice();
    const successor = newSigner();
    const root = await successorOf(
      await deviceRoot(),
      [rotateKey(releaseSigner.publicKey.keyid, successor.publicKey)],
      [rootSigner],
    );
    const signers = [successor];
    const roots = [{ version: 2, bytes: encodeTrustRoot(root) }];
    const highest = { sequence: Number.MAX_SAFE_INTEGER, securityCounter: 2 ** 32 - 1 };
    await life.update(await release(9, { app: randomImage(3000) }, highest));
    await life.update(await release(3, { app: randomImage(3000) }, { signers, roots }));
    const { active } = await life.control();
    await life.machine.fs.write(`app.${active.slots.app}.image`, 0, Buffer.alloc(16));
    expect(await life.boot()).toMatchObject({ booted: { version: '9.0.0' }, fellBack: { version: '3.0.0' } });
    await life.update(await release(3, { app: randomImage(3000) }, { signers }));
    expect((await life.boot()).booted.version).toBe('3.0.0');
    await expectRefused(life, await release(2, { app: randomImage(100) }, { signers }), 'SEQUENCE_ROLLBACK');
  });

  it('must be the one that the package was judged by', async () => {
    await using life = await newDevice();
    const opened = await openForDevice(life.machine, 'd', memoryAccess(await release(2, { app: randomImage(9) }), 'p'));
    const judgedUnder = { version: 1, sha256: '0'.repeat(64) };
    const state = await life.folder.state();
    const request = { name: 'd', package: { ...opened, judgedUnder } };
    await expect(installPackage(life.machine, request)).rejects.toMatchObject({ code: 'UPDATE_PENDING' });
    expect(await life.folder.state()).toEqual(state);
  });

  it('lets test keys count only on a device that was made with them, or when somebody says so', async () => {
    const tester = newSigner({ isTest: true });
    const root = encodeTrustRoot(await rootOf({ root: [tester], release: [tester] }));
    await using demo = await newDevice({ trustRoot: root, allowTestKeys: true });
    const second = await release(2, { app: randomImage(100) }, { signers: [tester] });
    expect(await demo.install(second)).toMatchObject({ outcome: 'installed' });

    const mixed = encodeTrustRoot(await rootOf({ root: [rootSigner], release: [tester] }));
    await using field = await newDevice({ trustRoot: mixed });
    await expectRefused(field, second, 'KEY_IS_TEST');
    const source = memoryAccess(second, 'second.ota');
    const opened = await openForDevice(field.machine, 'd', source, { allowTestKeys: true });
    expect(opened.pkg.metadata.version).toBe('2.0.0');
  });
});

describe('a monotonic counter', () => {
  function counted(): { machine: Partial<Machine>; value: () => number; break: (broken: boolean) => void } {
    let value = 0;
    let broken = false;
    const counter = {
      read: async () => value,
      raise: async (to: number) => {
        if (broken) throw new OtaError('IO_FAILED', 'the counter does not answer');
        expect(to).toBe(value + 1);
        value = to;
      },
    };
    return {
      machine: { counter },
      value: () => value,
      break: (now) => {
        broken = now;
      },
    };
  }

  it('rises with each confirmation, so that older files are recognised', async () => {
    const { machine, value } = counted();
    await using life = await newDevice({}, machine);
    const files = await Promise.all(
      (await life.machine.fs.list()).map(async (name) => [name, await readFile(life.folder.file(name))] as const),
    );
    await life.update(await release(2, { app: randomImage(100) }));
    expect(value()).toBe(1);
    for (const [name, bytes] of files) await writeFile(life.folder.file(name), bytes);
    await expect(life.boot()).rejects.toMatchObject({ code: 'DEVICE_STATE_ROLLED_BACK' });
  });

  it('that could not be raised is raised before the next change', async () => {
    const counter = counted();
    await using life = await newDevice({}, counter.machine);
    await life.install(await release(2, { app: randomImage(100) }));
    await life.boot();
    counter.break(true);
    await expect(life.confirm()).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect((await life.boot()).booted).toMatchObject({ version: '2.0.0', onTrial: false });
    const third = await release(3, { app: randomImage(100) });
    await expectRefused(life, third, 'IO_FAILED');
    counter.break(false);
    await life.install(third);
    expect(counter.value()).toBe(1);
  });
});

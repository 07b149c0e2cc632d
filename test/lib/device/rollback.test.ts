import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { type RollbackRequest, rollbackDevice } from '../../../src/lib/device/rollback.js';
import { parseDeviceState } from '../../../src/lib/package/device-state.js';
import { encodeTrustRoot } from '../../../src/lib/trust/root.js';
import { rotateKey } from '../../../src/lib/trust/root-edit.js';
import { smallLayout } from '../../support/boot-control.js';
import { deviceRoot, releaseSigner, rootSigner } from '../../support/device.js';
import { type DeviceLife, failing, newDevice, randomImage, release, runs } from '../../support/device-life.js';
import { newSigner, successorOf } from '../trust/keys.js';

const rollBack = ({ machine }: DeviceLife, request: Partial<RollbackRequest> = {}) =>
  rollbackDevice(machine, { name: 'the device', ...request });

const fourSlots = {
  layout: {
    ...smallLayout,
    components: {
      app: { slots: ['a', 'b', 'c', 'd'], slotBytes: 4096 },
      modem: { slots: ['x', 'y'], slotBytes: 2048 },
    },
  },
};

describe('a rollback', () => {
  it('puts the release before on trial, keeps the state of before, and is confirmed like any other', async () => {
    await using life = await newDevice();
    const app = randomImage(3000);
    await life.update(await release(2, { app }));
    const report = await rollBack(life);
    expect(report).toMatchObject({
      outcome: 'installed',
      version: '1.0.0',
      from: { version: '2.0.0' },
      snapshot: 'snapshot.1.json',
      rejected: [],
      components: [
        { component: 'app', slot: 'a', unchanged: true, writtenBytes: 0 },
        { component: 'modem', slot: 'main', unchanged: true },
      ],
    });
    const snapshot = parseDeviceState(await readFile(life.folder.file('snapshot.1.json')), 'snapshot');
    expect(snapshot.running).toMatchObject({ version: '2.0.0' });
    expect(await rollBack(life)).toMatchObject({ outcome: 'already-installed', version: '1.0.0' });
    expect((await life.boot()).booted).toMatchObject({ onTrial: true, version: '1.0.0', images: runs() });
    expect(await life.confirm()).toMatchObject({ intent: 'rollback', counterRaised: false });
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, version: '1.0.0', images: runs() });
    // The release that was left can be installed again.
    await life.update(await release(2, { app }));
    expect((await life.boot()).booted.images).toEqual(runs({ app }));
  });

  it('that is not confirmed leads back to what ran', async () => {
    await using life = await newDevice();
    const modem = randomImage(1500);
    await life.update(await release(2, { modem }));
    await rollBack(life);
    expect(await life.boot('hangs')).toMatchObject({ swapped: ['modem'], booted: { images: runs() } });
    expect(await life.boot()).toMatchObject({
      swapped: ['modem'],
      booted: { version: '2.0.0', images: runs({ modem }) },
    });
  });

  it('returns all components to what they were, also those that the newer releases did not bring', async () => {
    await using life = await newDevice(fourSlots);
    const [app2, modem3] = [randomImage(3000), randomImage(1500)];
    await life.update(await release(2, { app: app2 }));
    await life.update(await release(3, { modem: modem3 }));
    await rollBack(life);
    expect((await life.boot()).booted).toMatchObject({ version: '2.0.0', images: runs({ app: app2 }) });
    await life.confirm();
    await rollBack(life);
    expect((await life.boot()).booted).toMatchObject({ version: '1.0.0', images: runs() });
  });

  it('takes the newest that is possible and says why not the others', async () => {
    await using life = await newDevice(fourSlots);
    await life.update(await release(2, { app: randomImage(3000) }, { compatible: { models: ['M100'] } }));
    await life.update(
      await release(3, { app: randomImage(3100) }, { rollback: { allowed: true, minVersion: '1.0.0' } }),
    );
    const bytes = await readFile(life.folder.file('app.b.image'));
    bytes[7]! ^= 1;
    await writeFile(life.folder.file('app.b.image'), bytes);
    expect(await rollBack(life)).toMatchObject({
      version: '1.0.0',
      rejected: [
        { version: '2.0.0', code: 'NO_ROLLBACK_TARGET', reason: expect.stringContaining('slot b is damaged') },
      ],
    });
  });

  it('writes nothing where it is only tried', async () => {
    await using life = await newDevice();
    await life.update(await release(2, { app: randomImage(3000) }));
    const state = await life.folder.state();
    const report = await rollBack(life, { dryRun: true });
    expect(report).toMatchObject({ version: '1.0.0', outcome: 'installed' });
    expect(report).not.toHaveProperty('snapshot');
    expect(await life.folder.state()).toEqual(state);
  });

  it('keeps the newest sixteen snapshots', async () => {
    await using life = await newDevice();
    await life.update(await release(2, { app: randomImage(3000) }));
    for (let round = 0; round < 18; round++) {
      await rollBack(life);
      await life.boot('hangs');
      await life.boot();
    }
    const snapshots = (await life.machine.fs.list()).filter((name) => name.startsWith('snapshot.'));
    expect(snapshots).toHaveLength(16);
    expect(snapshots).toContain('snapshot.18.json');
    expect(snapshots).not.toContain('snapshot.2.json');
  });
});

describe('a rollback with a package', () => {
  it('brings back a release whose slot was needed, of as many components as are missing', async () => {
    await using life = await newDevice();
    const images2 = { app: randomImage(3000), modem: randomImage(1500) };
    const second = await release(2, images2);
    await life.update(second);
    await life.update(await release(3, { app: randomImage(3100) }));
    await life.update(
      await release(4, { app: randomImage(3200) }, { rollback: { allowed: true, minVersion: '1.0.0' } }),
    );
    const missing = await rollBack(life, { dryRun: true });
    expect(missing.version).toBe('3.0.0');
    await life.machine.fs.write('app.a.image', 0, Buffer.alloc(16)); // release 3 is damaged
    await expect(rollBack(life)).rejects.toMatchObject({
      code: 'NO_ROLLBACK_TARGET',
      message: expect.stringMatching(/3\.0\.0: component app: slot a is damaged.*2\.0\.0: its /),
    });
    const report = await rollBack(life, { packages: [memoryAccess(second, 'second.ota')] });
    expect(report).toMatchObject({
      version: '2.0.0',
      components: [
        { component: 'app', unchanged: false, writtenBytes: 3000 },
        { component: 'modem', unchanged: true },
      ],
    });
    expect((await life.boot()).booted).toMatchObject({ version: '2.0.0', images: runs(images2) });
  });

  it('takes over the trust root that the package was judged by, also where no image is written', async () => {
    await using life = await newDevice();
    const successor = newSigner();
    const root = await successorOf(
      await deviceRoot(),
      [rotateKey(releaseSigner.publicKey.keyid, successor.publicKey)],
      [rootSigner],
    );
    const images = { app: randomImage(3000) };
    await life.update(await release(2, images));
    await life.update(await release(3, { app: randomImage(3000) }));
    const roots = [{ version: 2, bytes: encodeTrustRoot(root) }];
    const again = await release(2, images, { signers: [successor], roots });
    expect(await rollBack(life, { packages: [memoryAccess(again, 'again.ota')] })).toMatchObject({
      version: '2.0.0',
      components: [{ component: 'app', unchanged: true }, { component: 'modem' }],
    });
    await life.boot();
    await life.confirm();
    expect((await life.control()).trustRoot.version).toBe(2);
    // Under root 1 the floors would be void for whoever holds the key that was retired.
    await expect(life.install(await release(1, { app: randomImage(50) }))).rejects.toMatchObject({
      code: 'KEY_UNTRUSTED',
    });
  });

  it('does not take one that the device never ran', async () => {
    await using life = await newDevice();
    await life.update(await release(3, { app: randomImage(3100), modem: randomImage(900) }));
    await life.update(
      await release(4, { app: randomImage(3100), modem: randomImage(900) }, { rollback: { allowed: false } }),
    );
    const stranger = await release(2, { app: randomImage(2000) });
    const state = await life.folder.state();
    await expect(rollBack(life, { packages: [memoryAccess(stranger, 'second.ota')] })).rejects.toMatchObject({
      code: 'NO_ROLLBACK_TARGET',
      message: expect.stringContaining('2.0.0: the device never ran this release'),
    });
    expect(await life.folder.state()).toEqual(state);
  });
});

describe('a rollback is refused', () => {
  async function refusal(life: DeviceLife): Promise<{ code: string; message: string }> {
    const state = await life.folder.state();
    const error = await rollBack(life).catch((thrown: unknown) => thrown);
    expect(await life.folder.state()).toEqual(state);
    return error as { code: string; message: string };
  }

  it('where nothing ran before', async () => {
    await using life = await newDevice();
    expect(await refusal(life)).toMatchObject({
      code: 'NO_ROLLBACK_TARGET',
      message: expect.stringContaining('ran nothing before release 1.0.0'),
    });
  });

  it('where the running release does not allow it, or not so far', async () => {
    for (const rollback of [{ allowed: false }, { allowed: true, minVersion: '1.5.0' }, undefined]) {
      await using life = await newDevice();
      await life.update(await release(2, { app: randomImage(3000) }, { rollback }));
      expect(await refusal(life)).toMatchObject({
        code: 'NO_ROLLBACK_TARGET',
        message: expect.stringMatching(/allow/),
      });
    }
  });

  it('by a disk that fails, which says nothing about the releases on it', async () => {
    await using life = await newDevice();
    await life.update(await release(2, { app: randomImage(3000) }));
    life.machine.fs = failing(life.machine.fs, (method, name) => method === 'read' && name === 'app.a.metadata.json');
    expect(await refusal(life)).toMatchObject({ code: 'IO_FAILED' });
  });

  it('below the stored security counter', async () => {
    await using life = await newDevice();
    await life.update(await release(2, { app: randomImage(3000) }, { securityCounter: 1 }));
    expect((await refusal(life)).message).toMatch('security counter 0 is below 1');
  });

  it('while another release is on trial', async () => {
    await using life = await newDevice();
    await life.update(await release(2, { app: randomImage(3000) }));
    await life.install(await release(3, { app: randomImage(3100) }));
    await life.boot();
    expect(await refusal(life)).toMatchObject({ code: 'UPDATE_PENDING' });
  });

  it('where the present root no longer trusts who signed it', async () => {
    await using life = await newDevice();
    const successor = newSigner();
    await life.update(await release(2, { app: randomImage(3000) }));
    const root = await successorOf(
      await deviceRoot(),
      [rotateKey(releaseSigner.publicKey.keyid, successor.publicKey)],
      [rootSigner],
    );
    const roots = [{ version: 2, bytes: encodeTrustRoot(root) }];
    await life.update(
      await release(
        3,
        { app: randomImage(3100) },
        { signers: [successor], roots, rollback: { allowed: true, minVersion: '1.5.0' } },
      ),
    );
    expect((await refusal(life)).message).toMatch(/ 2\.0\.0: signed by [0-9a-f]{64}, expected 1 of 1 trusted keys/);
  });
});

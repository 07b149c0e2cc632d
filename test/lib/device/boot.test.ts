import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { DeviceFs } from '../../../src/lib/device/device-fs.js';
import { readEventLog } from '../../../src/lib/device/event-log.js';
import { smallLayout } from '../../support/boot-control.js';
import { factoryImages } from '../../support/device.js';
import { type DeviceLife, failing, newDevice, randomImage, release, runs } from '../../support/device-life.js';

const threeSlots = {
  layout: {
    ...smallLayout,
    components: { ...smallLayout.components, app: { slots: ['a', 'b', 'c'], slotBytes: 4096 } },
  },
};

/** Flips one bit of a file of the device. */
async function damage({ folder }: DeviceLife, file: string, at = 1000): Promise<void> {
  const bytes = await readFile(folder.file(file));
  bytes[at]! ^= 4;
  await writeFile(folder.file(file), bytes);
}

async function events({ machine }: DeviceLife): Promise<string[]> {
  return (await readEventLog(machine.fs)).map(({ type }) => type);
}

const WRITES: (keyof DeviceFs)[] = ['write', 'erase', 'truncate', 'sync', 'rename', 'remove', 'syncDirectory'];

describe('booting a confirmed release', () => {
  it('writes nothing, however its firmware behaves', async () => {
    await using life = await newDevice();
    const before = await life.folder.state();
    for (const behaviour of ['good', 'fails', 'hangs'] as const) {
      expect(await life.boot(behaviour)).toEqual({
        booted: expect.objectContaining({ version: '1.0.0', images: runs(), onTrial: false }),
        behaviour,
        swapped: [],
      });
    }
    expect(await life.folder.state()).toEqual(before);
  });

  it('falls back to the newest older one that is whole, once, when an image is damaged', async () => {
    await using life = await newDevice(threeSlots);
    const [app2, app3] = [randomImage(3000), randomImage(3500)];
    await life.update(await release(2, { app: app2 }));
    await life.update(await release(3, { app: app3 }));
    await damage(life, 'app.c.image');
    const report = await life.boot();
    expect(report).toMatchObject({
      fellBack: { version: '3.0.0', reason: expect.stringContaining('slot c is damaged') },
      booted: { version: '2.0.0', onTrial: false, images: runs({ app: app2 }) },
    });
    expect(await life.boot()).not.toHaveProperty('fellBack');
    expect((await events(life)).filter((type) => type === 'fell-back')).toHaveLength(1);

    await damage(life, 'app.b.image');
    expect(await life.boot()).toMatchObject({ fellBack: { version: '2.0.0' }, booted: { images: runs() } });
    await damage(life, 'app.a.image');
    const state = await life.folder.state();
    await expect(life.boot()).rejects.toMatchObject({ code: 'DEVICE_UNBOOTABLE' });
    expect(await life.folder.state()).toEqual(state);
  });

  it('never falls back below the stored security counter', async () => {
    await using life = await newDevice();
    await life.update(await release(2, { app: randomImage(3000) }, { securityCounter: 7 }));
    await damage(life, 'app.b.image');
    await expect(life.boot()).rejects.toMatchObject({ code: 'DEVICE_UNBOOTABLE' });
  });

  it('brings the fallback of a component with one slot into place', async () => {
    await using life = await newDevice();
    const modem = randomImage(1800);
    await life.update(await release(2, { modem }));
    await damage(life, 'modem.main.image');
    expect(await life.boot()).toMatchObject({ swapped: ['modem'], booted: { version: '1.0.0', images: runs() } });
    expect((await readFile(life.folder.file('modem.main.image'))).subarray(0, 2048)).toEqual(factoryImages.modem);
  });
});

describe('a release on trial', () => {
  it('is given up after its attempts, exactly once, and can be offered again', async () => {
    await using life = await newDevice();
    const app = randomImage(3000);
    const second = await release(2, { app });
    await life.install(second);
    for (const attemptsLeft of [2, 1, 0]) {
      expect((await life.boot('fails')).booted).toMatchObject({ onTrial: true, attemptsLeft, images: runs({ app }) });
    }
    expect(await life.boot()).toMatchObject({
      reverted: { version: '2.0.0', reason: 'not confirmed, and no boot attempts are left' },
      booted: { version: '1.0.0', onTrial: false, images: runs() },
    });
    expect(await life.boot()).not.toHaveProperty('reverted');
    expect((await events(life)).filter((type) => type === 'reverted')).toHaveLength(1);
    expect(await life.control()).toMatchObject({ securityCounter: 0, epoch: 0 });

    const again = await life.install(second);
    expect(again).toMatchObject({ outcome: 'installed', components: [{ writtenBytes: 0, skippedBytes: 3000 }] });
    await life.boot();
    await life.confirm();
    expect((await life.boot()).booted).toMatchObject({ version: '2.0.0', onTrial: false });
  });

  it('is given up by the watchdog at once when it hangs', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { app: randomImage(3000) }));
    expect(await life.boot('hangs')).toMatchObject({ booted: { onTrial: true }, behaviour: 'hangs' });
    await expect(life.confirm()).rejects.toMatchObject({ code: 'CONFIRM_REFUSED' });
    expect(await life.boot()).toMatchObject({ reverted: { reason: expect.stringContaining('watchdog') } });
    expect(await events(life)).toEqual([
      'initialised',
      'installing',
      'activated',
      'boot-attempt',
      'watchdog',
      'reverted',
    ]);
  });

  it('is given up when its time is over, and then cannot be confirmed', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { app: randomImage(3000) }, { confirm: { timeoutSeconds: 30 } }));
    life.wait(1000); // before the first boot no time counts
    expect((await life.boot()).booted.onTrial).toBe(true);
    life.wait(31);
    const state = await life.folder.state();
    await expect(life.confirm()).rejects.toMatchObject({ code: 'CONFIRM_REFUSED' });
    expect(await life.folder.state()).toEqual(state);
    expect(await life.boot()).toMatchObject({ reverted: { reason: expect.stringContaining('30 seconds') } });
  });

  it('is not confirmed when its image was damaged after it booted: its counter would lock out all others', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { app: randomImage(3000) }, { securityCounter: 3 }));
    await life.boot();
    await damage(life, 'app.b.image');
    const before = await life.folder.state();
    await expect(life.confirm()).rejects.toMatchObject({
      code: 'CONFIRM_REFUSED',
      message: expect.stringContaining('slot b is damaged'),
    });
    expect(await life.folder.state()).toEqual(before);
    expect(await life.boot()).toMatchObject({ booted: { version: '1.0.0' }, reverted: { version: '2.0.0' } });
  });

  it('never boots when its image is damaged before its turn', async () => {
    for (const [component, file] of [
      ['app', 'app.b.image'],
      ['modem', 'modem.staging.image'],
    ] as const) {
      await using life = await newDevice();
      await life.install(await release(2, { [component]: randomImage(1500) }));
      await damage(life, file);
      expect(await life.boot()).toMatchObject({
        reverted: { reason: expect.stringContaining('is damaged') },
        booted: { version: '1.0.0', images: runs() },
        swapped: [],
      });
    }
  });

  it('brings all of its components or none', async () => {
    await using life = await newDevice();
    const images = { app: randomImage(3000), modem: randomImage(2000) };
    await life.install(await release(2, images));
    expect(await life.boot('fails')).toMatchObject({ swapped: ['modem'], booted: { images: runs(images) } });
    await life.boot('hangs');
    expect(await life.boot()).toMatchObject({ swapped: ['modem'], reverted: {}, booted: { images: runs() } });
  });
});

describe('a storage that fails', () => {
  it('boots the confirmed release where the attempt of a trial cannot be counted, and tries again later', async () => {
    await using life = await newDevice();
    const app = randomImage(3000);
    await life.install(await release(2, { app }));
    const good = life.machine.fs;
    life.machine.fs = failing(good, (method) => WRITES.includes(method));
    const held = await life.boot();
    expect(held.booted).toMatchObject({ version: '1.0.0', onTrial: false, images: runs() });
    expect(held.undecided).toMatch(/boot-control/);
    life.machine.fs = good;
    const tried = await life.boot();
    expect(tried.booted).toMatchObject({ version: '2.0.0', onTrial: true, images: runs({ app }) });
    expect(tried).not.toHaveProperty('undecided');
  });

  it('counts the attempt of firmware that hangs also where nothing more can be written', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { app: randomImage(3000) }));
    const good = life.machine.fs;
    // The attempt is commit 4, which goes to the first copy; the watchdog's would go to the second.
    life.machine.fs = failing(good, (method, name) => method === 'write' && name === 'boot-control.1');
    expect(await life.boot('hangs')).toMatchObject({ booted: { onTrial: true, attemptsLeft: 2 }, behaviour: 'hangs' });
    life.machine.fs = good;
    expect((await life.boot()).booted).toMatchObject({ onTrial: true, attemptsLeft: 1 });
  });

  it('gives a trial up where its image cannot be read, and reads twice before it does', async () => {
    await using life = await newDevice();
    const app = randomImage(3000);
    await life.install(await release(2, { app }));
    const good = life.machine.fs;
    let failures = 0;
    life.machine.fs = failing(good, (method, name) => method === 'read' && name === 'app.b.image' && failures++ < 1);
    expect((await life.boot('fails')).booted.onTrial).toBe(true);
    life.machine.fs = failing(good, (method, name) => method === 'read' && name === 'app.b.image');
    expect(await life.boot()).toMatchObject({ reverted: { reason: expect.stringContaining('cannot be read') } });
  });

  it('does not keep a device from booting by an event log that cannot be written', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { app: randomImage(3000) }));
    const good = life.machine.fs;
    life.machine.fs = failing(good, (method, name) => WRITES.includes(method) && name === 'events.ndjson');
    expect((await life.boot()).booted.onTrial).toBe(true);
    life.machine.fs = good;
    await life.confirm();
    expect((await events(life)).slice(-2)).toEqual(['boot-attempt', 'confirmed']);
  });

  it('does not keep a device from booting by the journal of an exchange that cannot be read', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { app: randomImage(3000), modem: randomImage(1000) }));
    const good = life.machine.fs;
    life.machine.fs = failing(good, (_, name) => name === 'modem.swap');
    const before = await life.folder.state();
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, images: runs() });
    expect(await life.folder.state()).toEqual(before);
    life.machine.fs = good;
    expect((await life.boot()).booted).toMatchObject({ onTrial: true, version: '2.0.0' });
  });

  it('boots without room to bring an image into place: the release that needs it is given up', async () => {
    await using life = await newDevice();
    await life.install(await release(2, { modem: randomImage(1500) }));
    const good = life.machine.fs;
    await good.remove('modem.scratch');
    life.machine.fs = failing(good, (method, name) => method === 'erase' && name === 'modem.scratch');
    expect(await life.boot()).toMatchObject({
      reverted: { reason: expect.stringContaining('cannot be brought into place') },
      booted: { images: runs() },
    });
  });
});

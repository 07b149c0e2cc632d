import { readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { otaInProcess } from '../in-process.js';
import { type DeviceFolder, deviceFolder } from './device-fixture.js';
import { type RunOta, runExecutable } from './package-fixture.js';

let run: RunOta = otaInProcess;
let folder: DeviceFolder;
beforeAll(async () => {
  folder = await deviceFolder((words, cwd) => run(words, cwd));
  await folder.pack('--full', '--allow-rollback');
  await folder.pack('--full', '--confirm-timeout', '0', '--version', '3.8.0', '--sequence', '8', '--out', 'hasty.ota');
  await folder.init('factory');
});
afterAll(() => folder[Symbol.asyncDispose]());

/** The image in a slot, as far as it is as long as `like`. */
async function holds(device: string, slot: string, like: string): Promise<boolean> {
  const [image, wanted] = [
    await readFile(folder.file(`${device}/app.${slot}.image`)),
    await readFile(folder.file(like)),
  ];
  return image.subarray(0, wanted.length).equals(wanted);
}

describe('the life of a device', () => {
  // Nothing of it is in the memory of a process.
  beforeAll(() => {
    run = runExecutable;
  });
  afterAll(() => {
    run = otaInProcess;
  });

  test('goes from one release to the next and back, by what is typed', async () => {
    const { ota, json } = folder;
    await folder.copy('factory', 'hub');
    expect(await json(0, 'device', 'status', 'hub')).toMatchObject({
      boots: { version: '3.6.0', onTrial: false },
      slots: [
        { slot: 'a', state: 'running', version: '3.6.0', size: 102_232 },
        { slot: 'b', state: 'empty' },
      ],
    });

    const applied = await json(0, 'apply', 'x.ota', '--device', 'hub');
    expect(applied).toMatchObject({
      outcome: 'installed',
      components: [{ component: 'app', slot: 'b', file: 'app-849ecc23.bsdf2', skippedBytes: 0 }],
    });
    expect(await holds('hub', 'a', 'old.bin')).toBe(true);
    expect(await holds('hub', 'b', 'new.bin')).toBe(true);
    expect(await json(0, 'apply', 'x.ota', '--device', 'hub')).toMatchObject({ outcome: 'already-installed' });

    expect(await json(0, 'device', 'boot', 'hub')).toMatchObject({
      booted: { version: '3.7.0', onTrial: true, attemptsLeft: 2 },
      status: { trial: { confirmable: true } },
    });
    const unconfirmed = await folder.state();
    expect(await json(8, 'apply', 'x.ota', '--device', 'hub')).toMatchObject({ error: { code: 'UPDATE_PENDING' } });
    expect(await json(8, 'device', 'rollback', 'hub')).toMatchObject({ error: { code: 'UPDATE_PENDING' } });
    expect(await folder.state()).toEqual(unconfirmed);

    expect(await json(0, 'device', 'confirm', 'hub')).toMatchObject({ version: '3.7.0', intent: 'install' });
    expect(await json(0, 'apply', 'x.ota', '--device', 'hub')).toMatchObject({ outcome: 'already-running' });

    const { stdout } = await ota('device', 'rollback', 'hub');
    expect(stdout).toMatch(/goes back from 3\.7\.0 to 3\.6\.0 .*\n.*slot a still holds 3\.6\.0/);
    expect(await json(0, 'device', 'boot', 'hub')).toMatchObject({ booted: { version: '3.6.0', onTrial: true } });
    await json(0, 'device', 'confirm', 'hub');
    const { events } = await json(0, 'device', 'history', 'hub');
    expect((events as { type: string }[]).map(({ type }) => type)).toEqual([
      ...['initialised', 'installing', 'activated', 'boot-attempt', 'confirmed'],
      ...['activated', 'boot-attempt', 'confirmed'],
    ]);
    expect((events as { reason?: string }[]).flatMap(({ reason }) => reason ?? [])).toEqual(['rollback from 3.7.0']);
  });

  test('goes on with an installation that was cut, and writes only what is missing', async () => {
    await folder.copy('factory', 'again');
    // As after a power cut: a part of the image is there, and nothing says so.
    const bytes = await readFile(folder.file('new.bin'));
    await writeFile(folder.file('again/app.b.image'), bytes.subarray(0, 61_440));
    expect(await folder.json(0, 'apply', 'x.ota', '--device', 'again')).toMatchObject({
      components: [{ skippedBytes: 61_440 }],
    });
    expect(await holds('again', 'b', 'new.bin')).toBe(true);
  });
});

describe('a release that does not prove itself', () => {
  beforeAll(async () => {
    await folder.copy('factory', 'trial');
    await folder.json(0, 'apply', 'x.ota', '--device', 'trial');
  });

  test('is given up once, after its attempts, and can be installed again', async () => {
    await folder.copy('trial', 'failing');
    for (const attemptsLeft of [2, 1, 0]) {
      expect(await folder.json(0, 'device', 'boot', 'failing', '--fail')).toMatchObject({
        behaviour: 'fails',
        booted: { version: '3.7.0', attemptsLeft },
      });
    }
    const { stdout } = await folder.ota('device', 'boot', 'failing');
    expect(stdout).toMatch(/gave up 3\.7\.0: not confirmed, and no boot attempts are left\n.*booted 3\.6\.0\n/);
    const settled = await folder.state();
    expect(await folder.json(0, 'device', 'boot', 'failing')).toMatchObject({ booted: { onTrial: false } });
    expect(await folder.state()).toEqual(settled);
    expect(await folder.json(0, 'device', 'status', 'failing')).toMatchObject({
      lastRevert: { version: '3.7.0', reason: 'not confirmed, and no boot attempts are left' },
      slots: [{ state: 'running' }, { state: 'unproven', version: '3.7.0' }],
    });
    const { events } = await folder.json(0, 'device', 'history', 'failing');
    expect((events as { type: string }[]).filter(({ type }) => type === 'reverted')).toHaveLength(1);
    expect(await folder.json(0, 'apply', 'x.ota', '--device', 'failing')).toMatchObject({ outcome: 'installed' });
  });

  test('can be confirmed in its last attempt, and the text says that it is the last', async () => {
    await folder.copy('trial', 'last');
    await folder.ota('device', 'boot', 'last', '--fail');
    await folder.ota('device', 'boot', 'last', '--fail');
    const { stdout } = await folder.ota('device', 'boot', 'last');
    expect(stdout).toContain('Next: ota device confirm last (booting again goes back to 3.6.0)');
    expect(await folder.json(0, 'device', 'confirm', 'last')).toMatchObject({ version: '3.7.0' });
  });

  test('is given up when it hangs, without being tried again', async () => {
    await folder.copy('trial', 'hanging');
    const { stdout } = await folder.ota('device', 'boot', 'hanging', '--hang');
    expect(stdout).toContain('Next: ota device boot hanging (goes back to 3.6.0)');
    expect(await folder.json(5, 'device', 'confirm', 'hanging')).toMatchObject({ error: { code: 'CONFIRM_REFUSED' } });
    expect(await folder.json(0, 'device', 'boot', 'hanging')).toMatchObject({
      booted: { version: '3.6.0' },
      reverted: { version: '3.7.0', reason: expect.stringContaining('watchdog') },
    });
  });

  test('cannot be confirmed late, and is then given up', async () => {
    await folder.copy('factory', 'late');
    await folder.json(0, 'apply', 'hasty.ota', '--device', 'late');
    await folder.json(0, 'device', 'boot', 'late');
    const before = await folder.state();
    const refused = await folder.ota('device', 'confirm', 'late');
    expect(refused).toMatchObject({ status: 5, stderr: expect.stringMatching(/it had 0 to be confirmed/) });
    expect(await folder.state()).toEqual(before);
    expect(await folder.json(0, 'device', 'boot', 'late')).toMatchObject({ reverted: { version: '3.8.0' } });
  });
});

describe('ota device boot', () => {
  test('starts an older release where the image that runs is damaged, and nothing where all are', async () => {
    await folder.copy('factory', 'damaged');
    await folder.ota('apply', 'x.ota', '--device', 'damaged');
    await folder.ota('device', 'boot', 'damaged');
    await folder.ota('device', 'confirm', 'damaged');
    const flip = async (slot: string) => {
      const bytes = await readFile(folder.file(`damaged/app.${slot}.image`));
      bytes[5000]! ^= 1;
      await writeFile(folder.file(`damaged/app.${slot}.image`), bytes);
    };
    await flip('b');
    const { stdout } = await folder.ota('device', 'boot', 'damaged');
    expect(stdout).toMatch(/fell back from 3\.7\.0: .*\n.*booted 3\.6\.0\n/);
    await flip('a');
    const before = await folder.state();
    expect(await folder.json(6, 'device', 'boot', 'damaged')).toMatchObject({ error: { code: 'DEVICE_UNBOOTABLE' } });
    expect(await folder.state()).toEqual(before);
  });
});

describe('a device with several components', () => {
  const layout = {
    spec: 'ota-fleet-layout/1',
    eraseBlockBytes: 4096,
    writeAlignmentBytes: 16,
    components: { app: { slots: ['a', 'b'], slotBytes: 131_072 }, modem: { slots: ['main'], slotBytes: 131_072 } },
  };
  const images = [
    '--image',
    'app=old.bin',
    '--image',
    'modem=old.bin',
    '--version',
    'modem=1.0.0',
    '--layout',
    'two.json',
  ];
  beforeAll(async () => {
    await writeFile(folder.file('two.json'), JSON.stringify(layout));
    const init = await folder.init('car', '--version', '3.6.0', '--allow-rollback', ...images);
    expect(init).toMatchObject({ status: 0, stdout: expect.stringContaining('modem: main and a staging area') });
    await writeFile(
      folder.file('needs.json'),
      JSON.stringify({ dependsOn: [{ component: 'modem', range: '>=2.0.0' }] }),
    );
    await folder.pack('--allow-rollback', '--metadata', 'needs.json', '--out', 'app-only.ota');
    const both = ['--from', 'app=old.bin', '--from', 'modem=old.bin', '--to', 'app=new.bin', '--to', 'modem=new.bin'];
    const told = '--product movehub --model M1 --version 3.7.0 --to-version modem=2.1.0 --sequence 7 --sign a.key';
    const release = ['--metadata', 'needs.json', '--allow-rollback', ...told.split(' '), '--out', 'both.ota'];
    expect(await folder.ota('pack', ...both, ...release)).toMatchObject({ status: 0 });
  });

  test('takes all of them or none', async () => {
    const before = await folder.state();
    const partial = await folder.json(5, 'apply', 'app-only.ota', '--device', 'car');
    expect(partial).toMatchObject({ error: { code: 'DEPENDENCY_UNMET' } });
    expect(await folder.state()).toEqual(before);
    expect(await folder.json(0, 'apply', 'both.ota', '--device', 'car')).toMatchObject({
      components: [
        { component: 'app', slot: 'b' },
        { component: 'modem', slot: 'staging' },
      ],
    });
  });

  test('exchanges the images of the one with a single slot before they boot, and when it goes back', async () => {
    const modem = (slot: string) => readFile(folder.file(`car/modem.${slot}.image`));
    const [old, fresh] = [await readFile(folder.file('old.bin')), await readFile(folder.file('new.bin'))];
    expect(await folder.json(0, 'device', 'boot', 'car')).toMatchObject({
      booted: { version: '3.7.0' },
      swapped: ['modem'],
    });
    expect((await modem('main')).subarray(0, fresh.length).equals(fresh)).toBe(true);
    await folder.json(0, 'device', 'boot', 'car', '--hang');
    const { stdout } = await folder.ota('device', 'boot', 'car');
    expect(stdout).toMatch(/gave up 3\.7\.0: .*\n.*exchanged the images of modem\n.*booted 3\.6\.0\n/);
    expect((await modem('main')).subarray(0, old.length).equals(old)).toBe(true);
  });
});

describe('a dry run', () => {
  test.each<[string, string[], object]>([
    ['of apply', ['apply', 'hasty.ota', '--device', 'dry'], { outcome: 'installed' }],
    [
      'of boot',
      ['device', 'boot', 'dry', '--hang'],
      { booted: { version: '3.7.0' }, status: { trial: { attemptsLeft: 0 } } },
    ],
    ['of snapshot', ['device', 'snapshot', 'dry'], { file: 'dry/snapshot.1.json' }],
    [
      'of init',
      [
        'device',
        'init',
        'other',
        ...'--trust root.json --product p --model m --image old.bin --version 1.0.0 --sequence 1'.split(' '),
      ],
      { release: { version: '1.0.0' } },
    ],
  ])('%s tells what would be, and leaves no trace', async (_, args, outcome) => {
    await folder.copy('trial', 'dry');
    const before = await folder.state();
    expect(await folder.json(0, ...args, '--dry-run')).toMatchObject({ dryRun: true, ...outcome });
    expect(await folder.state()).toEqual(before);
    expect(await readdir(folder.path)).not.toContain('other');
  });

  test('of confirm and rollback tells what would be, and leaves no trace', async () => {
    await folder.copy('trial', 'dry');
    await folder.ota('device', 'boot', 'dry');
    const booted = await folder.state();
    expect(await folder.json(0, 'device', 'confirm', 'dry', '--dry-run')).toMatchObject({ version: '3.7.0' });
    expect(await folder.state()).toEqual(booted);
    await folder.ota('device', 'confirm', 'dry');
    const confirmed = await folder.state();
    expect(await folder.json(0, 'device', 'rollback', 'dry', '--dry-run')).toMatchObject({ version: '3.6.0' });
    expect(await folder.state()).toEqual(confirmed);
  });
});

describe('a device judges', () => {
  test.each(['explain', 'verify'])(
    'packages for ota %s, under its own trust root and without being changed',
    async (command) => {
      const before = await folder.state();
      expect(await folder.ota(command, 'x.ota', '--device', 'factory')).toMatchObject({ status: 0 });
      await folder.pack('--sign', 'b.key', '--model', 'M9', '--out', 'm9.ota');
      expect(await folder.ota(command, 'm9.ota', '--device', 'factory')).toMatchObject({ status: 5 });
      expect(await folder.ota(command, 'x.ota', '--device', 'factory', '--key', 'b.pub')).toMatchObject({ status: 3 });
      expect(await folder.state()).toMatchObject(before);
    },
  );

  test('and ota explain warns of one that takes no package for the moment', async () => {
    await folder.copy('trial', 'booted');
    await folder.ota('device', 'boot', 'booted');
    const { status, stderr } = await folder.ota('explain', 'x.ota', '--device', 'booted');
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning: booted: release 3\.7\.0 is on trial and not confirmed yet: until then/);
  });

  test('from a snapshot as it does itself', async () => {
    const { state } = await folder.json(
      0,
      'device',
      'snapshot',
      'factory',
      '--out',
      'state.json',
      '--reason',
      'why not',
    );
    expect(state).toMatchObject({ spec: 'ota-fleet-device/1', reason: 'why not' });
    expect(JSON.parse(await readFile(folder.file('state.json'), 'utf8'))).toEqual(state);
    const [itself, snapshot] = [
      await folder.json(0, 'explain', 'x.ota', '--device', 'factory'),
      await folder.json(0, 'explain', 'x.ota', '--device', 'state.json'),
    ];
    expect(snapshot).toEqual(itself);
    expect(await folder.ota('device', 'snapshot', 'factory', '--out', 'state.json')).toMatchObject({ status: 8 });
  });
});

import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleScript } from '../../support/scripts.js';
import { otaInProcess } from '../in-process.js';
import { type DeviceFolder, deviceFolder } from './device-fixture.js';

let folder: DeviceFolder;
beforeAll(async () => {
  folder = await deviceFolder(otaInProcess);
  await folder.pack('--security-counter', '3', '--out', 'fine.ota');
  await folder.init('factory', '--hardware-revision', 'B', '--security-counter', '3', '--time-floor', '2031-01-01');
  await folder.copy('factory', 'hub');
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Runs a command that must be refused, and proves that not one byte of the folder changed. */
async function refused(args: string[], status: number, code: string, message = /./): Promise<void> {
  const before = await folder.state();
  const result = await folder.ota(...args, '--json');
  expect(result).toMatchObject({ status, stderr: expect.not.stringMatching(/\n\s+at /) });
  const { error } = JSON.parse(result.stdout);
  expect(error).toMatchObject({ code, exitStatus: status, message: expect.stringMatching(message) });
  expect(await folder.state()).toEqual(before);
}

/** Packs bad.ota, with options that tell a release as it should be unless they are given. */
async function packRelease(...args: string[]): Promise<void> {
  const told = { to: 'new.bin', product: 'movehub', model: 'M1', version: '3.7.0', sequence: '7', out: 'bad.ota' };
  const missing = Object.entries(told).filter(([name]) => !args.includes(`--${name}`));
  const words = missing.flatMap(([name, value]) => [`--${name}`, value]);
  expect(await folder.ota('pack', '--force', ...words, ...args)).toMatchObject({ status: 0 });
}

describe('policy of a device refuses', () => {
  const counter = ['--security-counter', '3'];
  test.each<[string, string[], number, string]>([
    ['a lower sequence', [...counter, '--sequence', '5', '--version', '3.5.0'], 5, 'SEQUENCE_ROLLBACK'],
    ['the same sequence under another digest', [...counter, '--sequence', '6'], 5, 'SEQUENCE_CONFLICT'],
    ['a lower security counter', ['--security-counter', '2'], 5, 'COUNTER_ROLLBACK'],
    ['what expired before its time floor', [...counter, '--expires', '2030-06-01'], 5, 'PACKAGE_EXPIRED'],
    ['another model', [...counter, '--model', 'M2'], 5, 'MODEL_INCOMPATIBLE'],
    ['another hardware revision', [...counter, '--hardware-revision', 'A'], 5, 'HARDWARE_INCOMPATIBLE'],
    ['another product', [...counter, '--product', 'pump'], 3, 'ROLE_UNTRUSTED'],
    ['who is not in its trust root', [...counter, '--sign', 'b.key'], 3, 'KEY_UNTRUSTED'],
    [
      'a component that it does not have',
      [...counter, '--to', 'modem=new.bin', '--from', 'modem=old.bin', '--full'],
      5,
      'COMPONENT_MISSING',
    ],
    ['a delta from another base', [...counter, '--from', 'new.bin', '--to', 'old.bin'], 5, 'BASE_MISMATCH'],
  ])('%s', async (_, args, status, code) => {
    const told = { from: 'old.bin', sign: 'a.key' };
    const missing = Object.entries(told).filter(([name]) => !args.includes(`--${name}`));
    await packRelease(...missing.flatMap(([name, value]) => [`--${name}`, value]), ...args);
    await refused(['apply', 'bad.ota', '--device', 'hub'], status, code);
  });

  test('a damaged payload before it touches a slot', async () => {
    const bytes = await readFile(folder.file('fine.ota'));
    bytes[bytes.length - 2000]! ^= 1;
    await writeFile(folder.file('damaged.ota'), bytes);
    await refused(['apply', 'damaged.ota', '--device', 'hub'], 4, 'PAYLOAD_MISMATCH');
  });

  test('a delta whose base is damaged in its slot', async () => {
    await folder.copy('factory', 'rotten');
    const bytes = await readFile(folder.file('rotten/app.a.image'));
    bytes[1000]! ^= 1;
    await writeFile(folder.file('rotten/app.a.image'), bytes);
    await refused(['apply', 'fine.ota', '--device', 'rotten'], 5, 'BASE_MISMATCH', /is damaged/);
  });
});

describe('a rollback is refused', () => {
  test('where nothing ran before', async () => {
    await refused(['device', 'rollback', 'hub'], 5, 'NO_ROLLBACK_TARGET', /ran nothing before release 3\.6\.0/);
  });

  test.each<[string, string[], RegExp]>([
    ['where the running release forbids it', [], /does not allow a rollback/],
    ['to a version below the one that is allowed', ['--rollback-min-version', '3.6.1'], /to 3\.6\.1 or later/],
    [
      'below the security counter that was stored',
      ['--allow-rollback', '--security-counter', '4'],
      /security counter 3 is below 4/,
    ],
  ])('%s', async (_, args, reason) => {
    await folder.copy('factory', 'back');
    await folder.pack(
      ...['--security-counter', '3'].filter(() => !args.includes('--security-counter')),
      ...args,
      '--out',
      'back.ota',
      '--force',
    );
    await folder.json(0, 'apply', 'back.ota', '--device', 'back');
    await folder.json(0, 'device', 'boot', 'back');
    await folder.json(0, 'device', 'confirm', 'back');
    await refused(['device', 'rollback', 'back'], 5, 'NO_ROLLBACK_TARGET', reason);
  });

  test('to a package that never ran', async () => {
    await refused(['device', 'rollback', 'hub', '--package', 'fine.ota'], 5, 'NO_ROLLBACK_TARGET', /never ran/);
  });
});

describe('ota device confirm is refused', () => {
  test('without a trial', () => refused(['device', 'confirm', 'hub'], 5, 'CONFIRM_REFUSED', /nothing is on trial/));

  test('before the release has booted', async () => {
    await folder.copy('factory', 'waiting');
    await folder.json(0, 'apply', 'fine.ota', '--device', 'waiting');
    await refused(['device', 'confirm', 'waiting'], 5, 'CONFIRM_REFUSED', /has not booted yet/);
  });
});

describe('a device whose state is gone fails closed', () => {
  const commands = [
    ['apply', 'fine.ota', '--device', 'gone'],
    ['device', 'boot', 'gone'],
    ['explain', 'fine.ota', '--device', 'gone'],
  ];
  test.each<[string, (path: string) => Promise<void>]>([
    [
      'without its boot control blocks',
      (path) => Promise.all([rm(`${path}/boot-control.0`), rm(`${path}/boot-control.1`)]).then(),
    ],
    ['without device.json', (path) => rm(`${path}/device.json`)],
    [
      'with half of device.json',
      async (path) => writeFile(`${path}/device.json`, (await readFile(`${path}/device.json`)).subarray(0, 90)),
    ],
    [
      'with another counter in its blocks',
      async (path) => {
        for (const copy of [0, 1]) {
          const block = await readFile(`${path}/boot-control.${copy}`);
          const at = block.indexOf('"securityCounter":3');
          if (at >= 0) block.write('0', at + '"securityCounter":'.length);
          await writeFile(`${path}/boot-control.${copy}`, block);
        }
      },
    ],
  ])('%s', async (_, damage) => {
    await folder.copy('factory', 'gone');
    await damage(folder.file('gone'));
    for (const command of commands) await refused(command, 5, 'DEVICE_STATE_LOST');
  });

  test.each([0, 1])('but copy %i of the boot control block may be torn', async (copy) => {
    await folder.copy('factory', 'torn');
    await folder.json(0, 'apply', 'fine.ota', '--device', 'torn');
    const block = await readFile(folder.file(`torn/boot-control.${copy}`));
    await writeFile(folder.file(`torn/boot-control.${copy}`), block.fill(255, 300));
    const { boots } = await folder.json(0, 'device', 'status', 'torn');
    const { booted } = await folder.json(0, 'device', 'boot', 'torn');
    expect(booted).toMatchObject(boots as object);
    expect(await folder.json(0, 'device', 'status', 'torn')).toMatchObject({ confirmed: { version: '3.6.0' } });
  });

  test('without its trust root', async () => {
    await folder.copy('factory', 'gone');
    await rm(folder.file('gone/trust-root.1.json'));
    await refused(['apply', 'fine.ota', '--device', 'gone'], 5, 'DEVICE_STATE_LOST');
  });
});

test('a boot that has happened is told, whatever else is damaged', async () => {
  await folder.copy('factory', 'bare');
  await rm(folder.file('bare/trust-root.1.json'));
  const { status, stdout, stderr } = await folder.ota('device', 'boot', 'bare');
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'bare: booted 3.6.0\n' });
  expect(stderr).toMatch(/^warning: trust-root\.1\.json: is missing[^\n]*\n$/);
});

describe('with a monotonic counter', () => {
  test('a device that somebody put back is recognised', async () => {
    await folder.init('counted', '--monotonic-counter', 'tpm.counter');
    await folder.copy('counted', 'kept');
    await folder.json(0, 'apply', 'fine.ota', '--device', 'counted');
    await folder.json(0, 'device', 'boot', 'counted');
    await folder.json(0, 'device', 'confirm', 'counted');
    expect(await readFile(folder.file('tpm.counter'), 'utf8')).toBe('1\n');
    await folder.copy('kept', 'counted');
    for (const command of [
      ['device', 'boot', 'counted'],
      ['device', 'status', 'counted'],
      ['apply', 'fine.ota', '--device', 'counted'],
    ])
      await refused(command, 5, 'DEVICE_STATE_ROLLED_BACK');
  });

  test('a counter that was deleted does not start again', async () => {
    await folder.init('deleted', '--monotonic-counter', 'deleted.counter');
    await rm(folder.file('deleted.counter'));
    await refused(['device', 'boot', 'deleted'], 5, 'DEVICE_STATE_LOST', /counter is missing/);
  });

  test('it must lie outside of the folder', async () => {
    const init = ['device', 'init', 'inside', ...'--trust root.json --product p --model m --image old.bin'.split(' ')];
    const counter = ['--version', '1.0.0', '--sequence', '1', '--monotonic-counter', 'inside/counter'];
    await refused([...init, ...counter], 2, 'USAGE', /lies in the folder of the device/);
  });
});

describe('a device that another process changes', () => {
  test('is left alone, and taken over once that process was killed', async () => {
    await using script = await bundleScript('lock-holder');
    await folder.copy('factory', 'busy');
    const holder = script.start([folder.file('busy/lock')], { stdin: null });
    await holder.seen('held');
    const commands = [
      ['apply', 'fine.ota', '--device', 'busy'],
      ['device', 'boot', 'busy'],
      ['device', 'confirm', 'busy'],
      ['device', 'rollback', 'busy'],
      ['device', 'snapshot', 'busy'],
    ];
    for (const command of commands) await refused(command, 8, 'LOCKED', new RegExp(`process ${holder.process.pid}`));
    expect(await folder.ota('device', 'status', 'busy')).toMatchObject({ status: 0 });
    holder.process.kill('SIGKILL');
    await holder.ended;
    expect(await folder.json(0, 'apply', 'fine.ota', '--device', 'busy')).toMatchObject({ outcome: 'installed' });
  });
});

describe('a device whose files cannot be written', () => {
  test.each([
    ['a folder where the slot belongs', (path: string) => mkdir(`${path}/app.b.image`)],
    ['a link where the slot belongs', (path: string) => symlink('../old.bin', `${path}/app.b.image`)],
  ])('keeps booting what it booted: %s', async (_, plant) => {
    await folder.copy('factory', 'planted');
    await plant(folder.file('planted'));
    expect(await folder.ota('apply', 'fine.ota', '--device', 'planted')).toMatchObject({ status: 6 });
    expect(await readFile(folder.file('old.bin'))).toHaveLength(102_232);
    expect(await folder.json(0, 'device', 'boot', 'planted')).toMatchObject({
      booted: { version: '3.6.0', onTrial: false },
    });
  });
});

describe('what cannot be meant is a usage error', () => {
  test.each<[string, string[], RegExp]>([
    ['a key for a device that has a trust root', ['--key', 'a.pub'], /--key: hub is a device/],
    ['another trust root', ['--trust', 'root.json'], /--trust: hub is a device/],
    ['a base', ['--base', 'old.bin'], /--base: hub is a device/],
    ['an output', ['--out', 'new2.bin'], /--out: hub is a device/],
  ])('%s', (_, args, message) => refused(['apply', 'fine.ota', '--device', 'hub', ...args], 2, 'USAGE', message));

  test('an output is needed where a file tells the state', async () => {
    await folder.json(0, 'device', 'snapshot', 'hub', '--out', 'hub.json', '--force');
    await refused(['apply', 'fine.ota', '--device', 'hub.json', '--key', 'a.pub'], 2, 'USAGE', /--out is missing/);
  });

  test('a device that does not exist is not found', () =>
    refused(['apply', 'fine.ota', '--device', 'nowhere'], 16, 'NOT_FOUND', /^nowhere: /));

  test('a configured trust root is no obstacle', async () => {
    await folder.copy('factory', 'configured');
    const { runCli } = await import('../../support/cli.js');
    const applied = await runCli('ota', ['apply', 'fine.ota', '--device', 'configured'], {
      cwd: folder.path,
      env: { OTA_TRUST: 'root.json' },
    });
    expect(applied).toMatchObject({ status: 0 });
  });
});

describe('ota device init refuses', () => {
  const told = {
    trust: 'root.json',
    product: 'movehub',
    model: 'M1',
    image: 'old.bin',
    version: '3.6.0',
    sequence: '6',
  };
  const words = (changes: Partial<typeof told>) =>
    Object.entries({ ...told, ...changes }).flatMap(([name, value]) => (value === '' ? [] : [`--${name}`, value]));
  test.each<[string, string[], number, string, RegExp?]>([
    ['a folder that holds something', ['hub', ...words({})], 8, 'OUTPUT_EXISTS'],
    ['an image for a component twice', ['new', ...words({}), '--image', 'new.bin'], 2, 'USAGE'],
    ['no version', ['new', ...words({ version: '' })], 2, 'USAGE'],
    ['a version that is none', ['new', ...words({ version: 'v3' })], 2, 'USAGE', /^--version: /],
    [
      'a counter beyond its range',
      ['new', ...words({}), '--security-counter', '4294967296'],
      2,
      'USAGE',
      /^--security/,
    ],
    [
      'neither images nor a package',
      ['new', ...words({ image: '' })],
      2,
      'USAGE',
      /one of --image, --package is missing/,
    ],
    ['both', ['new', ...words({}), '--package', 'fine.ota'], 2, 'USAGE', /^--image and --package exclude each other$/],
    ['a root that is none', ['new', ...words({ trust: 'old.bin' })], 4, 'JSON_INVALID'],
    ['a time that is none', ['new', ...words({}), '--time-floor', 'yesterday'], 2, 'USAGE'],
    ['a day that is none', ['new', ...words({}), '--time-floor', '2026-02-30'], 2, 'USAGE'],
    ['a time floor beyond its trust root', ['new', ...words({}), '--time-floor', '2099-01-01'], 3, 'ROOT_EXPIRED'],
    ['an image that does not fit', ['new', ...words({}), '--layout', 'small.json'], 5, 'DOES_NOT_FIT'],
    [
      'a layout without a place for the component',
      ['new', ...words({ image: 'modem=old.bin' }), '--layout', 'small.json'],
      5,
      'COMPONENT_MISSING',
    ],
    ['a layout that is none', ['new', ...words({}), '--layout', 'odd.json'], 2, 'LAYOUT_INVALID'],
    [
      'a package that only holds deltas',
      ['new', ...words({ image: '', version: '', sequence: '' }), '--package', 'fine.ota'],
      5,
      'BASE_MISMATCH',
    ],
  ])('%s', async (_, args, status, code, message) => {
    const layout = {
      spec: 'ota-fleet-layout/1',
      eraseBlockBytes: 4096,
      writeAlignmentBytes: 16,
      components: { app: { slots: ['a', 'b'], slotBytes: 65_536 } },
    };
    await writeFile(folder.file('small.json'), JSON.stringify(layout));
    await writeFile(folder.file('odd.json'), JSON.stringify({ ...layout, eraseBlockBytes: 5000 }));
    await refused(['device', 'init', ...args], status, code, message);
  });
});

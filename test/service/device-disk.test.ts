import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BootReport } from '../../src/lib/device/boot.js';
import type { DeviceStatus } from '../../src/lib/device/device-status.js';
import { bootedRelease } from '../support/booted-release.js';
import { type CliResult, runCli } from '../support/cli.js';
import { type DeviceStates, deviceStates } from '../support/device-states.js';
import type { TestFolder } from '../support/folder.js';

const PRIVATE_MOUNTS = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
const FILL = 'head -c 10m /dev/zero > disk/filler 2>head.log';

/** What may become of the disk that a device stands on. */
const DISKS = [
  { disk: 'full', prepare: FILL, says: 'no space left on the device', confirms: false },
  // The lock fits in, and nothing else: a commit needs no more.
  {
    disk: 'nearly full',
    prepare: `${FILL}; truncate -s -4096 disk/filler`,
    says: 'no space left on the device',
    confirms: true,
  },
  { disk: 'read-only', prepare: 'mount -o remount,ro disk', says: 'the file system is read-only', confirms: false },
];

let states: DeviceStates;
beforeAll(async () => {
  states = await deviceStates();
});
afterAll(() => states[Symbol.asyncDispose]());

/** Runs `ota` on a device on a small disk that nobody else sees; its counter is elsewhere. What is left is then in `disk.after`. */
async function runOnDisk(folder: TestFolder, prepare: string, args: string[]): Promise<CliResult> {
  await mkdir(folder.file('disk'));
  const mount = 'mount -t tmpfs -o size=1m tmpfs disk && cp -R device disk && ln -s ../tpm disk';
  const script = `${mount} && { ${prepare}; "$@"; status=$?; rm -f disk/filler; cp -R disk disk.after; exit $status; }`;
  return await runCli('ota', args, {
    cwd: folder.path,
    node: ['unshare', ...PRIVATE_MOUNTS, 'sh', '-c', script, 'sh', process.execPath],
  });
}

describe.each(DISKS)('on a $disk disk', ({ disk, prepare, says, confirms }) => {
  const refused = {
    status: 6,
    stdout: '',
    stderr: expect.stringMatching(new RegExp(`^error: [^\\n]*: ${says}\\n( {2}→ [^\\n]*\\n)+$`)),
  };

  test('apply is refused, the old release boots, and with room again apply ends well', async () => {
    await using folder = await states.copy('pair.factory');
    const apply = ['apply', states.file, '--device'];
    expect(await runOnDisk(folder, prepare, [...apply, 'disk/device'])).toEqual(refused);
    const device = folder.file('disk.after/device');
    expect(await bootedRelease(device, states.releases)).toBe('old');
    expect(await runCli('ota', [...apply, device])).toMatchObject({ status: 0 });
    expect(await bootedRelease(device, states.releases)).toBe('new');
  });

  test(`confirm is ${confirms ? 'done' : 'refused'}, and never half done`, async () => {
    await using folder = await states.copy('pair.booted');
    const confirm = ['device', 'confirm'];
    const run = await runOnDisk(folder, prepare, [...confirm, 'disk/device']);
    expect(run).toEqual(confirms ? { status: 0, stdout: expect.stringContaining('2.0.0'), stderr: '' } : refused);
    const device = folder.file('disk.after/device');
    const { stdout } = await runCli('ota', ['device', 'status', device, '--json']);
    const { trial, confirmed } = JSON.parse(stdout) as DeviceStatus;
    const isOnTrial = trial !== undefined;
    expect({ isOnTrial, confirmed: confirmed.version }).toEqual({
      isOnTrial: !confirms,
      confirmed: confirms ? '2.0.0' : '1.0.0',
    });
    // Nothing is on trial any more: 5.
    expect(await runCli('ota', [...confirm, device])).toMatchObject({ status: confirms ? 5 : 0 });
    expect(await bootedRelease(device, states.releases)).toBe('new');
  });

  test('boot starts the confirmed release, also beside one on trial', async () => {
    await using folder = await states.copy('pair.installed');
    const { status, stdout, stderr } = await runOnDisk(folder, prepare, ['device', 'boot', 'disk/device', '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { booted, undecided } = JSON.parse(stdout) as BootReport;
    const isFrozen = disk === 'read-only';
    expect({ version: booted.version, undecided }).toEqual({
      version: isFrozen ? '1.0.0' : '2.0.0',
      undecided: isFrozen ? expect.stringContaining(says) : undefined,
    });
    expect(await bootedRelease(folder.file('disk.after/device'), states.releases)).toBe('new');
  });
});

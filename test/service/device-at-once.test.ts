import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootedRelease } from '../support/booted-release.js';
import { runCli } from '../support/cli.js';
import { type DeviceStates, deviceStates } from '../support/device-states.js';
import { runStopped } from '../support/file-calls.js';
import type { TestFolder } from '../support/folder.js';

let states: DeviceStates;
beforeAll(async () => {
  states = await deviceStates();
});
afterAll(() => states[Symbol.asyncDispose]());

const applyTo = (folder: TestFolder) => ['apply', states.file, '--device', folder.file('device')];
const WRITES_A_SLOT = { syscall: 'pwrite64', file: 'device/app.b.image' };
const TAKES_THE_LOCK = { syscall: 'link' };
const TAKES_OVER_THE_LOCK = { syscall: 'rename' };
const LOCKED = { status: 8, stdout: '', stderr: expect.stringMatching(/^error: [^\n]*lock: held by process \d+ on /) };

test('while one process installs, others are refused, and it ends well', async () => {
  await using folder = await states.copy('pair.factory');
  const run = await runStopped(folder, applyTo(folder), WRITES_A_SLOT, async ({ release }) => {
    const before = await folder.state();
    for (const args of [applyTo(folder), ['device', 'boot', folder.file('device')]]) {
      expect(await runCli('ota', args)).toEqual(LOCKED);
    }
    expect(await folder.state()).toEqual(before);
    release();
  });
  expect(run.stdout).toContain('release 2.0.0 is installed');
  expect(await bootedRelease(folder.file('device'), states.releases)).toBe('new');
});

test('of two processes that start at once, one installs and the other is refused or finds it done', async () => {
  await using folder = await states.copy('pair.factory');
  const runs = await Promise.all([runCli('ota', applyTo(folder)), runCli('ota', applyTo(folder))]);
  const ends = runs.map(({ status, stdout }) => (status === 0 ? stdout.split('\n')[0] : status));
  expect(ends.filter((end) => String(end).includes('2.0.0 is installed'))).toHaveLength(1);
  for (const run of runs) if (run.status !== 0) expect(run).toEqual(LOCKED);
  expect(await bootedRelease(folder.file('device'), states.releases)).toBe('new');
});

test('after one was killed while it installed, and the next while it took over the lock, the third ends well', async () => {
  await using folder = await states.copy('pair.factory');
  for (const call of [WRITES_A_SLOT, TAKES_OVER_THE_LOCK]) {
    expect(await runStopped(folder, applyTo(folder), call, ({ kill }) => kill())).toMatchObject({ status: null });
  }
  expect(await runCli('ota', applyTo(folder))).toMatchObject({ status: 0, stderr: '' });
  expect(await bootedRelease(folder.file('device'), states.releases)).toBe('new');
});

test('a lock whose owner was killed before it did anything is in nobody’s way', async () => {
  await using folder = await states.copy('pair.factory');
  await runStopped(folder, applyTo(folder), TAKES_THE_LOCK, ({ kill }) => kill());
  expect(await runCli('ota', applyTo(folder))).toMatchObject({ status: 0, stderr: '' });
});

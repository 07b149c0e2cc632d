import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { takeLock, withLock } from '../../../src/lib/core/lock.js';
import { ownIdentity, type ProcessIdentity } from '../../../src/lib/core/process-identity.js';
import { bundleScript, type Script } from '../../support/scripts.js';

let script: Script;
let endedPid: number;
let folder: string;
let path: string;

beforeAll(async () => {
  script = await bundleScript('lock-holder');
  const ended = script.start([join(tmpdir(), 'ota-no-such-folder', 'lock')]);
  endedPid = ended.process.pid!;
  await ended.ended;
});
afterAll(() => script[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-lock-'));
  path = join(folder, 'state.lock');
});
afterEach(() => rm(folder, { recursive: true }));

const attempt = () => withLock(path, async () => 'worked');

/** Writes a lock file as some process would have. */
async function plant(name: string, token: string, identity: Partial<ProcessIdentity>): Promise<string> {
  const content = JSON.stringify({ ...(await ownIdentity()), ...identity, token });
  await writeFile(join(folder, name), content);
  return content;
}

describe('withLock', () => {
  test('returns what the work returns and leaves nothing behind', async () => {
    expect(await attempt()).toBe('worked');
    expect(await attempt()).toBe('worked');
    expect(await readdir(folder)).toEqual([]);
  });

  test('is released when the work fails, and the failure passes through', async () => {
    const failure = new OtaError('NO_SPACE', 'full');
    await expect(withLock(path, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await readdir(folder)).toEqual([]);
  });

  test('is held while the work runs, also against the same process', async () => {
    const inner = await withLock(path, () => attempt().catch((error: unknown) => error));
    expect(inner).toMatchObject({
      code: 'LOCKED',
      exitCode: 8,
      message: expect.stringContaining(`process ${process.pid}`),
    });
  });

  test('does not start when the signal was raised before', async () => {
    await expect(withLock(path, attempt, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test('needs its folder', async () => {
    path = join(folder, 'missing', 'lock');
    await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('takeLock', () => {
  test('holds until it is released, and not longer', async () => {
    const lock = await takeLock(path);
    await expect(takeLock(path)).rejects.toMatchObject({ code: 'LOCKED' });
    await expect(attempt()).rejects.toMatchObject({ code: 'LOCKED' });
    await lock.release();
    expect(await attempt()).toBe('worked');
  });

  test('releases its own lock only, however often it is asked to', async () => {
    const first = await takeLock(path);
    await first.release();
    const second = await takeLock(path);
    await first.release();
    await expect(attempt()).rejects.toMatchObject({ code: 'LOCKED' });
    await second.release();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('between processes', () => {
  test('a living holder keeps others out until it lets go', async () => {
    const holder = script.start([path], { stdin: null });
    await holder.seen('held');
    const before = await readFile(path);
    await expect(attempt()).rejects.toMatchObject({ code: 'LOCKED' });
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(folder)).toEqual(['state.lock']);
    holder.process.stdin!.end();
    await holder.ended;
    expect(await attempt()).toBe('worked');
  });

  test('the lock of a holder that was killed is taken over', async () => {
    const holder = script.start([path], { stdin: null });
    await holder.seen('held');
    holder.process.kill('SIGKILL');
    await once(holder.process, 'exit');
    expect(existsSync(path)).toBe(true);
    expect(await attempt()).toBe('worked');
    expect(await readdir(folder)).toEqual([]);
  });

  test('of several that find a stale lock at once, exactly one gets it', async () => {
    await plant('state.lock', 'stale', { pid: endedPid });
    const rivals = Array.from({ length: 6 }, () => script.start([path], { stdin: null }));
    const answered = rivals.map(({ process: child }) => once(child.stdout!, 'data'));
    await Promise.all(answered);
    for (const { process: child } of rivals) child.stdin!.end();
    const outputs = await Promise.all(rivals.map(async ({ ended }) => (await ended).stdout.trim()));
    expect(outputs.toSorted()).toEqual(['LOCKED', 'LOCKED', 'LOCKED', 'LOCKED', 'LOCKED', 'held']);
    expect(await readdir(folder)).toEqual([]);
  });

  test('many overlapping attempts on a stale lock never work at the same time', async () => {
    for (let round = 0; round < 10; round++) {
      await plant('state.lock', `stale-${round}`, { pid: endedPid });
      let working = 0;
      let worked = 0;
      const attempts = Array.from({ length: 20 }, () =>
        withLock(path, async () => {
          working++;
          await readdir(folder);
          expect(working).toBe(1);
          working--;
          worked++;
        }),
      );
      const results = await Promise.allSettled(attempts);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'LOCKED' });
      }
      expect(worked).toBeGreaterThan(0);
      expect(await readdir(folder)).toEqual([]);
    }
  });
});

describe('a lock file that was left behind', () => {
  test('by a process that was killed while it took over from another', async () => {
    await plant('state.lock', 'first', { pid: endedPid });
    await plant('state.lock.after-first', 'second', { pid: endedPid });
    expect(await attempt()).toBe('worked');
    expect(await readdir(folder)).toEqual([]);
  });

  test('is left to a living process that is taking over', async () => {
    await plant('state.lock', 'first', { pid: endedPid });
    await plant('state.lock.after-first', 'second', {});
    await expect(attempt()).rejects.toMatchObject({ code: 'LOCKED' });
    expect(await readdir(folder)).toEqual(['state.lock', 'state.lock.after-first']);
  });

  test('by another machine or container stays: whether its holder lives cannot be seen', async () => {
    const content = await plant('state.lock', 'theirs', { pid: endedPid, host: 'elsewhere' });
    await expect(attempt()).rejects.toMatchObject({ code: 'LOCKED', message: expect.stringContaining('elsewhere') });
    expect(await readFile(path, 'utf8')).toBe(content);
  });

  test.each(['', 'not a lock', '{"pid":1}', '[]', 'null', 'x'.repeat(10_000)])(
    'that is no lock stays (%.12j)',
    async (content) => {
      await writeFile(path, content);
      await expect(attempt()).rejects.toMatchObject({ code: 'LOCKED' });
      expect(await readFile(path, 'utf8')).toBe(content);
      expect(await readdir(folder)).toEqual(['state.lock']);
    },
  );

  test('cannot lead to other files by its token', async () => {
    await mkdir(join(folder, 'state.lock.after-x'));
    await plant('state.lock', 'x/../other', { pid: endedPid });
    const other = await plant('other', 'other', { pid: endedPid });
    await expect(attempt()).rejects.toMatchObject({ code: 'LOCKED' });
    expect(await readFile(join(folder, 'other'), 'utf8')).toBe(other);
    expect(await readdir(folder)).toEqual(['other', 'state.lock', 'state.lock.after-x']);
  });

  describe.each(process.platform === 'linux' ? ['Linux'] : [])('on %s, which tells processes of one pid apart', () => {
    test('by an earlier process with a pid that is in use again', async () => {
      await plant('state.lock', 'earlier', { startTicks: '1' });
      expect(await attempt()).toBe('worked');
    });

    test('before the machine was started again', async () => {
      await plant('state.lock', 'earlier', { bootId: '00000000-0000-0000-0000-000000000000' });
      expect(await attempt()).toBe('worked');
    });

    test('by this very process counts as held', async () => {
      await plant('state.lock', 'own', {});
      await expect(attempt()).rejects.toMatchObject({ code: 'LOCKED' });
    });

    test('is told apart by the boot, the pid namespace and the start of its process', async () => {
      expect(await ownIdentity()).toMatchObject({
        pid: process.pid,
        bootId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        pidNamespace: expect.stringMatching(/^pid:\[\d+\]$/),
        startTicks: expect.stringMatching(/^\d+$/),
      });
    });
  });
});

import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';

let base: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ota-cache-'));
  onTestFinished(() => rm(base, { recursive: true }));
});

test('compiled code is kept in the cache directory of the user, for the user alone', async () => {
  runVersion({ XDG_CACHE_HOME: base });
  expect(await readdir(join(base, 'ota-fleet/compiled'))).not.toEqual([]);
});

test('a cache directory that others can write to is not used', async () => {
  await mkdir(join(base, 'ota-fleet'), { recursive: true });
  await chmod(join(base, 'ota-fleet'), 0o777);
  runVersion({ XDG_CACHE_HOME: base });
  expect(await readdir(join(base, 'ota-fleet/compiled'))).toEqual([]);
});

test('no cache is made where no directory is known', async () => {
  runVersion({ XDG_CACHE_HOME: 'relative' });
  expect(await readdir(base)).toEqual([]);
});

function runVersion(env: Record<string, string>): void {
  const script = join(import.meta.dirname, '../../bin/ota.js');
  const { status, stderr } = spawnSync(process.execPath, [script, 'version'], { cwd: base, env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
}

import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import satisfies from 'semver/functions/satisfies.js';
import { describe, expect, onTestFinished, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const { isSupported, SUPPORTED } = createRequire(import.meta.url)('../../bin/start.js');
const oldNode = ['--require', join(root, 'test/support/old-node.cjs')];

describe('the supported Node versions', () => {
  test('are those of package.json', async () => {
    const { engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect(SUPPORTED).toBe(engines.node);
  });

  test.each([
    '18.20.8',
    '20.20.2',
    '22.22.1',
    '22.22.2',
    '22.23.0',
    '23.11.0',
    '24.14.9',
    '24.15.0',
    '25.1.0',
    '26.0.0',
    '30.1.2',
  ])('include %s exactly when the range does', (version) => {
    expect(isSupported(`v${version}`)).toBe(satisfies(version, SUPPORTED));
  });
});

describe('under an old Node', () => {
  test('the repository goes on with the Node it pins, and passes on arguments, output and status', () => {
    const { status, stdout, stderr } = run(root, ['version', '--no-such-flag']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('--no-such-flag');
    expect(run(root, ['--version']).stdout).toMatch(/ node-v(?!20\.)/);
  });

  test('an installed package says what it needs in one sentence and exits 2', async () => {
    const installed = await mkdtemp(join(tmpdir(), 'ota-installed-'));
    onTestFinished(() => rm(installed, { recursive: true }));
    await cp(join(root, 'bin'), join(installed, 'bin'), { recursive: true });
    expect(run(installed, ['--version'])).toEqual({
      status: 2,
      stdout: '',
      stderr: `ota needs Node.js ${SUPPORTED}; this is v20.20.2.\n`,
    });
  });
});

function run(folder: string, args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...oldNode, join(folder, 'bin/ota.js'), ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CliOptions, runCli } from '../../support/cli.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { cliInProcess } from '../in-process.js';

let folder: TestFolder;
beforeEach(async () => {
  folder = await testFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const keys = (words: string, options: Pick<CliOptions, 'env' | 'stdin'> = {}) =>
  cliInProcess('ota', ['keys', ...words.split(' ')], { cwd: folder.path, ...options });

describe('ota keys generate', () => {
  test('makes a pair whose halves have one key id', async () => {
    const { status, stdout } = await keys('generate --out release');
    expect(status).toBe(0);
    expect((await stat(folder.file('release.key'))).mode & 0o777).toBe(0o600);
    const secret = await keys('inspect release.key --json');
    const open = await keys('inspect release.pub --json');
    expect(JSON.parse(secret.stdout)).toMatchObject({ kind: 'private', encrypted: false, test: false, mode: '0600' });
    expect(JSON.parse(open.stdout).keyid).toBe(JSON.parse(secret.stdout).keyid);
    expect(stdout).toContain(JSON.parse(open.stdout).keyid);
    expect(stdout).not.toContain((await readFile(folder.file('release.key'), 'utf8')).split('\n')[1]);
  });

  test('never replaces a key without --force', async () => {
    await keys('generate --out release');
    const before = await folder.state();
    expect(await keys('generate --out release')).toMatchObject({ status: 8, stdout: '' });
    expect(await keys('generate --out release --dry-run')).toMatchObject({ status: 8 });
    expect(await folder.state()).toEqual(before);
    expect(await keys('generate --out release --force')).toMatchObject({ status: 0 });
    expect(await folder.state()).not.toEqual(before);
  });

  test('a dry run makes nothing', async () => {
    const { status, stdout } = await keys('generate --out release --dry-run --json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      privateKey: 'release.key',
      publicKey: 'release.pub',
      encrypted: false,
      test: false,
      dryRun: true,
    });
    expect(await folder.state()).toEqual({});
  });

  test('takes a passphrase from the environment or stdin, and never from argv', async () => {
    const env = { PHRASE: 'open sesame' };
    expect(await keys('generate --out a --passphrase-env PHRASE', { env })).toMatchObject({ status: 0 });
    expect(await readFile(folder.file('a.key'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    expect(await keys('inspect a.key --passphrase-stdin', { stdin: 'open sesame\n' })).toMatchObject({ status: 0 });
    const wrong = await keys('inspect a.key --passphrase-stdin', { stdin: 'hunter2\n' });
    expect(wrong).toMatchObject({ status: 3, stdout: '' });
    expect(wrong.stderr).not.toContain('hunter2');

    const before = await folder.state();
    expect(await keys('generate --out b --passphrase hunter2')).toMatchObject({ status: 2, stdout: '' });
    expect(await keys('generate --out b --encrypt')).toMatchObject({ status: 2 });
    expect(await keys('inspect a.key')).toMatchObject({ status: 2 });
    expect(await folder.state()).toEqual(before);
  });

  test('--test marks both halves, also the one made later', async () => {
    await keys('generate --out demo --test');
    for (const name of ['demo.key', 'demo.pub']) {
      expect(JSON.parse((await keys(`inspect ${name} --json`)).stdout)).toMatchObject({ test: true });
    }
    const { stdout } = await keys('public demo.key');
    expect(stdout).toBe(await readFile(folder.file('demo.pub'), 'utf8'));
  });
});

describe('ota keys public', () => {
  test('writes the public half', async () => {
    await keys('generate --out release');
    expect(await keys('public release.key --out copy.pub')).toMatchObject({ status: 0, stdout: '' });
    expect(await readFile(folder.file('copy.pub'))).toEqual(await readFile(folder.file('release.pub')));
    const before = await folder.state();
    expect(await keys('public release.key --out copy.pub')).toMatchObject({ status: 8 });
    expect(await keys('public release.key --out new.pub --dry-run')).toMatchObject({ status: 0 });
    expect(await folder.state()).toEqual(before);
  });

  test('escapes what an output is called', async () => {
    await keys('generate --out release');
    const args = ['keys', 'public', 'release.key', '--out', 'x\u001b]0;evil\u0007.pub'];
    const { status, stderr } = await runCli('ota', args, { cwd: folder.path });
    expect(status).toBe(0);
    expect(stderr).toContain('x\\u{1b}]0;evil\\u{7}.pub');
  });

  test('tells a private key from a public one without echoing it', async () => {
    await keys('generate --out release');
    await chmod(folder.file('release.key'), 0o600);
    const { status, stderr } = await runCli(
      'ota',
      ['trust', 'init', '--root-key', 'release.key', '--out', 'root.1.json'],
      { cwd: folder.path },
    );
    expect(status).toBe(3);
    expect(stderr).toContain('release.key: is a private key, expected a public key');
    expect(stderr).not.toContain((await readFile(folder.file('release.key'), 'utf8')).split('\n')[1]);
  });
});

test.each([
  ['no key', 'hello', 3],
  ['nothing', '', 3],
  ['too much', 'x'.repeat(20_000), 9],
])('ota keys inspect refuses a file that holds %s', async (_, content, status) => {
  await writeFile(folder.file('a.key'), content);
  expect(await keys('inspect a.key')).toMatchObject({ status, stdout: '' });
});

test('ota keys inspect of a file that is not there', async () => {
  const { status, stdout } = await keys('inspect none.key --json');
  expect(status).toBe(16);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'NOT_FOUND', exitStatus: 16 } });
});

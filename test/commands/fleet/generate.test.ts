import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../support/cli.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
beforeEach(async () => {
  folder = await testFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const generate = (words: string) => runCli('fleet', ['generate', ...words.split(' ')], { cwd: folder.path });

describe('fleet generate', () => {
  test('writes to a file what it writes to stdout, and tells what a replay has to make of it', async () => {
    const [toStdout, toFile] = await Promise.all([
      generate('--lines 3000 --duplicate 10% --seed 7'),
      generate('--lines 3000 --duplicate 10% --seed 7 --out t.ndjson --json'),
    ]);
    expect(toFile.stderr).toBe('');
    expect(toFile.status).toBe(0);
    const written = await readFile(folder.file('t.ndjson'), 'utf8');
    expect(toStdout).toMatchObject({ status: 0, stdout: written });
    const lines = written.split('\n').slice(0, -1);
    const messages = new Set(lines.map((line) => JSON.parse(line).messageId)).size;
    expect(JSON.parse(toFile.stdout)).toEqual({
      out: 't.ndjson',
      dryRun: false,
      lines: 3000,
      messages,
      duplicates: 3000 - messages,
      conflicts: 0,
      malformed: 0,
      bytes: written.length,
    });
    expect(toStdout.stderr).toBe(
      `3,000 lines: ${messages.toLocaleString('en-US')} messages, ${3000 - messages} duplicates\n`,
    );
  });

  test('a dry run counts and writes nothing', async () => {
    const { status, stdout } = await generate('--lines 500 --out t.ndjson --dry-run --json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ dryRun: true, lines: 500 });
    expect(await folder.state()).toEqual({});
  });

  test('replaces a file only with --force', async () => {
    await writeFile(folder.file('t.ndjson'), 'mine');
    const before = await folder.state();
    expect(await generate('--lines 10 --out t.ndjson')).toMatchObject({ status: 8, stdout: '' });
    expect(await generate('--lines 10 --out t.ndjson --dry-run')).toMatchObject({ status: 8, stdout: '' });
    expect(await folder.state()).toEqual(before);
    expect(await generate('--lines 10 --out t.ndjson --force')).toMatchObject({ status: 0 });
    expect(await folder.state()).not.toEqual(before);
  });

  test.each([
    ['--lines 0', 'lines'],
    ['--duplicate 5', 'no share'],
    ['--start yesterday', '--start: "yesterday" is no time'],
    ['--start 9999-01-01T00:00:00Z', 'from 1970 to 2999'],
    ['--ids serial', 'ids'],
    ['--json', '--json needs --out'],
  ])('refuses %s', async (words, cause) => {
    const { status, stdout, stderr } = await generate(words);
    expect(status).toBe(2);
    expect(stdout + stderr).toContain(cause);
    expect(await folder.state()).toEqual({});
  });
});

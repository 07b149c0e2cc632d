import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import Apply from '../../../src/commands/ota/apply.js';
import Verify from '../../../src/commands/ota/verify.js';
import type { AttackIndex } from '../../../src/lib/attack/attack-index.js';
import { CATALOGUE } from '../../../src/lib/attack/catalogue.js';
import { runCli } from '../../support/cli.js';
import type { TestFolder } from '../../support/folder.js';
import { runInProcess } from '../in-process.js';
import { type AttackCorpus, attackCorpus, attempt, attemptByExecutable } from './attack-fixture.js';

const COMMANDS = { verify: Verify, apply: Apply };

let attack: AttackCorpus;
let work: TestFolder;
let corpus: string;
let index: AttackIndex;

const ota = (...args: string[]) => runCli('ota', args, { cwd: work.path });

beforeAll(async () => {
  attack = await attackCorpus();
  ({ work, corpus, index } = attack);
});
afterAll(() => work[Symbol.asyncDispose]());

describe('every file of the catalogue', () => {
  /** The commands take the files of a case by paths inside the corpus. */
  const inCorpus = (args: string[]) => args.map((word) => (existsSync(join(corpus, word)) ? join(corpus, word) : word));

  test.each(CATALOGUE)('row $row: $title', async ({ row }) => {
    const cases = index.cases.filter((entry) => entry.row === row);
    expect(cases).not.toEqual([]);
    const before = await readdir(work.path, { recursive: true });
    for (const entry of cases) {
      for (const name of ['verify', 'apply'] as const) {
        await attempt(work, entry, name, ([, ...args]) => runInProcess(COMMANDS[name], inCorpus(args)));
      }
    }
    const valid = cases
      .filter(({ apply }) => apply?.exitStatus === 0)
      .flatMap((entry) => ['json', 'text'].map((format) => `out-${row}-${entry.name}-${format}`));
    expect((await readdir(work.path, { recursive: true })).sort()).toEqual([...before, ...valid].sort());
  });
});

describe('the executable', () => {
  test('answers one file of every status as the index says, and changes none of them', async () => {
    const before = await work.state();
    const refused = index.cases.filter(({ verify }) => verify.exitStatus !== 0);
    const sample = new Map(refused.map((entry) => [entry.verify.exitStatus, entry]));
    for (const entry of sample.values()) await attemptByExecutable(attack, entry);
    expect(sample.size).toBeGreaterThan(3);
    expect(await work.state()).toEqual(before);
  });

  test('never echoes a private key that was given for a public one', async () => {
    const secret = (await readFile(join(corpus, 'keys/release.key'), 'utf8')).split('\n').at(-3)!;
    expect(secret.length).toBeGreaterThan(40);
    const leaky = index.cases.find(({ name }) => name === 'private-key-as-public')!;
    for (const format of [[], ['--json']]) {
      const { stdout, stderr } = await runCli('ota', [...leaky.verify.arguments, ...format], { cwd: corpus });
      expect(stdout + stderr).not.toContain(secret);
    }
  });
});

describe('ota attack', () => {
  test('makes the same files from the same seed, and other keys from another one', async () => {
    await ota('attack', 'app.ota', '--base', 'old.bin', '--out', 'again');
    await ota('attack', 'app.ota', '--base', 'old.bin', '--seed', 'other', '--out', 'other');
    const below = async (folder: string) => {
      const entries = Object.entries(await work.state()).map(([path, hash]) => [
        path.slice(work.path.length + 1),
        hash,
      ]);
      const inside = entries.filter(([path]) => path!.startsWith(`${folder}/`));
      return Object.fromEntries(inside.map(([path, hash]) => [path!.slice(folder.length + 1), hash]));
    };
    const first = await below('corpus');
    expect(await below('again')).toEqual(first);
    const other = await below('other');
    expect(Object.keys(other)).toEqual(Object.keys(first));
    expect(other['keys/release.pub']).not.toBe(first['keys/release.pub']);
    expect(other['00-valid.ota']).not.toBe(first['00-valid.ota']);
  });

  test('marks its keys as test keys, which a verifier refuses by default', async () => {
    const valid = index.cases.find(({ file }) => file === '00-valid.ota')!;
    const args = valid.verify.arguments.filter((word) => word !== '--allow-test-keys');
    const { status, stderr } = await runCli('ota', args, { cwd: corpus });
    expect({ status, stderr }).toMatchObject({ status: 3, stderr: expect.stringContaining('test key') });
  });

  test('tells how many cases need a base image when none is given', async () => {
    const { status, stdout } = await ota('attack', 'app.ota', '--out', 'nothing', '--dry-run', '--json');
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.cases).toBe(index.cases.length);
    expect(report.applicable).toBeLessThan(report.cases);
    expect(existsSync(work.file('nothing'))).toBe(false);
  });

  test('shows the rows of the catalogue', async () => {
    expect((await ota('attack', '--list')).stdout.split('\n').length).toBeGreaterThan(CATALOGUE.length);
    expect(JSON.parse((await ota('attack', '--list', '--json')).stdout).rows).toEqual(CATALOGUE);
  });

  test.each<[string, number, string[], (() => Promise<unknown>)?]>([
    ['no package', 2, ['--out', 'x']],
    ['no --out', 2, ['app.ota']],
    ['a package that is none', 4, ['old.bin', '--out', 'x']],
    ['a base that no delta fits', 5, ['app.ota', '--base', 'new.bin', '--out', 'x']],
    [
      'a folder with something in it',
      8,
      ['app.ota', '--out', 'full'],
      () => mkdir(work.file('full/inside'), { recursive: true }),
    ],
    ['a file in the place of the folder', 8, ['app.ota', '--out', 'file'], () => writeFile(work.file('file'), '')],
    [
      'a symlink in the place of the folder',
      6,
      ['app.ota', '--out', 'link'],
      () => symlink('corpus', work.file('link')),
    ],
    ['a folder inside none', 16, ['app.ota', '--out', 'no/such/folder']],
  ])('refuses %s and leaves nothing behind', async (_, status, args, prepare) => {
    await prepare?.();
    const before = (await readdir(work.path)).sort();
    const outcome = await ota('attack', ...args);
    expect(outcome).toMatchObject({ status, stdout: '' });
    expect(outcome.stderr).toMatch(/^error: /);
    expect((await readdir(work.path)).sort()).toEqual(before);
  });
});

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { AttackIndex, IndexedCase, IndexedRun } from '../../../src/lib/attack/attack-index.js';
import { runCli } from '../../support/cli.js';
import { writeRealFirmware } from '../../support/firmware.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

type RunName = 'verify' | 'apply';
type Execute = (args: string[]) => Promise<{ status: number | null; stdout: string; stderr: string }>;

/** What must not reach a terminal as it is: controls but the line feed, and marks that change the direction of text. */
const UNESCAPED = /(?!\n)[\p{Cc}\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

export interface AttackCorpus {
  /** Holds `app.ota`, made of `old.bin` and `new.bin`, and the corpus. */
  work: TestFolder;
  /** What `ota attack` made of the package. */
  corpus: string;
  index: AttackIndex;
}

export async function attackCorpus(): Promise<AttackCorpus> {
  const work = await testFolder();
  const ota = (...args: string[]) => runCli('ota', args, { cwd: work.path });
  await writeRealFirmware(work.path, 'movehub');
  await ota('keys', 'generate', '--out', 'release');
  const release = ['--product', 'movehub', '--version', '7.28.0', '--sequence', '2', '--model', 'movehub'];
  await ota('pack', '--from', 'old.bin', '--to', 'new.bin', ...release, '--sign', 'release.key', '--out', 'app.ota');
  const made = await ota('attack', 'app.ota', '--base', 'old.bin', '--out', 'corpus', '--quiet');
  expect(made).toMatchObject({ status: 0, stderr: '' });
  const corpus = work.file('corpus');
  return { work, corpus, index: JSON.parse(await readFile(join(corpus, 'index.json'), 'utf8')) };
}

/** What the index expects and what happened, in one line each, so that a difference can be read. */
function expected(run: IndexedRun): string {
  return `${run.exitStatus} ${run.code ?? ''}`;
}
function happened({ status, stdout }: { status: number | null; stdout: string }): string {
  return `${status} ${JSON.parse(stdout).error?.code ?? ''}`;
}

/** Runs one command on one case, under --json or for people, and checks that it wrote nothing it should not have. */
export async function attempt(
  work: TestFolder,
  { row, name, ...runs }: IndexedCase,
  runName: RunName,
  execute: Execute,
  formats = ['json', 'text'],
): Promise<void> {
  const run = runs[runName];
  if (run === undefined) return;
  const label = `row ${row}: ${runName} ${runs.file} (${runs.change})`;
  for (const format of formats) {
    const out = work.file(`out-${row}-${name}-${format}`);
    const words = run.arguments.map((word) => (word === '{out}' ? out : word));
    const outcome = await execute(format === 'json' ? [...words, '--json'] : words);
    if (format === 'json') expect(happened(outcome), `${label}\n${outcome.stderr}`).toBe(expected(run));
    else if (run.exitStatus !== 0) expect(outcome, label).toMatchObject({ status: run.exitStatus, stdout: '' });
    expect(`${outcome.stdout}${outcome.stderr}`, label).not.toMatch(/\n\s+at |"stack"/);
    expect(outcome.stderr, label).not.toMatch(UNESCAPED);
    expect(outcome.stdout.length + outcome.stderr.length, label).toBeLessThan(10_000);
    expect(existsSync(out), `${label}: its output exists`).toBe(runName === 'apply' && run.exitStatus === 0);
  }
}

/** Runs both commands on one case by the executable: one for programs, one for people. */
export async function attemptByExecutable({ work, corpus }: AttackCorpus, entry: IndexedCase): Promise<void> {
  const execute: Execute = (args) => runCli('ota', args, { cwd: corpus });
  await attempt(work, entry, 'verify', execute, ['json']);
  await attempt(work, entry, 'apply', execute, ['text']);
}

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type CommandSubject, runCommandProbe } from '../../../src/lib/campaign/command-probe.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { testFolder } from '../../support/folder.js';
import { figuresOf } from '../rollout/stage-figures.js';

const SUBJECT: CommandSubject = {
  campaign: 'spring',
  stage: 'pilot',
  figures: figuresOf({ installed: 97, failed: 3 }),
};
const environment = { PATH: process.env.PATH };

/** Runs a program of Node as a gate's command. */
function run(program: string, options: { timeoutSeconds?: number; signal?: AbortSignal; words?: string[] } = {}) {
  const { timeoutSeconds = 30, signal, words = [] } = options;
  const argv = [process.execPath, '-e', program, ...words];
  const gate = { type: 'command', argv, timeoutSeconds, everySeconds: 60, otherwise: 'pause' } as const;
  return runCommandProbe(gate, SUBJECT, { environment, signal });
}

/** Whether a process is there and runs: one that has ended may be left to be noticed by somebody. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = `/proc/${pid}/stat`;
    return !existsSync(stat) || !readFileSync(stat, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

describe('a command', () => {
  test.each([
    [0, 'good'],
    [75, 'holds'],
    [1, 'bad'],
    [3, 'bad'],
  ])('that exits with %i is %s, and its last words are told', async (status, outcome) => {
    const result = await run(
      `console.error('first'); console.error('too many\\u001b[2J errors'); process.exitCode = ${status}`,
    );
    expect(result).toEqual({
      outcome,
      said: `${process.execPath} exited with ${status}: too many\\u{1b}[2J errors`,
    });
  });

  test('is told of the campaign, the stage and the figures, and of nothing but what it is given', async () => {
    const names = "['CAMPAIGN', 'STAGE', 'TOTAL', 'INSTALLED', 'FAILED', 'STUCK'].map((name) => 'ROLLOUT_' + name)";
    const { said } = await run(`
      console.error(${names}.map((name) => process.env[name]).join(' '), Object.keys(process.env).includes('VITEST'));
      process.exitCode = 1`);
    expect(said).toMatch(/: spring pilot 100 97 3 0 false$/);
  });

  test('is run without a shell', async () => {
    const words = ['$(exit 9)', '; exit 8', '*'];
    const { said } = await run(`console.error(process.argv.slice(1).join(' ')); process.exitCode = 1`, { words });
    expect(said).toMatch(/: \$\(exit 9\) ; exit 8 \*$/);
  });

  test('that is not there, or cannot be, has failed', async () => {
    const gate = { type: 'command', timeoutSeconds: 5, everySeconds: 60, otherwise: 'pause' } as const;
    const missing = await runCommandProbe({ ...gate, argv: ['/no/such/program'] }, SUBJECT, { environment });
    expect(missing).toMatchObject({ outcome: 'failed', said: expect.stringContaining('ENOENT') });
    const impossible = await runCommandProbe({ ...gate, argv: ['true', 'a\0b'] }, SUBJECT, { environment });
    expect(impossible.outcome).toBe('failed');
  });

  test('that prints without end is ended', async () => {
    const result = await run(`const more = () => process.stdout.write('x'.repeat(65536), more); more()`);
    expect(result).toEqual({ outcome: 'failed', said: `${process.execPath} printed more than 1048576 bytes` });
  });

  test('that does not finish in time has not answered', async () => {
    const result = await run('setInterval(() => {}, 1000)', { timeoutSeconds: 0.2 });
    expect(result).toEqual({ outcome: 'failed', said: `${process.execPath} did not finish within 0.2 s` });
  });

  test('that is ended by a signal has not answered', async () => {
    expect(await run(`process.kill(process.pid, 'SIGKILL')`)).toMatchObject({
      outcome: 'failed',
      said: expect.stringContaining('was ended by SIGKILL'),
    });
  });
});

/** Starts a process in its own group, tells its id on stderr and in a file, and stays. */
const WITH_CHILD = `
  const { spawn } = require('node:child_process');
  const { renameSync, writeFileSync } = require('node:fs');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
  console.error(String(child.pid));
  if (process.argv[1]) {
    writeFileSync(process.argv[1] + '.part', String(child.pid));
    renameSync(process.argv[1] + '.part', process.argv[1]);
  }
`;

describe('what a command has started', () => {
  test('is gone when it has ended', async () => {
    const { outcome, said } = await run(`${WITH_CHILD}; child.unref(); process.exit(0)`);
    expect(outcome).toBe('good');
    const pid = Number(/(\d+)$/.exec(said)![1]);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  test('is gone when the campaign is interrupted', async () => {
    await using folder = await testFolder();
    const aborting = new AbortController();
    const file = folder.file('pid');
    const result = run(`${WITH_CHILD}; setInterval(() => {}, 1000)`, { signal: aborting.signal, words: [file] });
    await expect.poll(() => existsSync(file), { timeout: 15_000 }).toBe(true);
    aborting.abort(new OtaError('TERMINATED', 'Terminated'));
    await expect(result).rejects.toMatchObject({ code: 'TERMINATED' });
    await expect.poll(() => isAlive(Number(readFileSync(file, 'utf8')))).toBe(false);
  });
});

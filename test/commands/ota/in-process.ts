import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Config } from '@oclif/core';
import { vi } from 'vitest';
import { cleanEnvironment } from '../../support/cli.js';

const COMMANDS = join(import.meta.dirname, '../../../src/commands/ota');

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

type CommandClass = (new (argv: string[], config: Config) => Command) & { id?: string };

/** The little of oclif's Config that a running command uses. */
const config = {
  bin: 'ota',
  runHook: async () => ({ successes: [], failures: [] }),
  pjson: { name: 'ota-fleet', version: '0.0.0', oclif: { bin: 'ota' } },
  scopedEnvVar: () => undefined,
  scopedEnvVarKey: (name: string) => name,
  scopedEnvVarKeys: (name: string) => [name],
} as unknown as Config;

/** Runs a command from its source, without a process of its own: a hundred times faster than the executable. */
export async function runInProcess(Loaded: CommandClass, argv: readonly string[]): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  const exitCode = process.exitCode;
  process.exitCode = 0;
  try {
    const command = new Loaded([...argv], config);
    await (command as unknown as { _run(): Promise<unknown> })._run();
    return { status: Number(process.exitCode), ...written };
  } finally {
    process.exitCode = exitCode;
    for (const spy of spies) spy.mockRestore();
  }
}

/**
 * `ota WORDS…` typed in a folder, in this process. One at a time: the working directory belongs to the process.
 *
 * Where the executable matters (statuses, streams, signals, threads that must end) a test starts it by `runCli`.
 */
export async function otaInProcess(words: readonly string[], cwd: string): Promise<Outcome> {
  const depth = words.findIndex((_, at) => existsSync(`${join(COMMANDS, ...words.slice(0, at + 1))}.ts`)) + 1;
  const id = words.slice(0, depth);
  const { default: Loaded } = await import(`${join(COMMANDS, ...id)}.ts`);
  Loaded.id = id.join(':');
  const { env } = process;
  const home = process.cwd();
  process.env = { ...cleanEnvironment() };
  process.chdir(cwd);
  try {
    return await runInProcess(Loaded, words.slice(depth));
  } finally {
    process.chdir(home);
    process.env = env;
  }
}

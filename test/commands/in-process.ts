import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Command, Config } from '@oclif/core';
import { vi } from 'vitest';
import { type CliOptions, type CliResult, cleanEnvironment, type Executable } from '../support/cli.js';

const COMMANDS = join(import.meta.dirname, '../../src/commands');

export interface Outcome extends CliResult {
  status: number;
}

type CommandClass = (new (argv: string[], config: Config) => Command) & { id?: string };

/** The little of oclif's Config that a running command uses. */
const configOf = (bin: Executable) =>
  ({
    bin,
    runHook: async () => ({ successes: [], failures: [] }),
    pjson: { name: 'ota-fleet', version: '0.0.0', oclif: { bin } },
    root: join(import.meta.dirname, '../..'),
    scopedEnvVar: () => undefined,
    scopedEnvVarKey: (name: string) => name,
    scopedEnvVarKeys: (name: string) => [name],
  }) as unknown as Config;

const STREAMS = ['stdout', 'stderr'] as const;

/** Runs a command from its source, without a process of its own: a hundred times faster than the executable. */
export async function runInProcess(
  Loaded: CommandClass,
  argv: readonly string[],
  executable: Executable = 'ota',
): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const listeners = STREAMS.map((name) => process[name].listeners('error'));
  const spies = STREAMS.map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((...args: unknown[]) => {
      const [bytes] = args;
      written[name] += bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : String(bytes);
      const taken = args.at(-1);
      if (typeof taken === 'function') process.nextTick(taken as () => void);
      return true;
    }),
  );
  const exitCode = process.exitCode;
  process.exitCode = 0;
  try {
    const command = new Loaded([...argv], configOf(executable));
    await (command as unknown as { _run(): Promise<unknown> })._run();
    return { status: Number(process.exitCode), ...written };
  } finally {
    process.exitCode = exitCode;
    for (const spy of spies) spy.mockRestore();
    // A command leaves its listeners: its process would end.
    for (const [at, name] of STREAMS.entries()) {
      for (const left of process[name].listeners('error').filter((one) => !listeners[at]!.includes(one))) {
        process[name].off('error', left as () => void);
      }
    }
  }
}

/**
 * `EXECUTABLE WORDS…` typed in a folder, in this process. One at a time: the working directory belongs to the process.
 *
 * Where the executable matters (statuses, streams, signals, threads that must end) a test starts it by `runCli`.
 */
export async function cliInProcess(
  executable: Executable,
  words: readonly string[],
  { cwd, env = {}, stdin }: Pick<CliOptions, 'env' | 'stdin'> & { cwd: string },
): Promise<Outcome> {
  const folder = join(COMMANDS, executable);
  const depth = words.findLastIndex((_, at) => existsSync(`${folder}/${words.slice(0, at + 1).join('/')}.ts`)) + 1;
  const id = words.slice(0, depth);
  const { default: Loaded } = await import(`${join(folder, ...id)}.ts`);
  Loaded.id = id.join(':');
  const home = process.cwd();
  const given = { env: process.env, stdin: Object.getOwnPropertyDescriptor(process, 'stdin')! };
  process.env = { ...cleanEnvironment(), ...env };
  Object.defineProperty(process, 'stdin', {
    ...{ configurable: true, enumerable: true },
    value: Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)]),
  });
  process.chdir(cwd);
  try {
    return await runInProcess(Loaded, words.slice(depth), executable);
  } finally {
    process.chdir(home);
    process.env = given.env;
    Object.defineProperty(process, 'stdin', given.stdin);
  }
}

/** `ota WORDS…`, as {@link cliInProcess}. */
export function otaInProcess(words: readonly string[], cwd: string): Promise<Outcome> {
  return cliInProcess('ota', words, { cwd });
}

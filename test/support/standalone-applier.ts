import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type CliResult, cleanEnvironment } from './cli.js';

export const applierFile = join(import.meta.dirname, '../../dist/apply.mjs');

/** Runs dist/apply.mjs as a device would. @param node the command that runs JavaScript */
export async function runApplier(
  args: readonly string[],
  { node = [process.execPath], env = {} }: { node?: readonly [string, ...string[]]; env?: NodeJS.ProcessEnv } = {},
): Promise<CliResult> {
  const [program, ...before] = node;
  const child = spawn(program, [...before, applierFile, ...args], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, stdout, stderr };
}

/** Runs it until its `when`th call of `syscall`, at which it is killed as by `kill -9`. @returns whether it came to that */
export async function killApplierAt(syscall: string, when: number, args: readonly string[]): Promise<boolean> {
  const injection = ['-e', `trace=${syscall}`, '-e', `inject=${syscall}:signal=KILL:when=${when}`];
  const { status } = await runApplier(args, {
    node: ['strace', '-f', '-qq', '-o', '/dev/null', ...injection, process.execPath],
    // strace counts the calls of each thread, so one thread shall make them all; and Node's cache makes some too
    env: { UV_THREADPOOL_SIZE: '1', NODE_DISABLE_COMPILE_CACHE: '1' },
  });
  return status !== 0;
}

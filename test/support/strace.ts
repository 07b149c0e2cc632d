import { readFile } from 'node:fs/promises';
import { type CliResult, runCli } from './cli.js';
import { type TestFolder, testFolder } from './folder.js';

export interface Fault {
  /** System call that is tampered with: `fsync`. */
  syscall: string;
  /** What strace does to it: `error=EIO`, `signal=KILL`. */
  injection: string;
  /** Which of the calls: `3`, `2+` (that one and all later ones). */
  when: number | string;
}

export interface FaultyRun extends CliResult {
  /** Whether there was such a call. */
  injected: boolean;
}

/** Runs `ota` in a folder (with `tmp` inside for temporary files) while the operating system misbehaves. */
export async function runFaulty(folder: TestFolder, args: readonly string[], fault: Fault): Promise<FaultyRun> {
  const { syscall, injection, when } = fault;
  await using logs = await testFolder();
  const log = logs.file('strace.log');
  const tampering = ['-e', `trace=${syscall}`, '-e', `inject=${syscall}:${injection}:when=${when}`];
  const result = await runCli('ota', args, {
    cwd: folder.path,
    node: ['strace', '-f', '-qq', '-o', log, ...tampering, process.execPath],
    // strace counts the calls of each thread, so one thread shall make them all; and Node's cache makes some too.
    env: { UV_THREADPOOL_SIZE: '1', NODE_DISABLE_COMPILE_CACHE: '1', TMPDIR: folder.file('tmp') },
  });
  const calls = await readFile(log, 'utf8');
  const injected = result.status === null || calls.includes('(INJECTED)');
  const count = calls.split(`${syscall}(`).length - 1;
  if (!injected && count >= Number.parseInt(String(when), 10)) {
    throw new Error(`strace let ${count} calls of ${syscall} pass, ${injection} was due at number ${when}`);
  }
  return { ...result, injected };
}

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export type Executable = 'ota' | 'fleet';

export interface CliOptions {
  /** Working directory; the repository by default. */
  cwd?: string;
  /** Added to a small clean environment; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  /** Bytes on stdin; without them stdin is empty. */
  stdin?: string | Uint8Array;
  /** The command that runs JavaScript, instead of the Node that runs the tests. */
  node?: readonly [string, ...string[]];
  /** Aborting it sends SIGTERM, or `abort('SIGINT')` sends that signal. */
  signal?: AbortSignal;
}

export interface CliResult {
  /** Exit status; null when a signal ended the process. */
  status: number | null;
  stdout: string;
  stderr: string;
}

const root = join(import.meta.dirname, '../..');

/** Runs the built executable as a user would. */
export async function runCli(
  executable: Executable,
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  if (!existsSync(join(root, 'dist'))) throw new Error('dist/ is missing: run `npm run build` first');
  const [node, ...nodeArgs] = options.node ?? [process.execPath];
  const child = spawn(node, [...nodeArgs, executableFile(executable), ...args], {
    cwd: options.cwd ?? root,
    env: { ...cleanEnvironment(), ...options.env },
    stdio: 'pipe',
  });
  const kill = () => child.kill(options.signal?.reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
  options.signal?.addEventListener('abort', kill, { once: true });
  // A command that refuses its arguments does not read its stdin.
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  child.stdin.end(options.stdin);
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  options.signal?.removeEventListener('abort', kill);
  return { status, stdout, stderr };
}

export function executableFile(executable: Executable): string {
  return join(root, 'bin', `${executable}.js`);
}

/** Nothing of the developer's settings, colours or CI variables reaches the program under test. */
export function cleanEnvironment(): Record<string, string | undefined> {
  const { PATH, TMPDIR, SystemRoot } = process.env;
  return { PATH, TMPDIR, SystemRoot, HOME: join(root, 'node_modules', '.cache', 'test-home'), NO_COLOR: '1' };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

/** A program made from one TypeScript file of test/support/probes, to be run as a process of its own. */
export interface Script extends AsyncDisposable {
  start(args: readonly string[], options?: ScriptOptions): RunningScript;
}

export interface ScriptOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Another Node than the one that runs the tests. */
  node?: string;
  /** Bytes on stdin; null keeps it open and silent. */
  stdin?: string | null;
}

export interface RunningScript {
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves once this text has appeared on stdout or stderr; rejects when the process ends without it. */
  seen(text: string): Promise<void>;
  readonly ended: Promise<{ status: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

export async function bundleScript(name: string): Promise<Script> {
  const folder = await mkdtemp(join(tmpdir(), 'ota-script-'));
  const file = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, 'probes', `${name}.ts`)],
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.22',
    external: ['typescript', 'ts-node', 'tsx', '@oclif/table'],
    alias: { '@platformatic/wasm-utils': '@platformatic/wasm-utils/bundled' },
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
    },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    logLevel: 'error',
  });
  return {
    start: (args, options = {}) => startScript(file, args, options),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

function startScript(
  file: string,
  args: readonly string[],
  { cwd, env, node = process.execPath, stdin = '' }: ScriptOptions,
): RunningScript {
  const { PATH, TMPDIR, SystemRoot } = process.env;
  const child = spawn(node, [file, ...args], {
    cwd,
    env: { PATH, TMPDIR, SystemRoot, HOME: '/nonexistent', NO_COLOR: '1', ...env },
    stdio: 'pipe',
  });
  child.stdin.on('error', () => {}); // it may end without reading
  if (stdin !== null) child.stdin.end(stdin);
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
    });
  }
  const ended = new Promise<{ status: number | null; signal: NodeJS.Signals | null }>((resolve, reject) =>
    child.on('error', reject).on('close', (status, signal) => resolve({ status, signal })),
  ).then((how) => ({ ...how, ...written }));
  const seen = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if ((written.stdout + written.stderr).includes(text)) resolve();
      };
      look();
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.on('close', () => reject(new Error(`it ended without ${text}: ${JSON.stringify(written)}`)));
    });
  return { process: child, stdout: () => written.stdout, stderr: () => written.stderr, seen, ended };
}

import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const sources = join(import.meta.dirname, '../service/c-applier');

/** Ends with this when memory was used wrongly, or something is undefined in C. */
const SANITISER_STATUS = 99;

/** What the applier in C did: it made the image, refused the patch, or did something that it must never do. */
export type COutcome = 'made' | 'refused' | { broken: string };

/** Compiles the applier that was written from docs/delta-format.md alone, with sanitisers, to `program`. */
export async function compileApplier(program: string): Promise<void> {
  const files = (await readdir(sources)).filter((name) => name.endsWith('.c')).map((name) => join(sources, name));
  const checks = ['-std=c11', '-D_POSIX_C_SOURCE=200809L', '-O2', '-Wall', '-Wextra', '-Werror'];
  await run('gcc', [
    ...checks,
    '-fsanitize=address,undefined',
    '-fno-sanitize-recover=all',
    '-o',
    program,
    ...files,
    '-lm',
  ]);
}

/** Runs it. It keeps its arrays until it ends, so leaks are not looked for. */
export async function applyInC(program: string, old: string, patch: string, made: string): Promise<COutcome> {
  const options = `detect_leaks=0:exitcode=${SANITISER_STATUS}:allocator_may_return_null=1`;
  try {
    await run(program, [old, patch, made], { env: { ASAN_OPTIONS: options }, timeout: 60_000 });
    return 'made';
  } catch (error) {
    const { code, stderr } = error as { code?: number; stderr?: string };
    return code === 1 && stderr?.startsWith('refused: ') ? 'refused' : { broken: `status ${code}: ${stderr}` };
  }
}

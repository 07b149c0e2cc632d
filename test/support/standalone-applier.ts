import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type CliResult, cleanEnvironment } from './cli.js';

export const applierFile = join(import.meta.dirname, '../../dist/apply.mjs');

/** Runs dist/apply.mjs as a device would. @param onStart gets the process, to send it signals */
export async function runApplier(
  args: readonly string[],
  { node = process.execPath, onStart }: { node?: string; onStart?: (child: ChildProcess) => void } = {},
): Promise<CliResult> {
  const child = spawn(node, [applierFile, ...args], { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  onStart?.(child);
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, stdout, stderr };
}

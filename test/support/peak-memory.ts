import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CliResult } from './cli.js';

/** Runs a program under Node. */
type Run = (node: readonly [string, ...string[]], env: { PEAK_FILE: string }) => Promise<CliResult>;

/** Node that tells the most memory it had. */
const measured = [process.execPath, '--require', join(import.meta.dirname, 'report-peak.cjs')] as const;

/** The most memory that a program had resident, bytes, as Linux counts it: its own and that of all its threads. */
export async function peakMemory(folder: string, run: Run): Promise<CliResult & { peakBytes: number }> {
  const PEAK_FILE = join(folder, 'peak');
  const result = await run([...measured], { PEAK_FILE });
  return { ...result, peakBytes: Number(readFileSync(PEAK_FILE, 'utf8')) };
}

/** The same of Node that does nothing. */
export function idlePeakBytes(folder: string): number {
  const PEAK_FILE = join(folder, 'idle');
  const [node, ...args] = measured;
  spawnSync(node, [...args, '-e', '0'], { env: { ...process.env, PEAK_FILE } });
  return Number(readFileSync(PEAK_FILE, 'utf8'));
}

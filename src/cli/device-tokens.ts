import { randomBytes } from 'node:crypto';
import { type AtomicFile, openAtomicFile } from '../lib/core/atomic-file.js';
import { OtaError } from '../lib/core/errors.js';
import { csvLine } from '../lib/ui/csv-text.js';

/** 256 random bits, hexadecimal, as the server makes them. */
export function newDeviceToken(): string {
  return randomBytes(32).toString('hex');
}

/**
 * Writes tokens of devices for their owner alone, before the server learns of them: what the server knows and nobody else
 * does would be lost. The file has its name once it is committed.
 */
export async function writeTokens(
  path: string,
  text: string,
  { force, signal }: { force: boolean; signal: AbortSignal },
): Promise<AtomicFile> {
  const file = await openAtomicFile(path, { force, mode: 0o600, signal });
  try {
    await file.write(Buffer.from(text));
  } catch (error) {
    await file.discard();
    throw error;
  }
  return file;
}

/** A table of tokens, with a header row. */
export function tokensCsv(tokens: Iterable<readonly [id: string, token: string]>): string {
  return [['id', 'token'] as const, ...tokens].map((cells) => `${csvLine(cells)}\n`).join('');
}

/** Did the server refuse, so that it has kept nothing? A lost answer leaves that open. */
export function isRefusal(error: unknown): boolean {
  return error instanceof OtaError && [2, 8, 9, 15, 16].includes(error.exitCode);
}

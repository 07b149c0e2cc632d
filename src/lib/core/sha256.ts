import { createHash } from 'node:crypto';
import { chunksOf } from './file-access.js';
import type { RandomAccess } from './random-access.js';

/** SHA-256 of bytes in memory, 64 lowercase hex digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * SHA-256 of everything a source holds, 64 lowercase hex digits, in constant memory.
 *
 * @throws OtaError IO_FAILED when the source ends before its size; INTERRUPTED, TERMINATED
 */
export async function sha256OfAccess(source: RandomAccess, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(source, signal ? { signal } : {})) hash.update(chunk);
  return hash.digest('hex');
}

import { createHash } from 'node:crypto';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { chunksOf, openFile } from '../../core/file-access.js';

/**
 * Copies a file that does not change, and tells what it copied. The copy is synced.
 *
 * @throws OtaError NOT_FOUND, PERMISSION_DENIED, NO_SPACE, IO_FAILED, INTERRUPTED, TERMINATED
 */
export async function hashedCopy(
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<{ size: number; sha256: string }> {
  await using file = await openFile(from);
  const hash = createHash('sha256');
  async function* hashed() {
    for await (const chunk of chunksOf(file, signal ? { signal } : {})) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const { size } = await writeFileAtomically(to, hashed(), { mode: 0o600, ...(signal && { signal }) });
  return { size, sha256: hash.digest('hex') };
}

/** SHA-256 of a file as it lies there. */
export async function hashOfFile(path: string, signal?: AbortSignal): Promise<{ size: number; sha256: string }> {
  await using file = await openFile(path);
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(file, signal ? { signal } : {})) hash.update(chunk);
  return { size: file.size, sha256: hash.digest('hex') };
}

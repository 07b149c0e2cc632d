import type { AtomicFile } from './atomic-file.js';

/**
 * Moves several files to their names. When one fails, those before it are taken back.
 *
 * @throws OtaError as writeFileAtomically
 */
export async function commitTogether(files: readonly AtomicFile[]): Promise<void> {
  const committed: AtomicFile[] = [];
  try {
    for (const file of files) {
      await file.commit();
      committed.push(file);
    }
  } catch (error) {
    for (const file of committed) await file.takeBack();
    throw error;
  }
}

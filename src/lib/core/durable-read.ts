import type { DurableFile, DurableFs } from './durable-fs.js';
import { OtaError } from './errors.js';

/** @returns undefined where there is no such file */
export async function openIfThere(fs: DurableFs, path: string): Promise<DurableFile | undefined> {
  try {
    return await fs.open(path, 'read');
  } catch (error) {
    if (error instanceof OtaError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

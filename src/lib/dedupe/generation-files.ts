import type { DurableFs } from '../core/durable-fs.js';
import { parseStoreFileName } from './store-names.js';

/** The file that holds a generation. */
export interface GenerationFile {
  readonly name: string;
  readonly kind: 'log' | 'segment';
  readonly generation: number;
}

/**
 * The generations in a partition's folder, oldest first. Where a log stands beside its segment, that
 * is complete, and the log is left over.
 */
export async function listGenerations(directory: string, fs: DurableFs): Promise<GenerationFile[]> {
  const files = new Map<number, GenerationFile>();
  for (const name of await fs.list(directory)) {
    const { kind, generation } = parseStoreFileName(name) ?? {};
    if (generation === undefined || (kind !== 'log' && kind !== 'segment')) continue;
    if (kind === 'segment' || !files.has(generation)) files.set(generation, { name, kind, generation });
  }
  return [...files.values()].sort((a, b) => a.generation - b.generation);
}

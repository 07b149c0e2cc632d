import { join } from 'node:path';
import type { DurableFs } from '../core/durable-fs.js';
import { OtaError } from '../core/errors.js';
import { type HeldLock, type TakeLock, takeLock } from '../core/lock.js';
import { escapeText } from '../core/text.js';
import { copyPartition, removeGenerations } from './copy-partition.js';
import { listGenerations } from './generation-files.js';
import type { DamagedBlock } from './store.js';
import {
  addStoreFile,
  LOCK_FILE,
  listPartitions,
  partitionFolder,
  readStoreFile,
  requireStoreFile,
  type StoreFile,
  tenantDirectory,
} from './store-file.js';

export interface SnapshotOptions {
  readonly tenant: string;
  readonly fs: DurableFs;
  readonly signal?: AbortSignal;
  /** For disks that are not this machine's. */
  readonly takeLock?: TakeLock;
}

export interface SnapshotSummary {
  readonly partitions: number;
  readonly files: number;
  readonly bytes: number;
  /** Copied with the rest; found in logs only: verifyStore looks at everything. */
  readonly damage: readonly DamagedBlock[];
}

/**
 * Copies a store to another directory, where it is a store like any other. Needs no lock: another process may
 * write, seal and age meanwhile. Each partition is as it was after one of its commits.
 *
 * Sealed generations, which never change, are linked on the same file system: a snapshot takes little
 * time and room, and is no protection against a disk that fails.
 *
 * @param target  where `target/tenant` must be missing or empty; it is a store once its store.json stands
 * @throws OtaError NOT_FOUND where there is no store, OUTPUT_EXISTS, LOCKED, STORE_DAMAGED for its store.json;
 *   those of DurableFs; INTERRUPTED, TERMINATED
 */
export async function snapshotStore(
  directory: string,
  target: string,
  options: SnapshotOptions,
): Promise<SnapshotSummary> {
  const from = tenantDirectory(directory, options.tenant);
  const file = await requireStoreFile(from, options.fs);
  return await copyStore(from, tenantDirectory(target, options.tenant), file, options);
}

/** @throws OtaError OUTPUT_EXISTS; as copyPartition */
export async function copyStore(
  from: string,
  to: string,
  file: StoreFile,
  { fs, signal, takeLock: take = takeLock }: SnapshotOptions,
): Promise<SnapshotSummary> {
  if ((await readStoreFile(to, fs, { isComplete: false })) !== undefined) throw outputExists(to);
  const summary = { partitions: 0, files: 0, bytes: 0, damage: [] as DamagedBlock[] };
  /** Of the target's partitions: nobody else copies or opens them before all of them are there. */
  const locks: { partitionDir: string; lock: HeldLock }[] = [];
  try {
    for (const partition of await listPartitions(from, fs)) {
      const folder = partitionFolder(partition);
      const partitionDir = join(to, folder);
      await fs.makeDirectory(partitionDir);
      const lock = await take(join(partitionDir, LOCK_FILE));
      if ((await listGenerations(partitionDir, fs)).length > 0) {
        await lock.release();
        throw outputExists(to);
      }
      locks.push({ partitionDir, lock });
      const copy = await copyPartition(join(from, folder), partitionDir, { fs, ...(signal && { signal }) });
      summary.partitions++;
      summary.files += copy.files;
      summary.bytes += copy.bytes;
      summary.damage.push(...copy.damage.map((block) => ({ ...block, file: `${folder}/${block.file}` })));
    }
    // What makes it a store, and therefore comes last.
    if (!(await addStoreFile(to, file, fs))) throw outputExists(to);
    return summary;
  } catch (error) {
    // The failure that led here is the one to report.
    for (const { partitionDir } of locks) await removeGenerations(partitionDir, fs).catch(() => {});
    throw error;
  } finally {
    for (const { lock } of locks) await lock.release();
  }
}

function outputExists(tenantDir: string): OtaError {
  return new OtaError('OUTPUT_EXISTS', `${escapeText(tenantDir)}: holds a store already, or half of one`, [
    'Name another directory, or move this one away.',
  ]);
}

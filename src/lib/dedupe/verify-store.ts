import { join } from 'node:path';
import { throwIfAborted } from '../core/abort.js';
import type { DurableFs } from '../core/durable-fs.js';
import { listGenerations } from './generation-files.js';
import type { DamagedBlock } from './store.js';
import { listPartitions, partitionFolder, requireStoreFile, type StoreFile, tenantDirectory } from './store-file.js';
import { segmentName } from './store-names.js';
import { type VerifiedGeneration, verifyGeneration } from './verify-generation.js';

export interface VerifyOptions {
  readonly tenant: string;
  readonly fs: DurableFs;
  readonly signal?: AbortSignal;
  /** After each file. */
  readonly onFile?: (file: { readonly path: string; readonly bytes: number }) => void;
}

export interface PartitionVerification {
  readonly partition: number;
  readonly generations: number;
  /** Keys of the blocks that are intact. */
  readonly keys: number;
  /** Keys ever inserted, as the newest intact block says. */
  readonly insertedKeys: number;
  /** Frames of logs, blocks of segments and their headers. */
  readonly blocks: number;
  readonly bytes: number;
  /** What a crash left half-written at the end of the newest log, or a writer is about to finish: no damage. */
  readonly unfinishedBytes: number;
  readonly damage: readonly DamagedBlock[];
}

export interface StoreVerification {
  /** store.json without the secret. */
  readonly store: Omit<StoreFile, 'secret'>;
  /** Those that have a folder: one that was never opened has none. */
  readonly partitions: readonly PartitionVerification[];
}

/**
 * Reads and checks every block of every partition. Changes nothing and needs no lock: also while
 * another process writes.
 *
 * @throws OtaError NOT_FOUND where there is no store; STORE_DAMAGED, JSON_INVALID and STORE_MISMATCH for
 *   its store.json; IO_FAILED, PERMISSION_DENIED; INTERRUPTED, TERMINATED
 */
export async function verifyStore(directory: string, options: VerifyOptions): Promise<StoreVerification> {
  const tenantDir = tenantDirectory(directory, options.tenant);
  const { secret: _, ...store } = await requireStoreFile(tenantDir, options.fs);
  const partitions: PartitionVerification[] = [];
  for (const partition of await listPartitions(tenantDir, options.fs)) {
    partitions.push(await verifyPartition(join(tenantDir, partitionFolder(partition)), partition, options));
  }
  return { store, partitions };
}

async function verifyPartition(
  directory: string,
  partition: number,
  { fs, signal, onFile }: VerifyOptions,
): Promise<PartitionVerification> {
  const verified = new Map<number, VerifiedGeneration>();
  const start = await listGenerations(directory, fs);
  const newest = start.at(-1)?.generation ?? -1;
  // A writer seals and ages meanwhile: what has gone is looked for again under its other name.
  for (let todo = start; todo.length > 0; ) {
    for (const file of todo) {
      throwIfAborted(signal);
      const result = await verifyGeneration(directory, file, { fs, isNewest: file.generation === newest });
      if (result === undefined) continue;
      verified.set(file.generation, result);
      onFile?.({ path: join(directory, file.name), bytes: result.bytes });
    }
    const present = await listGenerations(directory, fs);
    todo = present.filter(({ generation }) => generation <= newest && !verified.has(generation));
  }
  const first = await firstGeneration(directory, verified, fs);
  const generations = [...verified.values()]
    .filter(({ generation }) => generation >= first.present)
    .sort((a, b) => a.generation - b.generation);
  return summary(partition, generations, first.needed ?? first.present);
}

/** With which generation the window begins by now, and with which one it has to begin as far as that is known. */
async function firstGeneration(
  directory: string,
  verified: ReadonlyMap<number, VerifiedGeneration>,
  fs: DurableFs,
): Promise<{ present: number; needed: number | undefined }> {
  const files = await listGenerations(directory, fs);
  const newest = files.at(-1);
  // Read after the list, so that nothing of what it needs can have aged before.
  const latest = newest && (await verifyGeneration(directory, newest, { fs, isNewest: true }));
  const said = [...verified.values(), latest].flatMap((file) => file?.oldestGeneration ?? []);
  const needed = said.length > 0 ? Math.max(...said) : undefined;
  return { present: Math.max(needed ?? 0, files[0]?.generation ?? 0), needed };
}

function summary(
  partition: number,
  generations: readonly VerifiedGeneration[],
  firstNeeded: number,
): PartitionVerification {
  const sum = (value: (file: VerifiedGeneration) => number) =>
    generations.reduce((total, file) => total + value(file), 0);
  return {
    partition,
    generations: generations.length,
    keys: sum(({ keys }) => keys),
    insertedKeys: Math.max(0, ...generations.map(({ insertedKeys }) => insertedKeys ?? 0)),
    blocks: sum(({ blocks }) => blocks),
    bytes: sum(({ bytes }) => bytes),
    unfinishedBytes: sum(({ unfinishedBytes }) => unfinishedBytes),
    damage: [...missingGenerations(generations, firstNeeded), ...generations.flatMap(({ damage }) => damage)],
  };
}

/** Generations are numbered without gaps, and each goes on where the one before it ends. */
function missingGenerations(generations: readonly VerifiedGeneration[], firstNeeded: number): DamagedBlock[] {
  const damage: DamagedBlock[] = [];
  let expected = firstNeeded;
  let inserted: number | undefined;
  for (const { generation, name, insertedBefore, insertedKeys } of generations) {
    const gap = (insertedBefore ?? Number.NaN) - (inserted ?? Number.NaN);
    for (let missing = expected; missing < generation; missing++) {
      // How many keys each of several had is not known.
      const keys = generation === expected + 1 && gap > 0 ? { keys: gap } : {};
      damage.push({ file: segmentName(missing), offset: 0, bytes: 0, ...keys, cause: 'the generation is missing' });
    }
    if (expected === generation && gap !== 0 && !Number.isNaN(gap)) {
      const cause = `it goes on after ${insertedBefore} keys, but the generation before it ends with ${inserted}`;
      damage.push({ file: name, offset: 0, bytes: 0, cause });
    }
    inserted = insertedKeys;
    expected = generation + 1;
  }
  return damage;
}

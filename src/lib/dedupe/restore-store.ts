import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { copyStore, type SnapshotOptions, type SnapshotSummary } from './snapshot-store.js';
import { requireStoreFile, tenantDirectory } from './store-file.js';
import { type StoreVerification, verifyStore } from './verify-store.js';

export interface RestoreOptions extends SnapshotOptions {
  /** Restore what can be read of a snapshot that is damaged. */
  readonly acceptDamage?: boolean;
}

/**
 * Makes a store of a snapshot. The snapshot is read as a whole first, and stays as it is: what the store
 * writes later does not reach it.
 *
 * @param directory where `directory/tenant` must be missing or empty
 * @throws OtaError STORE_DAMAGED without `acceptDamage`; as snapshotStore
 */
export async function restoreStore(
  snapshot: string,
  directory: string,
  options: RestoreOptions,
): Promise<SnapshotSummary> {
  const from = tenantDirectory(snapshot, options.tenant);
  const file = await requireStoreFile(from, options.fs);
  if (options.acceptDamage !== true) requireIntact(await verifyStore(snapshot, options), from);
  return await copyStore(from, tenantDirectory(directory, options.tenant), file, options);
}

function requireIntact({ partitions }: StoreVerification, from: string): void {
  const damaged = partitions.flatMap(({ partition, damage }) => damage.map((block) => ({ partition, ...block })));
  const first = damaged[0];
  if (first === undefined) return;
  throw new OtaError(
    'STORE_DAMAGED',
    `${escapeText(from)}: ${damaged.length} damaged blocks, the first in partition ${first.partition}, ${first.file} at byte ${first.offset}: ${first.cause}`,
    ['List them with `fleet dedupe verify SNAPSHOT`.', 'Add --accept-damage to restore the rest.'],
  );
}

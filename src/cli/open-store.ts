import { dryRunFs } from '../lib/core/dry-run-fs.js';
import { OtaError } from '../lib/core/errors.js';
import { openDurableFs } from '../lib/core/node-durable-fs.js';
import { ResourceStack } from '../lib/core/resource-stack.js';
import { openPartitionedStore, type PartitionedStore } from '../lib/dedupe/partitioned-store.js';
import type { DedupeStore } from '../lib/dedupe/store.js';
import { listPartitions, requireStoreFile, type StoreFile, tenantDirectory } from '../lib/dedupe/store-file.js';
import { DEFAULT_WINDOW, takeNoLock } from './store-settings.js';

export interface StoreChoice {
  store: string;
  tenant: string;
}

/** All partitions of a store, as it was made; closed by disposal. */
export interface WholeStore extends AsyncDisposable {
  /** store.json without the secret. */
  readonly file: Omit<StoreFile, 'secret'>;
  readonly secret: Uint8Array;
  readonly stores: ReadonlyMap<number, DedupeStore>;
}

export interface OpenStoreOptions {
  acceptDamage: boolean;
  /** Whatever is done to it stays in memory, and nobody is kept out: also while another process writes. */
  dryRun: boolean;
}

/** @throws OtaError NOT_FOUND where there is no store; as `openPartitionedStore` */
export async function openWholeStore(choice: StoreChoice, options: OpenStoreOptions): Promise<WholeStore> {
  const { tenant } = choice;
  const fs = options.dryRun ? dryRunFs(openDurableFs()) : openDurableFs();
  const directory = tenantDirectory(choice.store, tenant);
  const { secret, ...file } = await requireStoreFile(directory, fs);
  const { partitions, digestBytes, digestIgnore, sink: sinkId, routing, window = DEFAULT_WINDOW } = file;
  await using open = new ResourceStack();
  const opened = async (only?: number): Promise<PartitionedStore> => {
    const store = await openPartitionedStore(choice.store, {
      ...{ fs, tenant, partitions, digestBytes, digestIgnore, sinkId, window },
      ...(only !== undefined && { only }),
      ...(options.dryRun ? { sealing: 'inline', takeLock: takeNoLock } : { sealing: 'worker' }),
      acceptDamage: options.acceptDamage,
    });
    open.use({ [Symbol.asyncDispose]: () => store.close() });
    return store;
  };
  const stores = new Map<number, DedupeStore>();
  // A Kafka worker has just the partitions that it was given.
  const parts = routing === 'key' ? [undefined] : await listPartitions(directory, fs);
  for (const only of parts) for (const [number, store] of (await opened(only)).stores) stores.set(number, store);
  const kept = open.move();
  return { file, secret: Buffer.from(secret, 'hex'), stores, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/** While it is read a writer may seal and drop generations, whose files then seem to be missing. */
const READ_ATTEMPTS = 3;

/**
 * Opens a store to look into it: also one that is damaged, and while another process writes.
 *
 * @throws OtaError as `openWholeStore`, but for damage
 */
export async function openStoreToRead(choice: StoreChoice): Promise<WholeStore> {
  for (let attempt = 1; ; attempt++) {
    const acceptDamage = attempt > READ_ATTEMPTS;
    try {
      return await openWholeStore(choice, { dryRun: true, acceptDamage });
    } catch (error) {
      const mayPass = error instanceof OtaError && (error.code === 'NOT_FOUND' || error.code === 'STORE_DAMAGED');
      if (!mayPass || acceptDamage) throw error;
    }
  }
}

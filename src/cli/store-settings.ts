import type { DurableFs } from '../lib/core/durable-fs.js';
import type { TakeLock } from '../lib/core/lock.js';
import type { PartitionedStoreOptions } from '../lib/dedupe/partitioned-store.js';
import type { Window } from '../lib/dedupe/store.js';
import { readStoreFile, tenantDirectory } from '../lib/dedupe/store-file.js';

export const DEFAULT_WINDOW: Window = { keys: 20_000_000 };

/** In the folder of a tenant: where refused lines go when nobody says where. */
export const DEAD_LETTERS_FILE = 'dead-letters.ndjson';

/** What was typed about a store; what was not is as the store has it. */
export interface StoreFlags {
  store: string;
  tenant: string;
  partitions?: number | undefined;
  'window-keys'?: number | undefined;
  'window-bytes'?: number | undefined;
  memory?: number | undefined;
  'payload-digest'?: boolean | undefined;
  'digest-ignore'?: readonly string[] | undefined;
  'accept-damage': boolean;
}

export type StoreSettings = Required<
  Pick<PartitionedStoreOptions, 'tenant' | 'partitions' | 'digestBytes' | 'digestIgnore' | 'window' | 'acceptDamage'>
> &
  Pick<PartitionedStoreOptions, 'memoryBytes'>;

/** The settings, and whether there is a store to take them from. */
interface ReadSettings {
  settings: StoreSettings;
  isNew: boolean;
}

/**
 * How a store is to be opened. A second run needs no flag again that the first one had: without them nothing that the
 * store was made with changes, and its window does not shrink.
 *
 * @throws OtaError USAGE for a tenant that is no name; STORE_DAMAGED, STORE_MISMATCH for its store.json
 */
export async function storeSettings(flags: StoreFlags, fs: DurableFs): Promise<ReadSettings> {
  const { tenant, memory } = flags;
  const present = await readStoreFile(tenantDirectory(flags.store, tenant), fs);
  const settings = {
    tenant,
    partitions: flags.partitions ?? present?.partitions ?? 1,
    digestBytes: flags['payload-digest'] === true ? 8 : (present?.digestBytes ?? 0),
    digestIgnore: flags['digest-ignore'] ?? present?.digestIgnore ?? [],
    window: windowOf(flags) ?? present?.window ?? DEFAULT_WINDOW,
    acceptDamage: flags['accept-damage'],
    ...(memory !== undefined && { memoryBytes: memory }),
  };
  return { settings, isNew: present === undefined };
}

function windowOf({ 'window-keys': keys, 'window-bytes': bytes }: StoreFlags): Window | undefined {
  if (keys !== undefined) return { keys };
  return bytes === undefined ? undefined : { bytes };
}

/** For a store on a disk that keeps changes in memory: nobody is kept out. */
export const takeNoLock: TakeLock = async () => ({ release: async () => {} });

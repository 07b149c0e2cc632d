import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../lib/core/atomic-file.js';
import { dryRunFs } from '../lib/core/dry-run-fs.js';
import type { DurableFs } from '../lib/core/durable-fs.js';
import { OtaError } from '../lib/core/errors.js';
import { ioError } from '../lib/core/io-error.js';
import { takeLock } from '../lib/core/lock.js';
import { openDurableFs } from '../lib/core/node-durable-fs.js';
import { ResourceStack } from '../lib/core/resource-stack.js';
import { escapeText } from '../lib/core/text.js';
import { openPartitionedStore } from '../lib/dedupe/partitioned-store.js';
import { LOCK_FILE, listPartitions, partitionFolder, tenantDirectory } from '../lib/dedupe/store-file.js';
import { rebuildStore } from '../lib/pipeline/rebuild.js';
import { isRecoverable, type Recovery } from '../lib/pipeline/recover.js';
import type { SinkEndpoint } from '../lib/telemetry/endpoint.js';
import type { ConnectionFlags } from './connection-flags.js';
import { DEAD_LETTERS_FILE, type StoreFlags, type StoreSettings, storeSettings, takeNoLock } from './store-settings.js';
import { openSink } from './telemetry-ends.js';

export interface RebuildRequest {
  output: Extract<SinkEndpoint, { kind: 'file' | 'kafka' }>;
  flags: StoreFlags & ConnectionFlags;
  /** Put the new store in the place of one that is there. */
  force: boolean;
  isDryRun: boolean;
  signal: AbortSignal;
  onTail(messages: number): void;
}

export interface Rebuilt extends Pick<Recovery, 'tailMessages' | 'foreignLines' | 'isPartial'> {
  keys: number;
  /** Where the store that was there before is kept. */
  former?: string;
}

/**
 * Builds a store beside its place and puts it there once it is whole.
 *
 * @throws OtaError NOT_FOUND for an output that is not there, OUTPUT_EXISTS for a store that is; LOCKED while a
 *   replay has it; as `rebuildStore`, `openPartitionedStore`
 */
export async function runRebuild(request: RebuildRequest): Promise<Rebuilt> {
  const { output, flags, force, isDryRun } = request;
  const disk = openDurableFs();
  if (output.kind === 'file') await (await disk.open(output.path, 'read')).close();
  const place = tenantDirectory(flags.store, flags.tenant);
  const present = await disk.list(place);
  if (present.length > 0 && !force) throw storeExists(place);
  await using locks = new ResourceStack();
  if (!isDryRun) await lockPartitions(place, disk, locks);

  const aside = join(flags.store, `.rebuild-${flags.tenant}`);
  if (!isDryRun) await rm(aside, { recursive: true, force: true }); // of a rebuild that was cut short
  const rebuilt = await build(request, aside, isDryRun ? dryRunFs(disk) : disk);
  if (isDryRun) return rebuilt;
  const former = present.length > 0 ? await freeName(place, disk) : undefined;
  try {
    if (former !== undefined) await rename(place, former);
    await rename(join(aside, flags.tenant), place);
    if (former !== undefined && present.includes(DEAD_LETTERS_FILE)) {
      await rename(join(former, DEAD_LETTERS_FILE), join(place, DEAD_LETTERS_FILE));
    }
    await syncDirectory(flags.store);
    await rm(aside, { recursive: true, force: true });
  } catch (error) {
    throw ioError(error, place);
  }
  return { ...rebuilt, ...(former !== undefined && { former }) };
}

async function build(
  { output, flags, isDryRun, signal, onTail }: RebuildRequest,
  aside: string,
  fs: DurableFs,
): Promise<Rebuilt> {
  const sink = await openSink(output, flags, fs, { isReadOnly: isDryRun });
  try {
    if (!isRecoverable(sink)) throw new TypeError(`${sink.id} cannot be read back`);
    const settings = await readableSettings(flags, fs);
    const { digestBytes, digestIgnore } = settings;
    // Nobody else knows the folder, and it is given away under another name.
    const store = await openPartitionedStore(aside, {
      ...settings,
      sinkId: sink.id,
      fs,
      sealing: 'inline',
      takeLock: takeNoLock,
    });
    try {
      const decode = { secret: store.secret, missingId: 'refuse' as const, digestBytes, digestIgnore };
      const { tailMessages, foreignLines, isPartial } = await rebuildStore({ sink, store, decode, signal, onTail });
      const keys = [...store.stores.values()].reduce((sum, partition) => sum + partition.stats().keys, 0);
      return { keys, tailMessages, foreignLines, isPartial };
    } finally {
      await store.close();
    }
  } finally {
    await sink.close();
  }
}

/** As the store was made that is replaced, as far as that can still be read. */
async function readableSettings(flags: StoreFlags, fs: DurableFs): Promise<StoreSettings> {
  try {
    return (await storeSettings(flags, fs)).settings;
  } catch (error) {
    if (!(error instanceof OtaError) || error.code !== 'STORE_DAMAGED') throw error;
    return (await storeSettings({ ...flags, store: join(flags.store, 'none') }, fs)).settings;
  }
}

async function lockPartitions(place: string, fs: DurableFs, locks: ResourceStack): Promise<void> {
  for (const partition of await listPartitions(place, fs)) {
    const lock = await takeLock(join(place, partitionFolder(partition), LOCK_FILE));
    locks.use({ [Symbol.asyncDispose]: () => lock.release() });
  }
}

/** `seen/default.former-1`: `ls` shows it beside the new one. */
async function freeName(place: string, fs: DurableFs): Promise<string> {
  for (let number = 1; ; number++) {
    const name = `${place}.former-${number}`;
    if ((await fs.list(name)).length === 0) return name;
  }
}

function storeExists(place: string): OtaError {
  return new OtaError('OUTPUT_EXISTS', `${escapeText(place)}: there is a store already`, [
    'Add --force to put the new one in its place; the present one is kept beside it.',
  ]);
}

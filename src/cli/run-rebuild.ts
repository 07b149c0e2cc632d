import { dryRunFs } from '../lib/core/dry-run-fs.js';
import { openDurableFs } from '../lib/core/node-durable-fs.js';
import { openPartitionedStore } from '../lib/dedupe/partitioned-store.js';
import { rebuildStore } from '../lib/pipeline/rebuild.js';
import { isRecoverable, type Recovery } from '../lib/pipeline/recover.js';
import type { SinkEndpoint } from '../lib/telemetry/endpoint.js';
import { type StoreFlags, storeSettings, takeNoLock } from './store-settings.js';
import { type ConnectionFlags, openSink } from './telemetry-ends.js';

export interface RebuildRequest {
  output: Extract<SinkEndpoint, { kind: 'file' | 'kafka' }>;
  flags: StoreFlags & ConnectionFlags;
  isDryRun: boolean;
  signal: AbortSignal;
  onTail(messages: number): void;
}

export interface Rebuilt extends Pick<Recovery, 'tailMessages' | 'foreignLines' | 'isPartial'> {
  keys: number;
}

/** @throws OtaError NOT_FOUND for an output that is not there; as `rebuildStore`, `openPartitionedStore` */
export async function runRebuild({ output, flags, isDryRun, signal, onTail }: RebuildRequest): Promise<Rebuilt> {
  const disk = openDurableFs();
  if (output.kind === 'file') await (await disk.open(output.path, 'read')).close();
  const fs = isDryRun ? dryRunFs(disk) : disk;
  const sink = await openSink(output, flags, fs);
  try {
    if (!isRecoverable(sink)) throw new TypeError(`${sink.id} cannot be read back`);
    const { settings } = await storeSettings(flags, fs);
    const { digestBytes, digestIgnore } = settings;
    const store = await openPartitionedStore(flags.store, {
      ...settings,
      sinkId: sink.id,
      fs,
      ...(isDryRun ? { sealing: 'inline', takeLock: takeNoLock } : { sealing: 'worker' }),
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

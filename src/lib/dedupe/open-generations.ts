import { join } from 'node:path';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { filterBytes } from './fingerprint-filter.js';
import { createGenerationLog, type GenerationLog, type LogContext } from './generation-log.js';
import { Generations, newTable, tableKeys } from './generations.js';
import { type ScannedLog, type ScannedStore, scanStore } from './scan-store.js';
import { sealGeneration } from './seal-generation.js';
import type { Sealer } from './sealer.js';
import type { Segment } from './segment.js';
import type { DamagedBlock, StoreOptions } from './store.js';
import { WindowIndex } from './window-index.js';
import type { WindowPlan } from './window-plan.js';

/** What a store is opened with. */
export interface Opening {
  readonly context: LogContext;
  readonly options: StoreOptions;
  readonly plan: WindowPlan;
  readonly sealer: Sealer;
}

/**
 * Reads what lies in a store's folder, checks all of it, and tidies up what a crash left.
 *
 * @throws OtaError STORE_DAMAGED, unless it is accepted; STORE_MISMATCH, NO_SPACE, IO_FAILED, …
 */
export async function openGenerations(opening: Opening): Promise<Generations> {
  const scanned = await scanStore(opening.context, tableKeys(opening.plan), 'append');
  const opened = [...scanned.segments, ...scanned.logs.map(({ log }) => log)];
  try {
    return await adopted(opening, scanned, opened);
  } catch (error) {
    await Promise.allSettled(opened.map((file) => file.close()));
    throw error;
  }
}

/** @param opened gets what is opened meanwhile, to be closed after a failure */
async function adopted(
  { context, options, plan, sealer }: Opening,
  scanned: ScannedStore,
  opened: { close(): Promise<void> }[],
): Promise<Generations> {
  const { fs, directory } = context;
  const { logs, newestGeneration, unreadable } = scanned;
  const damage = [...scanned.damage];
  const isUnsealed = newestGeneration === logs.at(-1)?.log.generation;
  const older = isUnsealed ? logs.slice(0, -1) : logs;
  const index = new WindowIndex(filterBytes(Math.max(keysIn(scanned), plan.maxKeys), plan.keysPerLine));
  throwIfDamaged(directory, damage, options);
  // A process that was killed may have left names in the cache only, and files: what is built on them would go with them.
  await fs.syncDirectory(directory);
  const segments = [...scanned.segments];
  // One at a time: two full tables would not fit into one.
  for (const { log } of older) {
    const segment = await sealGeneration(context, sealer, log);
    segments.push(segment);
    opened.push(segment);
    await log.remove();
  }
  segments.sort((a, b) => a.header.generation - b.header.generation);
  damage.push(...index.addSegments(segments));
  throwIfDamaged(directory, damage, options);
  const oldest = Math.max(1, scanned.oldestGeneration);
  const last = segments.at(-1);
  const active =
    (await continuedLog(isUnsealed ? logs.at(-1) : undefined)) ??
    (await createGenerationLog(
      context,
      {
        generation: isUnsealed ? newestGeneration : newestGeneration + 1,
        table: newTable(plan, context),
        first: last?.header.last,
        insertedBefore: last?.header.insertedKeys ?? 0,
      },
      oldest,
    ));
  opened.push(active);
  for (const name of scanned.leftovers) await fs.remove(join(directory, name));
  index.addTable(active.generation, active.table);
  return new Generations(context, { index, segments, active, oldest, unreadable, damage });
}

/** The newest log, if it can be gone on with: there is none in a new store, and no frame of it where a crash cut it off. */
async function continuedLog(found: ScannedLog | undefined): Promise<GenerationLog | undefined> {
  if (found === undefined || found.scan.end === 0) {
    await found?.log.close();
    return undefined;
  }
  if (found.scan.tornBytes > 0) await found.log.cutBack(found.scan.end);
  else await found.log.sync();
  return found.log;
}

function keysIn({ segments, logs }: ScannedStore): number {
  const sealed = segments.reduce((sum, { keyCount }: Segment) => sum + keyCount, 0);
  return logs.reduce((sum, { log }) => sum + log.table.count, sealed);
}

function throwIfDamaged(directory: string, damage: readonly DamagedBlock[], { acceptDamage }: StoreOptions): void {
  const [first] = damage;
  if (first === undefined || acceptDamage) return;
  const more = damage.length > 1 ? ` and ${damage.length - 1} more places` : '';
  throw new OtaError(
    'STORE_DAMAGED',
    `${escapeText(join(directory, first.file))}: ${first.cause}, ${first.bytes} bytes from ${first.offset}${more}`,
    [
      'Run `fleet dedupe verify` to see what is lost.',
      'Build a new store from the output: `fleet dedupe rebuild STORE --from OUTPUT --force`.',
      'Or go on with the rest of this one: --accept-damage.',
    ],
  );
}

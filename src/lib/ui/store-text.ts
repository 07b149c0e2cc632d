import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { DamagedBlock, Window } from '../dedupe/store.js';
import { factsText, gridText } from './table.js';
import { countText, damageText, endText, spanText } from './telemetry-text.js';

/** Which store a report is about. */
export interface StoreName {
  store: string;
  tenant: string;
}

export interface PartitionFigures {
  partition: number;
  keys: number;
  insertedKeys: number;
  generations: number;
  agedGenerations: number;
  diskBytes: number;
  memoryBytes: number;
  /** Event times, ISO 8601. */
  oldestTime?: string;
  newestTime?: string;
}

export interface StoreFigures extends Omit<PartitionFigures, 'partition'>, StoreName {
  output: string;
  window: Window;
  filter: { kind: string; bytes: number };
  digestBytes: number;
  digestIgnore: readonly string[];
  /** Event time between the oldest id that every partition remembers and the newest one. */
  windowSeconds?: number;
  damage: readonly (DamagedBlock & { partition: number })[];
  partitions: readonly PartitionFigures[];
}

/** `fleet dedupe stats` for people. */
export async function storeStatsText(figures: StoreFigures): Promise<string> {
  const { keys, insertedKeys, generations, diskBytes, memoryBytes, filter, windowSeconds, partitions } = figures;
  const forgotten = insertedKeys > keys ? `${countText(insertedKeys - keys)} forgotten` : 'nothing was forgotten yet';
  const perKey = keys === 0 ? '' : `, ${(diskBytes / keys).toFixed(1)} bytes an id`;
  const ignored = figures.digestIgnore.length === 0 ? '' : `, without ${figures.digestIgnore.join(', ')}`;
  return [
    `${nameText(figures)}: remembers ${counted(keys, 'id')}${windowSeconds ? ` over ${spanText(windowSeconds * 1000)}` : ''}`,
    factsText([
      ['output', endText(figures.output)],
      ['window', `${windowText(figures.window)}; ${forgotten}`],
      ['times', figures.oldestTime && `${figures.oldestTime} to ${figures.newestTime}`],
      ['disk', `${formatByteSize(diskBytes)} in ${counted(generations, 'generation')}${perKey}`],
      [
        'memory',
        `${formatByteSize(memoryBytes)} while it is open, ${formatByteSize(filter.bytes)} of it a filter (${filter.kind})`,
      ],
      ['digests', figures.digestBytes === 0 ? undefined : `of payloads, ${figures.digestBytes} bytes each${ignored}`],
      ...damageFacts(figures.damage),
    ]),
    ...(partitions.length > 1 ? ['', await partitionsText(partitions)] : []),
  ].join('\n');
}

function partitionsText(partitions: readonly PartitionFigures[]): Promise<string> {
  return gridText(
    ['partition', 'ids', 'ever', 'generations', 'disk', 'since'],
    partitions.map(({ partition, keys, insertedKeys, generations, diskBytes, oldestTime }) => [
      partition,
      countText(keys),
      countText(insertedKeys),
      generations,
      formatByteSize(diskBytes),
      oldestTime ?? '',
    ]),
  );
}

function windowText(window: Window): string {
  return 'keys' in window ? `${countText(window.keys)} ids at least` : `${formatByteSize(window.bytes)} on disk`;
}

function nameText({ store, tenant }: StoreName): string {
  return tenant === 'default' ? escapeText(store) : `${escapeText(store)}, tenant ${escapeText(tenant)}`;
}

type Damage = DamagedBlock & { partition: number };

function damageFacts(damage: readonly Damage[]): (readonly [string, string])[] {
  return damage.map((block) => ['damage', `partition ${block.partition}, ${damageText(block)}`] as const);
}

export interface VerifyFigures extends StoreName {
  keys: number;
  generations: number;
  blocks: number;
  bytes: number;
  unfinishedBytes: number;
  damage: readonly Damage[];
}

/** `fleet dedupe verify` for people. */
export function storeVerifyText(figures: VerifyFigures): string {
  const { keys, generations, blocks, bytes, unfinishedBytes, damage } = figures;
  const unfinished = `${formatByteSize(unfinishedBytes)} at the end are half a write, which is cut off when the store is opened`;
  return [
    `${nameText(figures)}: ${damage.length === 0 ? 'OK' : `${counted(damage.length, 'block')} cannot be read`}`,
    factsText([
      ['read', `${counted(blocks, 'block')} of ${counted(generations, 'generation')}, ${formatByteSize(bytes)}`],
      ['ids', countText(keys)],
      ['unfinished', unfinishedBytes === 0 ? undefined : unfinished],
      ...damageFacts(damage),
    ]),
    ...(damage.length === 0
      ? []
      : [
          `Next: fleet dedupe rebuild ${escapeText(figures.store)} --from OUTPUT --force`,
          'A replay goes on with --accept-damage; messages whose ids were lost may come out again.',
        ]),
  ].join('\n');
}

export interface CopyFigures extends StoreName {
  /** The other folder. */
  copy: string;
  partitions: number;
  files: number;
  bytes: number;
  dryRun: boolean;
  damage: readonly DamagedBlock[];
}

/** `fleet dedupe snapshot` for people. */
export function storeSnapshotText(figures: CopyFigures): string {
  const { copy, dryRun } = figures;
  return [
    `${escapeText(copy)}: ${dryRun ? 'would hold' : 'holds'} ${nameText(figures)} as it is now`,
    factsText(copyFacts(figures)),
  ].join('\n');
}

/** `fleet dedupe restore` for people. */
export function storeRestoreText(figures: CopyFigures): string {
  const { copy, dryRun } = figures;
  return [
    `${nameText(figures)}: ${dryRun ? 'would be' : 'is'} as ${escapeText(copy)} was`,
    factsText(copyFacts(figures)),
    ...(dryRun ? [] : ['Next: the replay that you had; it first reads what came out since then from the output.']),
  ].join('\n');
}

function copyFacts({ partitions, files, bytes, damage }: CopyFigures): (readonly [string, string])[] {
  return [
    ['files', `${countText(files)} of ${counted(partitions, 'partition')}, ${formatByteSize(bytes)}`],
    ...damage.map((block) => ['damage', damageText(block)] as const),
  ];
}

export interface AgeFigures extends StoreName {
  droppedKeys: number;
  keys: number;
  dryRun: boolean;
}

/** `fleet dedupe age` for people. */
export function storeAgeText(figures: AgeFigures): string {
  const { droppedKeys, keys, dryRun } = figures;
  const left = `${counted(keys, 'id')} ${dryRun ? 'would be' : 'are'} left`;
  if (droppedKeys === 0) return `${nameText(figures)}: nothing to forget, ${left}; only whole generations are dropped`;
  return `${nameText(figures)}: ${dryRun ? 'would forget' : 'forgot'} ${counted(droppedKeys, 'id')}, the oldest; ${left}`;
}

export interface InspectedId {
  id: string;
  isRemembered: boolean;
  partition?: number;
  generation?: number;
  /** When messages of its generation were sent, ISO 8601. */
  firstTime?: string;
  lastTime?: string;
  /** Hexadecimal. */
  digest?: string;
}

/** `fleet dedupe inspect` for people. */
export function storeInspectText(ids: readonly InspectedId[]): string {
  return factsText(
    ids.map(({ id, isRemembered, partition, generation, firstTime, lastTime, digest }) => {
      if (!isRemembered)
        return [id, 'not remembered: it never came out, or so long ago that it was forgotten'] as const;
      const times = firstTime === undefined ? '' : `, among messages of ${firstTime} to ${lastTime}`;
      const payload = digest === undefined ? '' : `, payload ${digest}`;
      return [id, `came out: partition ${partition}, generation ${generation}${times}${payload}`] as const;
    }),
  );
}

export interface RebuildFigures extends StoreName {
  output: string;
  keys: number;
  tailMessages: number;
  foreignLines: number;
  isPartial: boolean;
  /** Where the store that was there before is kept. */
  former?: string;
  dryRun: boolean;
}

/** `fleet dedupe rebuild` for people. */
export function storeRebuildText(figures: RebuildFigures): string {
  const { output, keys, tailMessages, foreignLines, isPartial, former, dryRun } = figures;
  return [
    `${nameText(figures)}: ${dryRun ? 'would remember' : 'remembers'} ${counted(keys, 'id')} that came out`,
    factsText([
      ['read', `${counted(tailMessages, 'message')} of ${escapeText(output)}`],
      ['former', former === undefined ? undefined : `kept in ${former}`],
      ['passed over', foreignLines === 0 ? undefined : `${counted(foreignLines, 'line')} that are no messages`],
      [
        'window',
        isPartial ? 'is full; what the output holds from before comes out again if it is sent again' : undefined,
      ],
    ]),
    ...(dryRun ? [] : [`Next: fleet replay SOURCE --to ${escapeText(output)} --store ${escapeText(figures.store)}`]),
  ].join('\n');
}

function counted(count: number, what: string): string {
  return `${countText(count)} ${what}${count === 1 ? '' : 's'}`;
}

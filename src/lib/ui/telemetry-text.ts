import { relative } from 'node:path';
import { formatByteSize } from '../core/byte-size.js';
import type { JsonObject } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import type { DamagedBlock } from '../dedupe/store.js';
import type { PipelineCounts, PipelineEvent, WindowReport } from '../pipeline/events.js';
import type { PipelinePlan } from '../pipeline/plan-pipeline.js';
import { durationText } from './progress.js';
import { factsText } from './table.js';

type EventOf<Type extends PipelineEvent['type']> = Extract<PipelineEvent, { type: Type }>;

const DAY_MS = 86_400_000;

/** `1,234,567` */
export function countText(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `28 d`, `3 h 12 min`, `42 s` */
export function spanText(spanMs: number): string {
  return spanMs >= 2 * DAY_MS ? `${Number((spanMs / DAY_MS).toFixed(1))} d` : durationText(spanMs / 1000);
}

/** What a checkpoint knows an end by, as somebody would type it: a path instead of `file:/…`, the shorter one. */
export function endText(id: string): string {
  if (!id.startsWith('file:')) return escapeText(id);
  const path = id.slice('file:'.length);
  const fromHere = relative(process.cwd(), path);
  return escapeText(fromHere === '' || fromHere.startsWith('..') ? path : fromHere);
}

/** `fleet replay` begins. */
export function startedText({
  sources,
  sink,
  guarantee,
  isContinued,
  isDamaged,
  isReread,
}: EventOf<'started'>): string {
  const promise = isDamaged
    ? 'once each, but for messages whose ids the damaged store has lost'
    : `each message comes out ${guarantee === 'exactly-once' ? 'exactly' : 'at least'} once${isReread ? ', as far back as the store remembers' : ''}`;
  const where = isContinued ? ', going on where the last run stopped' : '';
  return `${sources.map(endText).join(', ')} → ${endText(sink)}${where}: ${promise}`;
}

/** What a run found of an earlier one that did not end. */
export function recoveredText({ addedKeys, removedKeys, tailMessages }: EventOf<'recovered'>): string {
  const found = `Repaired the store from the output: read ${counted(tailMessages, 'message')} behind the last checkpoint`;
  const changes = [
    ...(addedKeys > 0 ? [`${counted(addedKeys, 'id')} added`] : []),
    ...(removedKeys > 0 ? [`${counted(removedKeys, 'id')} taken back, whose messages the output lost`] : []),
  ];
  return [found, ...changes].join(', ');
}

/** One block of a store that cannot be read. */
export function damageText({ file, offset, bytes, keys, cause }: DamagedBlock): string {
  const lost = keys === undefined ? '' : `, ${counted(keys, 'id')} lost`;
  const where = bytes > 0 ? `, bytes ${offset} to ${offset + bytes - 1}` : '';
  return `${escapeText(file)}${where}: ${escapeText(cause)}${lost}`;
}

/** `1,234,567 lines, 402,114/s; 7,407 duplicates; 31.2 MiB left; window 1,227,160 ids over 28 d` */
export function replayProgressText({ counts, messagesPerSecond, lag, window }: EventOf<'progress'>): string {
  const { duplicates, conflicts, rejects } = counts;
  const dropped = [
    counted(duplicates, 'duplicate'),
    ...(conflicts > 0 ? [counted(conflicts, 'conflict')] : []),
    ...(rejects > 0 ? [`${countText(rejects)} refused`] : []),
  ];
  return [
    `${counted(counts.lines, 'line')}, ${countText(messagesPerSecond)}/s`,
    dropped.join(', '),
    ...(lag === undefined ? [] : [`${lagText(lag)} left`]),
    `window ${rememberedText(window)}`,
  ].join('; ');
}

function lagText({ amount, unit }: { amount: number; unit: 'bytes' | 'messages' }): string {
  return unit === 'bytes' ? formatByteSize(amount) : counted(amount, 'message');
}

function rememberedText({ keys, spanMs }: WindowReport): string {
  return `${counted(keys, 'id')}${spanMs ? ` over ${spanText(spanMs)}` : ''}`;
}

export interface ReplayResult {
  /** As they were typed. */
  sources: readonly string[];
  sink: string;
  guarantee: 'exactly-once' | 'at-least-once';
  counts: PipelineCounts;
  seconds: number;
  window: WindowReport;
  /** By a signal: the next run goes on here. */
  isInterrupted: boolean;
  deadLetters: string;
  /** Some of the messages may have come out before. */
  isDamaged: boolean;
  /** Messages that the store has forgotten were read again. */
  isReread?: boolean;
}

/** `fleet replay` for people, at its end. */
export function replayText(result: ReplayResult): string {
  const { sources, sink, counts, seconds, window, isInterrupted, deadLetters } = result;
  const { lines, written, duplicates, conflicts, rejects, derivedIds, inputBytes } = counts;
  const output = escapeText(sink === '-' ? 'stdout' : sink);
  const input = sources.map((source) => escapeText(source === '-' ? 'stdin' : source)).join(', ');
  if (lines === 0) {
    return [
      `${output}: ${isInterrupted ? 'stopped before anything was read' : `nothing new in ${input}`}`,
      factsText([['window', windowText(window)]]),
    ].join('\n');
  }
  const perSecond = seconds > 0 ? `, ${countText(lines / seconds)}/s` : '';
  const kept = (count: number) => (count === 0 ? undefined : `${countText(count)}, kept in ${deadLetters}`);
  return [
    `${output}: ${written === 0 ? 'nothing came out that had not come out before' : `${counted(written, 'message')} came out, ${outcomeText(result)}`}`,
    factsText([
      [
        'read',
        `${counted(lines, 'line')} of ${input}, ${formatByteSize(inputBytes)} in ${seconds.toFixed(seconds < 10 ? 2 : 1)} s${perSecond}`,
      ],
      ['duplicates', `${countText(duplicates)} dropped${shareText(duplicates, lines)}`],
      ['conflicts', kept(conflicts)],
      ['refused', kept(rejects)],
      ['ids', derivedIds === 0 ? undefined : `${countText(derivedIds)} derived`],
      ['window', windowText(window)],
    ]),
    ...(isInterrupted ? ['Stopped at a batch boundary; the same command goes on from there.'] : []),
  ].join('\n');
}

/** `fleet replay --dry-run` for people. */
export function planText({ sink, guarantee, isFirst, sources, repair, window, warnings }: PipelinePlan): string {
  const { addedKeys, removedKeys, tailMessages } = repair;
  const promise = guarantee === 'exactly-once' ? 'exactly once' : 'at least once';
  return [
    `${endText(sink)}: messages would come out ${promise}, nothing was changed`,
    factsText([
      ['store', isFirst ? 'would be made' : `remembers ${rememberedText(window)}`],
      ...sources.map(({ id, from }) => ['source', `${endText(id)}, ${positionText(from)}`] as const),
      [
        'repair',
        tailMessages + removedKeys === 0
          ? undefined
          : `${counted(tailMessages, 'message')} of the output to read, ${counted(addedKeys, 'id')} to add, ${counted(removedKeys, 'id')} to take back`,
      ],
      ...warnings.map(
        (warning) => ['warning', warning.type === 'warning' ? warning.message : damageText(warning.block)] as const,
      ),
    ]),
  ].join('\n');
}

/** A position as its source counts it; those of brokers are theirs to read. */
function positionText(from: JsonObject | undefined): string {
  if (from === undefined) return 'from its start';
  const { bytes, lines } = from;
  if (typeof lines === 'number') return `from line ${countText(lines + 1)}`;
  if (typeof bytes === 'number') return `from byte ${countText(bytes)}`;
  return 'from where the last run stopped';
}

function outcomeText({ guarantee, isDamaged, isReread }: ReplayResult): string {
  if (isDamaged) return 'some of them perhaps not for the first time: the store has lost ids';
  if (isReread) return 'some of them perhaps not for the first time: the store has forgotten ids';
  return guarantee === 'exactly-once' ? 'exactly once' : 'at least once';
}

function shareText(part: number, whole: number): string {
  return part === 0 ? '' : ` (${Number(((part / whole) * 100).toPrecision(2))} %)`;
}

function windowText(window: WindowReport): string {
  return `${rememberedText(window)}; ${window.isFull ? 'older ones are forgotten' : 'nothing was forgotten yet'}`;
}

function counted(count: number, what: string): string {
  return `${countText(count)} ${what}${count === 1 ? '' : 's'}`;
}

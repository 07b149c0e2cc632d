import {
  applyChanges,
  type Change,
  type DataChange,
  type Disk,
  type DiskState,
  type Geometry,
  isDataChange,
} from './disk.js';
import type { Garbage } from './garbage.js';
import type { RecordedOperation } from './operation.js';

/** What a power cut may leave of a disk. */
export interface CrashState {
  /** How it came about: unique among those of one operation. */
  model: string;
  state: DiskState;
}

/** Of many pending changes of data, this many are kept or lost one at a time. */
const REORDERED_AT_MOST = 8;
/** An erase is cut at this many places from either side, at most. */
const ERASE_STEPS = 16;

/**
 * Every state that a power cut in an operation may leave, simple ones first:
 *
 * - `before`, `after`: all that was asked for until then is kept; with `-lost`, none that is not durable
 * - `after-only:K`, `after-without:K`: writes reach the disk out of order; K counts pending changes of data
 * - `after-torn:K`: as `after`, but a half of that write is garbage: its length has reached the disk before its data
 * - `names-only`, `data-only`, `names:N`: names and data reach it independently, names in order
 * - `torn:B`, `torn:B:garbage`: a write stops after B bytes, and the rest is as before or undefined
 * - `erased-front:B`, `erased-back:B`, `garbage`: an erase stops after B bytes from either side, or anywhere
 *
 * Files that stand for flash and others are torn alike, at write alignment.
 */
export function* crashStates(
  operation: RecordedOperation,
  geometry: Geometry,
  garbage: Garbage,
): Generator<CrashState> {
  const { before, changes, after } = operation;
  yield* settledOrNot('before', before, geometry);
  yield* settledOrNot('after', after, geometry);
  yield* reordered('after', after, geometry, garbage);
  const interrupted = changes.findIndex(isDataChange);
  if (interrupted >= 0) {
    const base = applyChanges(before.durable, [...before.pending, ...changes.slice(0, interrupted)], geometry);
    yield* interruptions(base, changes[interrupted] as DataChange, geometry, garbage);
  }
}

/** States that a power cut may leave while nothing is going on: as above, with `idle` in their names. */
export function* idleCrashStates(disk: Disk, geometry: Geometry, garbage: Garbage): Generator<CrashState> {
  yield* settledOrNot('idle', disk, geometry);
  yield* reordered('idle', disk, geometry, garbage);
}

function* settledOrNot(when: string, { durable, pending }: Disk, geometry: Geometry): Generator<CrashState> {
  yield { model: when, state: applyChanges(durable, pending, geometry) };
  if (pending.length > 0) yield { model: `${when}-lost`, state: durable };
}

function* reordered(
  when: string,
  { durable, pending }: Disk,
  geometry: Geometry,
  garbage: Garbage,
): Generator<CrashState> {
  const data = pending.filter(isDataChange);
  const names = pending.filter((change) => !isDataChange(change));
  const keeping = (...kept: readonly Change[]) => applyChanges(durable, kept, geometry);
  const prefix = when === 'after' ? '' : `${when}-`;
  if (data.length > 0 && names.length > 0) {
    yield { model: `${prefix}names-only`, state: keeping(...names) };
    yield { model: `${prefix}data-only`, state: keeping(...data) };
  }
  for (let kept = 1; kept < names.length; kept++) {
    // With all data or none: a name that is ahead of its data is what a missing sync leaves.
    yield { model: `${prefix}names:${kept}`, state: keeping(...names.slice(0, kept), ...data) };
    if (data.length > 0) yield { model: `${prefix}names-only:${kept}`, state: keeping(...names.slice(0, kept)) };
  }
  for (const index of spread(data.length, REORDERED_AT_MOST)) {
    const torn = tornWrite(data[index]!, geometry.writeAlignmentBytes, garbage);
    if (torn !== undefined) {
      yield { model: `${when}-torn:${index}`, state: keeping(...names, ...data.with(index, torn)) };
    }
  }
  if (data.length < 2) return;
  for (const index of spread(data.length, REORDERED_AT_MOST)) {
    yield { model: `${when}-only:${index}`, state: keeping(...names, data[index]!) };
    yield { model: `${when}-without:${index}`, state: keeping(...names, ...data.toSpliced(index, 1)) };
  }
}

/** A write of which the first half has arrived, up to the write alignment. */
function tornWrite(change: DataChange, unit: number, garbage: Garbage): DataChange | undefined {
  if (change.kind !== 'write' || change.bytes.byteLength === 0) return undefined;
  const { position, bytes } = change;
  const half = Math.floor(bytes.byteLength / 2);
  const arrived = half - (half % unit);
  const torn = Uint8Array.from(bytes);
  torn.set(garbage.at(position + arrived, bytes.byteLength - arrived), arrived);
  return { ...change, bytes: torn };
}

function* interruptions(
  base: DiskState,
  change: DataChange,
  geometry: Geometry,
  garbage: Garbage,
): Generator<CrashState> {
  if (change.kind === 'truncate') return;
  const { inode, position } = change;
  const unit = geometry.writeAlignmentBytes;
  const left = (...changes: DataChange[]) => applyChanges(base, changes, geometry);
  const noise = (from: number, to: number): DataChange => {
    return { kind: 'write', inode, position: from, bytes: garbage.at(from, to - from) };
  };
  if (change.kind === 'write') {
    const { bytes } = change;
    const part = (length: number): DataChange => ({ ...change, bytes: bytes.subarray(0, length) });
    // From aligned position to aligned position: storage knows nothing smaller.
    for (let torn = unit - (position % unit); torn < bytes.byteLength; torn += unit) {
      yield { model: `torn:${torn}`, state: left(part(torn)) };
      const rest = noise(position + torn, position + bytes.byteLength);
      yield { model: `torn:${torn}:garbage`, state: left(part(torn), rest) };
    }
    if (bytes.byteLength > 0)
      yield { model: 'torn:0:garbage', state: left(noise(position, position + bytes.byteLength)) };
    return;
  }
  const { length } = change;
  const step = Math.max(unit, Math.ceil(length / ERASE_STEPS / unit) * unit);
  for (let erased = step; erased < length; erased += step) {
    yield { model: `erased-front:${erased}`, state: left({ ...change, length: erased }) };
    const back: DataChange = { ...change, position: position + length - erased, length: erased };
    yield { model: `erased-back:${erased}`, state: left(back) };
  }
  yield { model: 'garbage', state: left(noise(position, position + length)) };
}

/** At most `most` numbers below `count`, the first and the last among them. */
function spread(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, index) => index);
  return Array.from({ length: most }, (_, index) => Math.round((index * (count - 1)) / (most - 1)));
}

import { OtaError } from '../core/errors.js';
import type { Segment } from './segment.js';
import { type KeyBatch, VERDICT } from './store.js';

/** A key that the filter says may be in a sealed generation; resolved by {@link CandidateReads}. */
export const UNDECIDED = 3;

/** Records this close together are read at once: copying them costs less than another system call. */
const MAX_GAP_BYTES = 8_192;
const MAX_READ_BYTES = 262_144;
// What candidates are sorted by is one number, so that it is done natively: tag, first record, number of the candidate.
const RECORD_UNIT = 2 ** 20;
const TAG_UNIT = 2 ** 45;

/**
 * Looks into segments for the keys of a batch that the filter found, in the order in which they lie on the disk.
 * In a storm of duplicates this makes one read of many.
 */
export class CandidateReads {
  readonly #segments: readonly (Segment | undefined)[];
  #capacity = 64;
  #places = new Float64Array(this.#capacity);
  #keys = new Uint32Array(this.#capacity);
  #tags = new Uint8Array(this.#capacity);
  /** The records that begin like the candidate's key. */
  #starts = new Uint32Array(this.#capacity);
  #ends = new Uint32Array(this.#capacity);
  /** Grows to what is read: a process may have a thousand of these. */
  #halves = new Uint16Array(64);
  #bytes = new Uint8Array(this.#halves.buffer);
  count = 0;
  /** Keeps the touching from being optimised away. */
  touched = 0;

  /** @param segments by tag */
  constructor(segments: readonly (Segment | undefined)[]) {
    this.#segments = segments;
  }

  add(keyNumber: number, tag: number, k0: number): void {
    if (this.count === this.#capacity) this.#grow();
    this.#tags[this.count] = tag;
    this.#keys[this.count++] = keyNumber;
    this.touched ^= this.#segments[tag]!.touch(k0);
  }

  /** Decides the keys that are found; others stay undecided. Forgets all candidates. */
  resolve(batch: KeyBatch, verdicts: Uint8Array): void {
    this.#locate(batch.keys);
    const places = this.#places.subarray(0, this.count).sort();
    this.count = 0;
    for (let from = 0; from < places.length; ) from = this.#readRun(places, from, batch, verdicts);
  }

  #locate(keys: Uint32Array): void {
    for (let candidate = 0; candidate < this.count; candidate++) {
      const tag = this.#tags[candidate]!;
      const segment = this.#segments[tag]!;
      const k0 = keys[this.#keys[candidate]! * 4]!;
      const start = segment.firstRecord(k0);
      this.#starts[candidate] = start;
      this.#ends[candidate] = start + segment.recordCount(k0);
      this.#places[candidate] = tag * TAG_UNIT + start * RECORD_UNIT + candidate;
    }
  }

  /** @returns the first place that was too far away for this read */
  #readRun(places: Float64Array, from: number, { keys, digests }: KeyBatch, verdicts: Uint8Array): number {
    const tag = this.#tags[candidateOf(places[from]!)]!;
    const segment = this.#segments[tag]!;
    const first = this.#starts[candidateOf(places[from]!)]!;
    const near = MAX_GAP_BYTES / segment.recordBytes;
    const most = MAX_READ_BYTES / segment.recordBytes;
    let end = first;
    let to = from;
    for (; to < places.length; to++) {
      const candidate = candidateOf(places[to]!);
      if (this.#tags[candidate] !== tag) break;
      const candidateEnd = this.#ends[candidate]!;
      if (to > from && (this.#starts[candidate]! > end + near || candidateEnd - first > most)) break;
      end = Math.max(end, candidateEnd);
    }
    this.#read(segment, first, end);
    for (let at = from; at < to; at++) {
      const candidate = candidateOf(places[at]!);
      const key = this.#keys[candidate]!;
      if (verdicts[key] !== UNDECIDED) continue;
      const [start, stop] = [this.#starts[candidate]! - first, this.#ends[candidate]! - first];
      const found = recordAmong(this.#halves, segment, start, stop, keys, key * 4);
      if (found !== -1) verdicts[key] = judged(this.#halves, segment, found, digests, key);
    }
    return to;
  }

  #read(segment: Segment, first: number, end: number): void {
    const bytes = (end - first) * segment.recordBytes;
    if (bytes > this.#halves.byteLength) {
      this.#halves = new Uint16Array(2 ** Math.ceil(Math.log2(bytes / 2)));
      this.#bytes = new Uint8Array(this.#halves.buffer);
    }
    readRecords(segment, first, this.#bytes.subarray(0, bytes));
  }

  #grow(): void {
    const { length } = this.#places;
    this.#capacity = length * 4;
    this.#places = grown(this.#places, new Float64Array(length * 4));
    this.#keys = grown(this.#keys, new Uint32Array(length * 4));
    this.#tags = grown(this.#tags, new Uint8Array(length * 4));
    this.#starts = grown(this.#starts, new Uint32Array(length * 4));
    this.#ends = grown(this.#ends, new Uint32Array(length * 4));
  }
}

/** Number of a candidate, in the low bits of its place. Division by a power of two is exact; `%` is ten times slower. */
function candidateOf(place: number): number {
  return place - Math.floor(place / RECORD_UNIT) * RECORD_UNIT;
}

function grown<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** @throws OtaError STORE_DAMAGED if the file got shorter since it was opened */
export function readRecords(segment: Segment, first: number, into: Uint8Array): void {
  const got = segment.file.read(into, segment.recordsAt + first * segment.recordBytes);
  if (got === into.byteLength) return;
  throw new OtaError('STORE_DAMAGED', `generation ${segment.header.generation}: the segment ends early`, [
    'Run `fleet dedupe verify` to see what is left.',
  ]);
}

/**
 * Looks for a key among records that begin like it.
 *
 * @param start number of the first of them, counted from the beginning of `halves`
 * @param stop number behind the last of them
 * @returns where its record begins in `halves`, or -1
 */
export function recordAmong(
  halves: Uint16Array,
  segment: Segment,
  start: number,
  stop: number,
  keys: Uint32Array,
  keyAt: number,
): number {
  const k0 = keys[keyAt]!;
  const k1 = keys[keyAt + 1]!;
  const k2 = keys[keyAt + 2]!;
  const k3 = keys[keyAt + 3]!;
  const recordHalves = segment.recordBytes / 2;
  // The upper half of the first word is left out, or known to be equal in its upper byte only.
  const skipped = segment.directoryBits < 16 ? 1 : 0;
  const low = k0 & 0xffff;
  const end = stop * recordHalves;
  for (let record = start * recordHalves; record < end; record += recordHalves) {
    if (halves[record] !== low) continue;
    if (skipped === 1 && halves[record + 1] !== k0 >>> 16) continue;
    const at = record + skipped;
    const isEqual =
      halves[at + 1] === (k1 & 0xffff) &&
      halves[at + 2] === k1 >>> 16 &&
      halves[at + 3] === (k2 & 0xffff) &&
      halves[at + 4] === k2 >>> 16 &&
      halves[at + 5] === (k3 & 0xffff) &&
      halves[at + 6] === k3 >>> 16;
    if (isEqual) return record;
  }
  return -1;
}

function judged(
  halves: Uint16Array,
  segment: Segment,
  record: number,
  digests: Uint32Array | undefined,
  key: number,
): number {
  if (digests === undefined) return VERDICT.duplicate;
  const at = record + segment.recordBytes / 2 - 4;
  const d0 = digests[key * 2]!;
  const d1 = digests[key * 2 + 1]!;
  const isEqual =
    halves[at] === (d0 & 0xffff) &&
    halves[at + 1] === d0 >>> 16 &&
    halves[at + 2] === (d1 & 0xffff) &&
    halves[at + 3] === d1 >>> 16;
  return isEqual ? VERDICT.duplicate : VERDICT.conflict;
}

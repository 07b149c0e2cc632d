import { CandidateReads, readRecords, recordAmong, UNDECIDED } from './candidate-reads.js';
import { fillFilter } from './fill-filter.js';
import {
  FingerprintFilter,
  filterBytes,
  fingerprintOf,
  hasFingerprint,
  LINE_WORDS,
  MAX_KEYS_PER_LINE,
  NOTED_AT,
  SLOTS,
  TAGS_AT,
  tagOf,
} from './fingerprint-filter.js';
import type { KeyTable } from './key-table.js';
import type { Segment } from './segment.js';
import { type DamagedBlock, type KeyBatch, VERDICT } from './store.js';

/** States of a tag. 0: its generation is not in the window. */
const IN_MEMORY = 1;
const SEALED = 2;

/** Cache misses of so many keys overlap, and what they bring in still lies in the first-level cache afterwards. */
const KEYS_PER_TOUCH = 256;
/** Undecided keys are collected over so many, in order to read them in the order of the disk. */
const KEYS_PER_PIECE = 16_384;

/** Where a key is. */
export interface Location {
  readonly generation: number;
  /** 2 words, empty without digests. */
  readonly digest: Uint32Array;
}

/** All keys of the window: the filter over all generations, the tables of those in memory, the segments of the others. */
export class WindowIndex {
  readonly #states = new Uint8Array(256);
  readonly #generations = new Uint32Array(256);
  readonly #tables: (KeyTable | undefined)[] = new Array(256).fill(undefined);
  readonly #segments: (Segment | undefined)[] = new Array(256).fill(undefined);
  readonly #reads = new CandidateReads(this.#segments);
  readonly #candidates = new Uint8Array(255);
  #filter: FingerprintFilter;
  #table!: KeyTable;
  #tag = 0;
  /** Keeps the touching loop from being optimised away. */
  touched = 0;

  constructor(bytes: number) {
    this.#filter = new FingerprintFilter(bytes, this.#states, this.#generations);
  }

  get filterBytes(): number {
    return this.#filter.byteLength;
  }

  /**
   * Adds the sealed generations.
   *
   * @returns their damaged blocks, whose keys are not known
   */
  addSegments(segments: readonly Segment[]): DamagedBlock[] {
    for (const segment of segments) {
      const { generation } = segment.header;
      const tag = tagOf(generation);
      this.#generations[tag] = generation;
      this.#states[tag] = SEALED;
      this.#segments[tag] = segment;
    }
    return fillFilter(this.#filter, segments);
  }

  /** Adds the generation that takes new keys from now on. */
  addTable(generation: number, table: KeyTable): void {
    const tag = tagOf(generation);
    this.#generations[tag] = generation;
    this.#states[tag] = IN_MEMORY;
    this.#tables[tag] = table;
    this.#table = table;
    this.#tag = tag;
    this.#enterTable(table, tag);
  }

  /** Looks for a generation's keys in its segment instead of its table. */
  replaceTable(segment: Segment): void {
    const tag = tagOf(segment.header.generation);
    this.#segments[tag] = segment;
    this.#tables[tag] = undefined;
    this.#states[tag] = SEALED;
  }

  /** Forgets a generation. */
  drop(generation: number): void {
    const tag = tagOf(generation);
    this.#states[tag] = 0;
    this.#segments[tag] = undefined;
    this.#tables[tag] = undefined;
  }

  /** Judges keys and takes in those that are new. */
  judge(batch: KeyBatch, verdicts: Uint8Array): void {
    for (let from = 0; from < batch.count; from += KEYS_PER_PIECE) {
      const to = Math.min(batch.count, from + KEYS_PER_PIECE);
      this.#ensureRoom(to - from);
      for (let key = from; key < to; key += KEYS_PER_TOUCH) {
        const end = Math.min(to, key + KEYS_PER_TOUCH);
        this.#touch(batch.keys, key, end);
        this.#judgeTouched(batch, key, end, verdicts);
      }
      if (this.#reads.count > 0) this.#decide(batch, from, to, verdicts);
    }
  }

  find(key: Uint32Array): Location | undefined {
    const [k0, k1, k2, k3] = key as unknown as [number, number, number, number];
    const found = this.#filter.candidates(k0, fingerprintOf(k1), this.#candidates);
    for (const tag of this.#candidates.slice(0, found)) {
      const table = this.#tables[tag];
      const segment = this.#segments[tag];
      const digest =
        this.#states[tag] === IN_MEMORY ? digestInTable(table!, k0, k1, k2, k3) : digestInSegment(segment!, key);
      if (digest !== undefined) return { generation: this.#generations[tag]!, digest };
    }
    return undefined;
  }

  #touch(keys: Uint32Array, from: number, to: number): void {
    const { words, scale } = this.#filter;
    const { slots, mask } = this.#table;
    let touched = 0;
    for (let at = from * 4; at < to * 4; at += 4) {
      touched ^= words[((keys[at]! * scale) | 0) * LINE_WORDS]! ^ slots[keys[at + 2]! & mask]!;
    }
    this.touched ^= touched;
  }

  #judgeTouched({ keys, digests }: KeyBatch, from: number, to: number, verdicts: Uint8Array): void {
    const filter = this.#filter;
    const table = this.#table;
    const tag = this.#tag;
    const states = this.#states;
    const { scale, words, halves, bytes } = filter;
    for (let key = from; key < to; key++) {
      const k0 = keys[key * 4]!;
      const fingerprint = fingerprintOf(keys[key * 4 + 1]!);
      const line = (k0 * scale) | 0;
      const noted = words[line * LINE_WORDS + NOTED_AT]!;
      const used = noted & 0xff;
      if (states[(noted >>> 8) & 0xff] !== 0 || hasFingerprint(words, line, fingerprint)) {
        const verdict = this.#judgeCandidates(keys, digests, key, fingerprint);
        verdicts[key] = verdict;
        if (verdict !== VERDICT.new) continue;
      }
      verdicts[key] = VERDICT.new;
      if (used < SLOTS) {
        halves[line * (LINE_WORDS * 2) + used] = fingerprint;
        bytes[line * (LINE_WORDS * 4) + TAGS_AT + used] = tag;
        words[line * LINE_WORDS + NOTED_AT] = noted + 1;
      } else {
        filter.insert(k0, fingerprint, tag);
      }
      const d0 = digests === undefined ? 0 : digests[key * 2]!;
      const d1 = digests === undefined ? 0 : digests[key * 2 + 1]!;
      table.add(k0, keys[key * 4 + 1]!, keys[key * 4 + 2]!, keys[key * 4 + 3]!, d0, d1);
    }
  }

  #judgeCandidates(keys: Uint32Array, digests: Uint32Array | undefined, key: number, fingerprint: number): number {
    const k0 = keys[key * 4]!;
    const found = this.#filter.candidates(k0, fingerprint, this.#candidates);
    const reads = this.#reads.count;
    for (let at = 0; at < found; at++) {
      const tag = this.#candidates[at]!;
      if (this.#states[tag] === SEALED) {
        this.#reads.add(key, tag, k0);
        continue;
      }
      const verdict = judgedByTable(this.#tables[tag]!, keys, digests, key);
      if (verdict === VERDICT.new) continue;
      this.#reads.count = reads;
      return verdict;
    }
    return this.#reads.count > reads ? UNDECIDED : VERDICT.new;
  }

  /** Judges the undecided keys, in their order: what is in no segment may have come twice in this piece. */
  #decide(batch: KeyBatch, from: number, to: number, verdicts: Uint8Array): void {
    this.#reads.resolve(batch, verdicts);
    const { keys, digests } = batch;
    for (let key = from; key < to; key++) {
      if (verdicts[key] !== UNDECIDED) continue;
      const verdict = judgedByTable(this.#table, keys, digests, key);
      verdicts[key] = verdict;
      if (verdict !== VERDICT.new) continue;
      this.#filter.insert(keys[key * 4]!, fingerprintOf(keys[key * 4 + 1]!), this.#tag);
      const d0 = digests === undefined ? 0 : digests[key * 2]!;
      const d1 = digests === undefined ? 0 : digests[key * 2 + 1]!;
      this.#table.add(keys[key * 4]!, keys[key * 4 + 1]!, keys[key * 4 + 2]!, keys[key * 4 + 3]!, d0, d1);
    }
  }

  /** Makes a larger filter when more keys are held than were expected: much uncommitted, or a generation kept longer. */
  #ensureRoom(more: number): void {
    let held = more;
    for (const table of this.#tables) held += table?.count ?? 0;
    for (const segment of this.#segments) held += segment?.keyCount ?? 0;
    if (held <= this.#filter.capacity) return;
    this.#filter = new FingerprintFilter(filterBytes(held, MAX_KEYS_PER_LINE / 2), this.#states, this.#generations);
    fillFilter(
      this.#filter,
      this.#segments.filter((segment) => segment !== undefined),
    );
    for (const [tag, table] of this.#tables.entries()) if (table !== undefined) this.#enterTable(table, tag);
  }

  #enterTable({ keys, count }: KeyTable, tag: number): void {
    for (let key = 0; key < count; key++) this.#filter.insert(keys[key * 4]!, fingerprintOf(keys[key * 4 + 1]!), tag);
  }
}

function judgedByTable(table: KeyTable, keys: Uint32Array, digests: Uint32Array | undefined, key: number): number {
  const index = table.find(keys[key * 4]!, keys[key * 4 + 1]!, keys[key * 4 + 2]!, keys[key * 4 + 3]!);
  if (index === -1) return VERDICT.new;
  if (digests === undefined) return VERDICT.duplicate;
  const isEqual =
    table.digests[index * 2] === digests[key * 2] && table.digests[index * 2 + 1] === digests[key * 2 + 1];
  return isEqual ? VERDICT.duplicate : VERDICT.conflict;
}

function digestInTable(table: KeyTable, k0: number, k1: number, k2: number, k3: number): Uint32Array | undefined {
  const index = table.find(k0, k1, k2, k3);
  return index === -1 ? undefined : table.digests.slice(index * 2, index * 2 + 2);
}

function digestInSegment(segment: Segment, key: Uint32Array): Uint32Array | undefined {
  const records = segment.recordCount(key[0]!);
  const halves = new Uint16Array((records * segment.recordBytes) / 2);
  readRecords(segment, segment.firstRecord(key[0]!), new Uint8Array(halves.buffer));
  const found = recordAmong(halves, segment, 0, records, key, 0);
  if (found === -1) return undefined;
  const digestAt = found + segment.recordBytes / 2 - segment.header.layout.digestBytes / 2;
  return new Uint32Array(halves.slice(digestAt, found + segment.recordBytes / 2).buffer);
}

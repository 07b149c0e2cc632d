import { type FingerprintFilter, LINE_WORDS, NOTED_AT, SLOTS, TAGS_AT, tagOf } from './fingerprint-filter.js';
import type { Segment } from './segment.js';
import { type RecordRun, SegmentReader } from './segment-reader.js';
import type { DamagedBlock } from './store.js';

/** Of the filter, so much is filled from all segments before the next part: it stays in the second-level cache. */
const PART_BYTES = 2 ** 20;

/**
 * Enters the keys of sealed generations into a filter.
 *
 * Records and lines have the same order, so all segments are read side by side, and each part of the filter comes
 * through the cache once; segment by segment it would come once for each.
 *
 * @returns blocks whose keys are not known
 */
export function fillFilter(filter: FingerprintFilter, segments: readonly Segment[]): DamagedBlock[] {
  const fillers = segments.map((segment) => new SegmentFiller(filter, segment));
  const parts = Math.ceil(filter.byteLength / PART_BYTES);
  for (let part = 1; part <= parts; part++) {
    for (const filler of fillers) filler.fillTo(part === parts ? undefined : Math.floor((part / parts) * 2 ** 32));
  }
  return fillers.flatMap(({ damage }) => damage);
}

class SegmentFiller {
  readonly #filter: FingerprintFilter;
  readonly #reader: SegmentReader;
  readonly #tag: number;
  /** Place of the directory that the last record belonged to, and the record behind its last one. */
  #place = -1;
  #end = 0;

  constructor(filter: FingerprintFilter, segment: Segment) {
    this.#filter = filter;
    this.#reader = new SegmentReader(segment);
    this.#tag = tagOf(segment.header.generation);
  }

  get damage(): readonly DamagedBlock[] {
    return this.#reader.damage;
  }

  /** Enters the keys before `k0`, and some more up to the end of a block. */
  fillTo(k0: number | undefined): void {
    const { segment } = this.#reader;
    const record = k0 === undefined ? segment.keyCount : segment.firstRecord(k0);
    this.#reader.readTo(record, (run) => this.#enter(run));
  }

  #enter({ halves, start, first, count }: RecordRun): void {
    const filter = this.#filter;
    const { words, halves: fingerprints, bytes, scale } = filter;
    const { counts, directoryBits, recordBytes } = this.#reader.segment;
    const tag = this.#tag;
    const hasWholeKeys = directoryBits < 16;
    const highHalfAt = hasWholeKeys ? 3 : 2;
    let place = this.#place;
    let end = this.#end;
    let at = start;
    for (let record = first; record < first + count; record++, at += recordBytes / 2) {
      while (record >= end) end += counts[++place]!;
      const k0 = (((hasWholeKeys ? halves[at + 1]! : place) << 16) | halves[at]!) >>> 0;
      const fingerprint = halves[at + highHalfAt]! || 1;
      const line = (k0 * scale) | 0;
      const noted = words[line * LINE_WORDS + NOTED_AT]!;
      const used = noted & 0xff;
      if (used < SLOTS) {
        fingerprints[line * (LINE_WORDS * 2) + used] = fingerprint;
        bytes[line * (LINE_WORDS * 4) + TAGS_AT + used] = tag;
        words[line * LINE_WORDS + NOTED_AT] = noted + 1;
      } else {
        filter.insert(k0, fingerprint, tag);
      }
    }
    this.#place = place;
    this.#end = end;
  }
}

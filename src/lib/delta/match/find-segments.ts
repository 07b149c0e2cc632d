import { commonLength, commonLengthBack } from './common-length.js';
import type { Content } from './content.js';
import { agreement, type Extension, extendBack, extendForward } from './likeness.js';
import { LOOKUP_CAPACITY, SEED_BYTES, type SeedIndex } from './seed-index.js';
import { SegmentList, type Segments } from './segments.js';

/** Where a diagonal goes on exactly for this long, nothing better is searched for. */
const SETTLED_BYTES = 32;
/** How far an extension looks at once; it is taken up again when the scan gets there. */
const MOST_EXTENSION_BYTES = 4096;
/** Segments that ended at most so far back may be gone on with. */
const BRIDGE_BYTES = 64;
/** Segments that are looked at for going on. */
const RECENT = 6;
const RECENT_SLOTS = 64;
/** A new segment must get so many more bytes right than those that are there. */
const MIN_GAIN = 5;
/** How far behind a match two places are compared, to know which of several fits best. */
const LIKENESS_BYTES = 96;
/** Matches this long are taken as they come. */
const LONG_MATCH_BYTES = 256;
/** Where nothing was found for so many bytes, more of them are passed over, an odd number so that every alignment gets its turn, */
const BARREN_BYTES = 8192;
/** at most so many times two more. */
const MOST_BARREN = 3;
const SLOT_BITS = 12;
const PROGRESS_BYTES = 65_536;

/** Where some bytes of the new image are known to be equal to those of the old one on a diagonal. */
export interface Hint {
  readonly at: number;
  readonly diagonal: number;
}

/**
 * Finds the segments of the new image that resemble parts of the old one.
 *
 * It walks the new image; where no diagonal of the last segments goes on exactly for long, it looks
 * up the next eight bytes in the old image and extends the places that fit best both ways.
 *
 * @param hints ascending
 */
export function findSegments(
  old: Content,
  target: Content,
  index: SeedIndex,
  hints: readonly Hint[],
  onProgress: (doneFraction: number) => void,
): Segments {
  const search = new SegmentSearch(old, target, index);
  let nextReport = 0;
  let nextHint = 0;
  for (let at = 0; at + SEED_BYTES <= target.length; at += search.step(at)) {
    while (nextHint < hints.length && hints[nextHint]!.at <= at) search.follow(hints[nextHint++]!);
    if (at < nextReport) continue;
    onProgress(at / target.length);
    nextReport = at + PROGRESS_BYTES;
  }
  onProgress(1);
  const sorted = search.list.sorted();
  search.list.release();
  return sorted;
}

/** Where the bytes at some place of the new image occur in the old one. */
interface Match {
  oldAt: number;
  forward: number;
  back: number;
}

class SegmentSearch {
  readonly list = new SegmentList();
  /** The last segments, the one that is gone on with at the end. */
  readonly #recent: number[] = [];
  /** The last segment on each diagonal, by a hash of it. */
  readonly #lastOn = new Int32Array(2 ** SLOT_BITS).fill(-1);
  readonly #exhausted = new Int32Array(RECENT_SLOTS).fill(-1);
  readonly #found = new Int32Array(LOOKUP_CAPACITY);
  readonly #extension: Extension = { length: 0, score: 0 };
  readonly #old: Content;
  readonly #target: Content;
  readonly #index: SeedIndex;
  /** The diagonal that was gone on with last. */
  #running = 0;
  /** How far one of the recent diagonals goes on exactly from where the scan is. */
  #exact = 0;
  /** Where a match was found last. */
  #matchedAt = 0;

  constructor(old: Content, target: Content, index: SeedIndex) {
    this.#old = old;
    this.#target = target;
    this.#index = index;
  }

  /** Looks at one place of the new image. @returns how far to go on, bytes */
  step(at: number): number {
    if (this.#goOn(at)) {
      this.#matchedAt = at;
      return this.#exact;
    }
    const [longest, likest] = this.#matches(at);
    let taken = 0;
    if (longest !== undefined) taken = this.#take(at, longest);
    if (likest !== undefined && likest.oldAt !== longest?.oldAt) taken = Math.max(taken, this.#take(at, likest));
    if (longest !== undefined) this.#matchedAt = at;
    const barren = Math.floor((at - this.#matchedAt) / BARREN_BYTES);
    return Math.max(taken, this.#exact, 1 + 2 * Math.min(barren, MOST_BARREN));
  }

  /** Whether one of the recent segments goes on exactly, for so long that nothing else is searched. */
  #goOn(at: number): boolean {
    const { list } = this;
    this.#exact = 0;
    for (let i = this.#recent.length - 1; i >= 0; i--) {
      const segment = this.#recent[i]!;
      if (at > list.end[segment]! + BRIDGE_BYTES) continue;
      const oldAt = at + list.diagonal[segment]!;
      if (oldAt < 0 || oldAt >= this.#old.length) continue;
      const length = commonLength(this.#old, oldAt, this.#target, at);
      this.#exact = Math.max(this.#exact, length);
      if (length < SETTLED_BYTES) {
        if (at >= list.end[segment]! && (length >= MIN_GAIN || !this.#isExhausted(segment)))
          this.#reach(segment, at + length);
        continue;
      }
      this.#reach(segment, at + length);
      this.#recent.splice(i, 1);
      this.#recent.push(segment);
      this.#running = list.diagonal[segment]!;
      this.#exact = length;
      return true;
    }
    return false;
  }

  /** The longest match here, and the one whose surroundings are most alike. */
  #matches(at: number): [Match?, Match?] {
    const count = this.#index.lookup(this.#target.words, at, at + this.#running, this.#found);
    let longest: Match | undefined;
    let likest: Match | undefined;
    let best = 0;
    for (let i = 0; i < count; i++) {
      const oldAt = this.#found[i]!;
      const forward = commonLength(this.#old, oldAt, this.#target, at);
      if (forward < SEED_BYTES) continue;
      const back = commonLengthBack(this.#old, oldAt, this.#target, at, LIKENESS_BYTES);
      const match = { oldAt, forward, back };
      if (longest === undefined || this.#isLonger(match, longest, at)) longest = match;
      if (count === 1) break;
      extendForward(this.#old, oldAt + forward, this.#target, at + forward, LIKENESS_BYTES, this.#extension);
      const likeness = forward + back + this.#extension.score;
      if (likeness > best || (likeness === best && this.#isNearer(match, likest!, at))) {
        best = likeness;
        likest = match;
      }
    }
    return [longest, likest];
  }

  #isLonger(match: Match, other: Match, at: number): boolean {
    const gain = match.forward + match.back - other.forward - other.back;
    return gain > 0 || (gain === 0 && this.#isNearer(match, other, at));
  }

  #isNearer(match: Match, other: Match, at: number): boolean {
    const expected = at + this.#running;
    return Math.abs(match.oldAt - expected) < Math.abs(other.oldAt - expected);
  }

  /** Goes on with what is known. */
  follow({ at, diagonal }: Hint): void {
    this.#running = diagonal;
    if (this.#liveOn(diagonal, at) === undefined && !this.list.isFull) this.#note(at, diagonal, 1);
  }

  #liveOn(diagonal: number, at: number): number | undefined {
    const segment = this.#lastOn[slotOf(diagonal)]!;
    const { list } = this;
    if (segment < 0 || list.diagonal[segment] !== diagonal || at > list.end[segment]! + BRIDGE_BYTES) return undefined;
    return segment;
  }

  #note(at: number, diagonal: number, length: number): void {
    const { list } = this;
    extendBack(this.#old, at + diagonal, this.#target, at, MOST_EXTENSION_BYTES, this.#extension);
    const segment = list.add(at - this.#extension.length, at, diagonal);
    this.#reach(segment, at + length);
    this.#lastOn[slotOf(diagonal)] = segment;
    this.#recent.push(segment);
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  /** Notes a segment around a match unless there is one as good. @returns how far it settles what is to be searched */
  #take(at: number, { oldAt, forward, back }: Match): number {
    const diagonal = oldAt - at;
    const last = this.#liveOn(diagonal, at);
    if (last !== undefined) {
      this.#reach(last, at + forward);
      return 0;
    }
    if (forward < LONG_MATCH_BYTES) {
      const from = at - back;
      const to = Math.min(this.#target.length, this.#old.length - diagonal, at + forward + LIKENESS_BYTES);
      if (!this.#isBetter(diagonal, from, at + forward) && !this.#isBetter(diagonal, from, to)) return 0;
    }
    if (this.list.isFull) return 0;
    this.#note(at, diagonal, forward);
    if (forward < SETTLED_BYTES) return 0;
    this.#running = diagonal;
    return forward;
  }

  /** Whether a segment was gone on with from its end before; it is now. */
  #isExhausted(segment: number): boolean {
    const end = this.list.end[segment]!;
    const slot = segment % this.#exhausted.length;
    if (this.#exhausted[slot] === end) return true;
    this.#exhausted[slot] = end;
    return false;
  }

  /** Lets a segment end not before `at`, and extends it from there when it has not been so far. */
  #reach(segment: number, at: number): void {
    const { list } = this;
    if (at < list.end[segment]!) return;
    const oldAt = at + list.diagonal[segment]!;
    extendForward(this.#old, oldAt, this.#target, at, MOST_EXTENSION_BYTES, this.#extension);
    list.end[segment] = at + this.#extension.length;
  }

  /** Whether a diagonal gets clearly more of target[from … to) right than any recent segment. */
  #isBetter(diagonal: number, from: number, to: number): boolean {
    const good = agreement(this.#old, diagonal, this.#target, from, to) - MIN_GAIN;
    if (good < 0) return false;
    for (const segment of this.#recent) {
      if (this.list.end[segment]! < to || this.list.start[segment]! > from) continue;
      if (agreement(this.#old, this.list.diagonal[segment]!, this.#target, from, to) > good) return false;
    }
    return true;
  }
}

const slotOf = (diagonal: number) => Math.imul(diagonal, 0x9e3779b1) >>> (32 - SLOT_BITS);

import type { ImageBytes } from '../image/image-bytes.js';
import type { Covers } from '../match/covers.js';
import type { AddressSpaces, Segment } from './address-space.js';
import { AlignmentIndex } from './alignment-index.js';
import { BlockCursor } from './blocks.js';
import { CoverPieces } from './cover-pieces.js';
import { EqualBlocks } from './equal-blocks.js';
import { tablesOf } from './modes.js';
import { POINTER_32 } from './pointers.js';
import type { ReferenceForm } from './reference-form.js';
import { TargetMap } from './target-map.js';

/** Pieces of the new image that are looked at when more than this share of their words differs: few are code. */
const BLOCK_BITS = 8;
const FEWEST_DIFFERING = 1 / 4;
/** Pieces near each other are treated together, up to so many bytes; fewer than so many are not worth it. */
const NEAR_BYTES = 256;
const FEWEST_RUN_BYTES = 256;
const MOST_RUN_BYTES = 256 * 1024;
/** Words of a table that mean places in the image are more than this share; pointers of 32 bits lie among code as well. */
const FEWEST_INSIDE = 1 / 2;
const FEWEST_INSIDE_POINTERS_32 = 1 / 4;
/** Small numbers, taken for distances, mean places nearer than this. */
const NEAREST_TARGET_BYTES = 4096;
/** How far from its present place an entry is searched in the old image, bytes. */
const REACH_BYTES = 12 * 1024;
/** An alignment must be right for so many more of the next words than the present one. */
const AHEAD_WORDS = 12;
const SWITCH_GAIN_WORDS = 4;

/**
 * Shifts covers inside tables of references to the entries that mean the same.
 *
 * The entries of such a table look alike, so a match of bytes easily pairs an entry with the
 * neighbour of the right one. What they mean tells them apart: an old entry belongs to the new one
 * whose target is where the old target went.
 *
 * @returns covers with more cuts; the same where nothing was gained
 */
export function realignTables(spaces: AddressSpaces, covers: Covers, old: ImageBytes, target: ImageBytes): Covers {
  const forms = tablesOf(spaces.machine);
  const map = new TargetMap(spaces, covers);
  const pieces = new CoverPieces(covers);
  const block = new BlockCursor(covers, BLOCK_BITS);
  let run: Run | undefined;
  const finish = () => {
    if (run !== undefined && run.to - run.from >= FEWEST_RUN_BYTES) realignRun(run, forms, map, old, target, pieces);
    run = undefined;
  };
  const equal = new EqualBlocks(old, target, covers.exact);
  while (block.next()) {
    if (equal.has(block)) continue;
    const { cover, newAt, oldAt, length } = block;
    if (!differs(old.view(oldAt, length), target.view(newAt, length))) continue;
    const newSegment = segmentAt(map.new, newAt, length);
    const oldSegment = segmentAt(map.old, oldAt, length);
    if (newSegment === undefined || oldSegment === undefined) continue;
    const continues =
      run !== undefined &&
      run.cover === cover &&
      newAt - run.to <= NEAR_BYTES &&
      newAt + length - run.from <= MOST_RUN_BYTES &&
      run.newSegment === newSegment &&
      run.oldSegment === oldSegment;
    if (!continues) {
      finish();
      run = { cover, from: newAt, to: newAt, shift: oldAt - newAt, oldSegment, newSegment };
    }
    run!.to = newAt + length;
  }
  finish();
  return covers.exact === undefined ? pieces.covers() : { ...pieces.covers(), exact: covers.exact };
}

/** A part of one cover, in the new image, that lies in one segment of each. */
interface Run {
  readonly cover: number;
  readonly from: number;
  to: number;
  /** Place in the old image less place in the new one. */
  readonly shift: number;
  readonly oldSegment: Segment;
  readonly newSegment: Segment;
}

function differs(a: Uint8Array, b: Uint8Array): boolean {
  let differing = 0;
  for (let i = 0; i + 4 <= b.length; i += 4) {
    if (a[i] !== b[i] || a[i + 1] !== b[i + 1] || a[i + 2] !== b[i + 2] || a[i + 3] !== b[i + 3]) differing++;
  }
  return differing * 4 > b.length * FEWEST_DIFFERING;
}

function segmentAt(space: TargetMap['old'], place: number, length: number): Segment | undefined {
  const segment = space.segment(space.indexAt(place));
  return segment !== undefined && place + length <= segment.fileAt + segment.size ? segment : undefined;
}

function realignRun(
  run: Run,
  forms: readonly ReferenceForm[],
  map: TargetMap,
  old: ImageBytes,
  target: ImageBytes,
  pieces: CoverPieces,
): void {
  const { oldSegment, newSegment, shift } = run;
  map.enter(oldSegment, newSegment);
  const reach = REACH_BYTES;
  const oldFrom = Math.max(oldSegment.fileAt, run.from + shift - reach);
  const oldTo = Math.min(oldSegment.fileAt + oldSegment.size, run.to + shift + reach);
  const oldBytes = Uint8Array.from(old.view(oldFrom, oldTo - oldFrom));
  const newBytes = target.view(run.from, run.to - run.from);
  const oldAddress = oldSegment.address + (oldFrom - oldSegment.fileAt);
  const newAddress = newSegment.address + (run.from - newSegment.fileAt);
  let best: Alignment[] = [];
  let mostGained = 0;
  for (const form of forms) {
    if (!isTable(form, map, newBytes, newAddress, newSegment)) continue;
    const index = new AlignmentIndex(form, map, oldBytes, oldAddress, newBytes, newAddress);
    const { alignments, gained } = align(index, run.from + shift - oldFrom);
    if (gained > mostGained) {
      mostGained = gained;
      best = alignments;
    }
  }
  for (const { at, oldAt } of best) pieces.realign(run.cover, run.from + at, run.to, oldFrom + oldAt);
}

/** Whether the words of a run may be references of a form: most mean places in the image, or grow. */
function isTable(form: ReferenceForm, map: TargetMap, bytes: Uint8Array, address: number, segment: Segment): boolean {
  const step = form.bytes;
  let inside = 0;
  let growing = 0;
  let count = 0;
  let beforeLast = Number.NEGATIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (let at = -address & (step - 1); at + step <= bytes.length; at += step, count++) {
    const target = form.read(bytes, at, map.newBase(form, address + at), at);
    const isFar = Math.abs(target - address - at) >= NEAREST_TARGET_BYTES;
    if (isFar && target >= segment.address && target < segment.address + segment.size) inside++;
    if (target > beforeLast) growing++; // entries of sorted tables have one word or two
    beforeLast = last;
    last = target;
  }
  return form.base === undefined
    ? inside > count * (form === POINTER_32 ? FEWEST_INSIDE_POINTERS_32 : FEWEST_INSIDE)
    : growing * 4 > count * 3;
}

/** From `at` on, bytes of the new run come from those at `oldAt`. */
interface Alignment {
  readonly at: number;
  readonly oldAt: number;
}

/** Goes through the new words and takes another alignment where it is right for clearly more of the next ones. */
function align(index: AlignmentIndex, oldAt: number): { alignments: Alignment[]; gained: number } {
  const alignments: Alignment[] = [];
  let gained = 0;
  let shift = oldAt;
  for (let word = 0; word < index.count; word++) {
    if (index.agrees(word, shift)) {
      if (shift !== oldAt && !index.agrees(word, oldAt)) gained++;
      continue;
    }
    const wrong = wrongAhead(index, word, shift);
    if (wrong < SWITCH_GAIN_WORDS) continue;
    const found = index.shiftOf(word);
    if (Number.isNaN(found) || wrong - wrongAhead(index, word, found) < SWITCH_GAIN_WORDS) continue;
    shift = found;
    gained++;
    alignments.push({ at: index.place(word), oldAt: index.place(word) + shift });
  }
  return { alignments, gained };
}

/** How many of the next words mean something else than the old ones at a shift. */
function wrongAhead(index: AlignmentIndex, from: number, shift: number): number {
  const to = Math.min(from + AHEAD_WORDS, index.count);
  let wrong = 0;
  for (let word = from; word < to; word++) if (!index.agrees(word, shift)) wrong++;
  return wrong;
}

import type { Covers } from '../match/covers.js';
import { AddressLookup } from './address-lookup.js';
import type { AddressSpaces, Segment } from './address-space.js';
import { CONTEXT_BYTES, MOST_BLOCK_BITS } from './blocks.js';
import { LearnedTargets } from './learned-targets.js';
import { modesOf } from './modes.js';
import { PositionMap } from './position-map.js';
import type { ReferenceFinder, ReferenceForm, ReferenceVisitor } from './reference-form.js';

const MOST_BYTES = 2 ** MOST_BLOCK_BITS + 2 * CONTEXT_BYTES;

/**
 * Turns old bytes into what the new ones should be: every reference found in the old bytes is pointed
 * to where its target went.
 *
 * Encoder and applier drive it alike: for each block in the same order, `predict`, then, where the
 * prediction was wrong, `learn`. It uses nothing but what the applier has by then.
 */
export class Predictor implements ReferenceVisitor {
  /** Modes are numbered from 0, which predicts nothing. */
  readonly modeCount: number;
  readonly #finders: readonly (ReferenceFinder | undefined)[];
  readonly #positions: PositionMap;
  readonly #oldSpace: AddressLookup;
  readonly #newSpace: AddressLookup;
  readonly #learned = new LearnedTargets();
  readonly #predicted = new Uint8Array(MOST_BYTES);
  readonly #actual = new Uint8Array(MOST_BYTES);
  // the part of a block that is worked on: within one segment of each image
  #learning = false;
  #old: Uint8Array = this.#predicted;
  #oldAddress = 0;
  #newAddress = 0;
  #oldUnit: readonly Segment[] = [];
  #newUnit = 0;
  #unit = 0;
  #oldHit: Segment | undefined;
  #newHit: Segment | undefined;
  #oldSegment: Segment | undefined;
  #newSegment: Segment | undefined;
  #knownFrom = 0;
  #knownTo = 0;

  /**
   * @param spaces checked: segments sorted, inside the images
   * @param covers checked: inside the images
   */
  constructor(spaces: AddressSpaces, covers: Covers) {
    this.#finders = modesOf(spaces.machine);
    this.modeCount = this.#finders.length;
    this.#oldSpace = new AddressLookup(spaces.old);
    this.#newSpace = new AddressLookup(spaces.new);
    this.#positions = new PositionMap(covers);
  }

  /**
   * Predicts one block.
   *
   * @param mode   below `modeCount`
   * @param old    old bytes of the block with up to {@link CONTEXT_BYTES} before and after, as many as the old image has
   * @param before how many of them lie before the block
   * @param length bytes of the block, at most 2^MOST_BLOCK_BITS
   * @param oldAt  first byte of the block in the old image
   * @param newAt  first byte of the block in the new image
   * @returns the block's predicted bytes, valid until the next call; `old` itself when there is nothing to predict
   */
  predict(mode: number, old: Uint8Array, before: number, length: number, oldAt: number, newAt: number): Uint8Array {
    const find = this.#finders[mode];
    if (find === undefined) return old.subarray(before, before + length);
    this.#learning = false;
    this.#predicted.set(old);
    this.#old = old;
    this.#walk(find, old, before, length, oldAt, newAt);
    return this.#predicted.subarray(before, before + length);
  }

  /**
   * Learns from what a block turned out to be; parameters as for {@link predict}.
   *
   * @param actual the block's bytes in the new image
   */
  learn(mode: number, old: Uint8Array, before: number, actual: Uint8Array, oldAt: number, newAt: number): void {
    const find = this.#finders[mode];
    if (find === undefined) return;
    this.#learning = true;
    this.#actual.set(old);
    this.#actual.set(actual, before);
    this.#old = old;
    this.#knownFrom = before;
    this.#knownTo = before + actual.length;
    this.#walk(find, old, before, actual.length, oldAt, newAt);
  }

  /** Forgets everything that was learned: where a part must not depend on those before. */
  forget(): void {
    this.#learned.clear();
  }

  /** Calls the finder for each part of the block that lies in one segment of each image. */
  #walk(find: ReferenceFinder, old: Uint8Array, before: number, length: number, oldAt: number, newAt: number): void {
    for (let done = 0; done < length; ) {
      const oldIndex = this.#oldSpace.indexAt(oldAt + done);
      const oldSegment = this.#oldSpace.segment(oldIndex);
      const newIndex = this.#newSpace.indexAt(newAt + done);
      const newSegment = this.#newSpace.segment(newIndex);
      let end = length;
      const nextOld = this.#oldSpace.segment(oldIndex + 1);
      if (nextOld !== undefined) end = Math.min(end, nextOld.fileAt - oldAt);
      const nextNew = this.#newSpace.segment(newIndex + 1);
      if (nextNew !== undefined) end = Math.min(end, nextNew.fileAt - newAt);
      if (oldSegment !== undefined && newSegment !== undefined) {
        const oldEnd = oldSegment.fileAt + oldSegment.size;
        if (oldAt + done < oldEnd && newAt + done < newSegment.fileAt + newSegment.size) {
          end = Math.min(end, oldEnd - oldAt, newSegment.fileAt + newSegment.size - newAt);
          const oldStart = oldAt - before; // place of old[0]
          const newStart = newAt - before;
          if (this.#unit !== oldSegment.unit || this.#oldUnit.length === 0) {
            this.#unit = oldSegment.unit;
            this.#oldUnit = this.#oldSpace.unit(oldSegment.unit);
          }
          this.#oldHit = oldSegment;
          this.#newHit = newSegment;
          this.#oldSegment = oldSegment;
          this.#newSegment = newSegment;
          this.#newUnit = newSegment.unit;
          this.#oldAddress = oldSegment.address + (oldStart - oldSegment.fileAt);
          this.#newAddress = newSegment.address + (newStart - newSegment.fileAt);
          const from = Math.max(done === 0 ? 0 : before + done - CONTEXT_BYTES, oldSegment.fileAt - oldStart);
          const to = Math.min(end === length ? old.length : before + end + CONTEXT_BYTES, oldEnd - oldStart);
          find(old, Math.max(0, from), Math.min(to, old.length), this.#oldAddress + Math.max(0, from), this);
        }
      }
      done = end;
    }
  }

  visit(form: ReferenceForm, at: number, partner: number): boolean {
    let oldBase = this.#oldAddress + at;
    let newBase = this.#newAddress + at;
    if (form.base !== undefined) {
      oldBase = baseOf(form.base, this.#oldSegment!, this.#oldSpace);
      newBase = baseOf(form.base, this.#newSegment!, this.#newSpace);
    }
    const target = form.read(this.#old, at, oldBase, partner);
    const newTarget = this.#newTarget(target);
    if (!this.#learning) {
      if (Number.isNaN(newTarget)) return false;
      form.write(this.#predicted, at, newBase, newTarget, partner);
      return true;
    }
    if (this.#known(at, form.bytes) && (partner === at || this.#known(partner, 4))) {
      const turnedOut = form.read(this.#actual, at, newBase, partner);
      const plausible = form.certain || !Number.isNaN(newTarget) || isPlausible(target, turnedOut);
      if (!Number.isNaN(turnedOut) && turnedOut !== newTarget && plausible) {
        this.#learned.learn(target, this.#unit, this.#mapped(target), turnedOut);
      }
    }
    return !Number.isNaN(newTarget);
  }

  #known(at: number, bytes: number): boolean {
    return at >= this.#knownFrom && at + bytes <= this.#knownTo;
  }

  #newTarget(target: number): number {
    return this.#learned.correct(target, this.#unit, this.#mapped(target));
  }

  #mapped(target: number): number {
    const from = this.#oldSegmentOf(target);
    if (from === undefined) return Number.NaN;
    const place = this.#positions.newPlace(from.fileAt + (target - from.address));
    const to = this.#newSegmentAt(place);
    if (to === undefined) return Number.NaN;
    return to.address + (place - to.fileAt);
  }

  #oldSegmentOf(address: number): Segment | undefined {
    const hit = this.#oldHit;
    if (hit !== undefined && address >= hit.address && address - hit.address < hit.size) return hit;
    const segments = this.#oldUnit;
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (segments[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const found = segments[low - 1];
    if (found === undefined || address - found.address >= found.size) return undefined;
    this.#oldHit = found;
    return found;
  }

  #newSegmentAt(place: number): Segment | undefined {
    const hit = this.#newHit;
    if (hit !== undefined && place >= hit.fileAt && place - hit.fileAt < hit.size) return hit;
    const found = this.#newSpace.segment(this.#newSpace.indexAt(place));
    if (found === undefined || found.unit !== this.#newUnit || place - found.fileAt >= found.size) return undefined;
    this.#newHit = found;
    return found;
  }
}

/** Words that point to no segment may be addresses of variables when they are large and moved a little. */
const LEAST_ADDRESS = 65536;
const MOST_MOVED_BYTES = 65536;

function isPlausible(target: number, turnedOut: number): boolean {
  return Math.abs(target) >= LEAST_ADDRESS && Math.abs(target - turnedOut) <= MOST_MOVED_BYTES;
}

function baseOf(base: 'segment' | 'image', segment: Segment, space: AddressLookup): number {
  return base === 'segment' ? segment.address : space.loadAddress(segment.unit);
}

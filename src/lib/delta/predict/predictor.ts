import type { Covers } from '../match/covers.js';
import type { AddressSpaces } from './address-space.js';
import { CONTEXT_BYTES, MOST_BLOCK_BYTES_IN_CONTEXT } from './blocks.js';
import { LearnedTargets } from './learned-targets.js';
import { modesOf } from './modes.js';
import type { ReferenceFinder, ReferenceForm, ReferenceVisitor } from './reference-form.js';
import { TargetMap } from './target-map.js';

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
  /** References of the block last predicted whose new targets are yet to be learned. */
  unknownReferences = 0;
  readonly #finders: readonly (ReferenceFinder | undefined)[];
  readonly #map: TargetMap;
  readonly #learned = new LearnedTargets();
  readonly #predicted = new Uint8Array(MOST_BLOCK_BYTES_IN_CONTEXT);
  readonly #actual = new Uint8Array(MOST_BLOCK_BYTES_IN_CONTEXT);
  // the part of a block that is worked on: within one segment of each image
  #learning = false;
  #only: Uint8Array | undefined;
  #old: Uint8Array = this.#predicted;
  #oldAddress = 0;
  #newAddress = 0;
  #knownFrom = 0;
  #knownTo = 0;

  /**
   * @param spaces checked: segments sorted, inside the images
   * @param covers checked: inside the images
   */
  constructor(spaces: AddressSpaces, covers: Covers) {
    this.#finders = modesOf(spaces.machine);
    this.modeCount = this.#finders.length;
    this.#map = new TargetMap(spaces, covers);
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
   * @param only   not zero for places of `old`: references that have none of them stay as they are. For trials
   * @returns the block's predicted bytes, valid until the next call; `old` itself when there is nothing to predict
   */
  predict(
    mode: number,
    old: Uint8Array,
    before: number,
    length: number,
    oldAt: number,
    newAt: number,
    only?: Uint8Array,
  ): Uint8Array {
    this.unknownReferences = 0;
    const find = this.#finders[mode];
    if (find === undefined) return old.subarray(before, before + length);
    this.#learning = false;
    this.#only = only;
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
    this.#only = undefined;
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
      const oldIndex = this.#map.old.indexAt(oldAt + done);
      const oldSegment = this.#map.old.segment(oldIndex);
      const newIndex = this.#map.new.indexAt(newAt + done);
      const newSegment = this.#map.new.segment(newIndex);
      let end = length;
      const nextOld = this.#map.old.segment(oldIndex + 1);
      if (nextOld !== undefined) end = Math.min(end, nextOld.fileAt - oldAt);
      const nextNew = this.#map.new.segment(newIndex + 1);
      if (nextNew !== undefined) end = Math.min(end, nextNew.fileAt - newAt);
      if (oldSegment !== undefined && newSegment !== undefined) {
        const oldEnd = oldSegment.fileAt + oldSegment.size;
        if (oldAt + done < oldEnd && newAt + done < newSegment.fileAt + newSegment.size) {
          end = Math.min(end, oldEnd - oldAt, newSegment.fileAt + newSegment.size - newAt);
          const oldStart = oldAt - before; // place of old[0]
          const newStart = newAt - before;
          this.#map.enter(oldSegment, newSegment);
          this.#oldAddress = oldSegment.address + (oldStart - oldSegment.fileAt);
          this.#newAddress = newSegment.address + (newStart - newSegment.fileAt);
          const from = Math.max(done === 0 ? 0 : before + done - CONTEXT_BYTES, oldSegment.fileAt - oldStart);
          const to = Math.min(end === length ? old.length : before + end + CONTEXT_BYTES, oldEnd - oldStart);
          find(
            old,
            Math.max(0, from),
            Math.min(to, old.length),
            this.#oldAddress + Math.max(0, from),
            this,
            before + length,
          );
        }
      }
      done = end;
    }
  }

  visit(form: ReferenceForm, at: number, partner: number): boolean {
    const only = this.#only;
    if (only !== undefined && only[at] === 0 && only[partner] === 0 && (form.bytes <= 4 || only[at + 4] === 0)) {
      return false;
    }
    const oldBase = this.#map.oldBase(form, this.#oldAddress + at);
    const newBase = this.#map.newBase(form, this.#newAddress + at);
    const target = form.read(this.#old, at, oldBase, partner);
    const mapped = this.#map.newTarget(target);
    const newTarget = this.#learned.correct(target, this.#map.unit, mapped);
    if (!this.#learning) {
      if (Number.isNaN(newTarget)) {
        if (form.certain) this.unknownReferences++;
        return false;
      }
      form.write(this.#predicted, at, newBase, newTarget, partner);
      return true;
    }
    if (this.#known(at, form.bytes) && (partner === at || this.#known(partner, 4))) {
      const turnedOut = form.read(this.#actual, at, newBase, partner);
      const plausible = form.certain || !Number.isNaN(newTarget) || isPlausible(target, turnedOut);
      if (!Number.isNaN(turnedOut) && turnedOut !== newTarget && plausible) {
        this.#learned.learn(target, this.#map.unit, mapped, turnedOut);
      }
    }
    return !Number.isNaN(newTarget);
  }

  #known(at: number, bytes: number): boolean {
    return at >= this.#knownFrom && at + bytes <= this.#knownTo;
  }
}

/** Words that point to no segment may be addresses of variables when they are large and moved a little. */
const LEAST_ADDRESS = 65536;
const MOST_MOVED_BYTES = 65536;

function isPlausible(target: number, turnedOut: number): boolean {
  return Math.abs(target) >= LEAST_ADDRESS && Math.abs(target - turnedOut) <= MOST_MOVED_BYTES;
}

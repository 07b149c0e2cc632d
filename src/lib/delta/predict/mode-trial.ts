import { MOST_BLOCK_BYTES_IN_CONTEXT } from './blocks.js';
import type { Predictor } from './predictor.js';

/** What learning the target of a reference may save in later blocks. */
const LEARNING_GAIN_BYTES = 0.25;
/** Another mode than the block before has must save so many bytes more. */
const SWITCH_COST_BYTES = 1;

/** Finds the mode of a block that leaves the fewest bytes to correct. */
export class ModeTrial {
  /** The mode found last. */
  mode = 0;
  /** How many bytes it leaves to correct. */
  differing = 0;
  readonly #predictor: Predictor;
  readonly #leastGain: number;
  readonly #best = new Uint8Array(MOST_BLOCK_BYTES_IN_CONTEXT);
  #length = 0;
  /** 1 for the places of old bytes of which one of the next four is to change. */
  readonly #changing = new Uint8Array(MOST_BLOCK_BYTES_IN_CONTEXT);
  /** What the mode found costs. */
  #cost = 0;

  /** @param leastGain a mode must spare this share of the bytes that would have to be corrected without it */
  constructor(predictor: Predictor, leastGain: number) {
    this.#predictor = predictor;
    this.#leastGain = leastGain;
  }

  /** What is predicted in the mode found, valid until the next search. */
  get predicted(): Uint8Array {
    return this.#best.subarray(0, this.#length);
  }

  /**
   * Tries the mode of the last block first. Of the others those are tried that might do better if
   * they left alone all that is right already. Where all is right, nothing is tried.
   *
   * @param old    as for {@link Predictor.predict}
   * @param actual the block's bytes in the new image
   */
  search(old: Uint8Array, before: number, actual: Uint8Array, oldAt: number, newAt: number): void {
    const lastMode = this.mode;
    this.#length = actual.length;
    this.#best.set(old.subarray(before, before + actual.length));
    this.differing = this.#markChanges(old, before, actual);
    if (this.differing === 0) return;
    this.#cost = this.differing * (1 - this.#leastGain) - (lastMode === 0 ? SWITCH_COST_BYTES : 0);
    this.mode = 0;
    if (lastMode !== 0) this.#try(lastMode, SWITCH_COST_BYTES, old, before, actual, oldAt, newAt);
    for (let mode = 1; mode < this.#predictor.modeCount && this.differing > 0; mode++) {
      if (mode === lastMode) continue;
      const atBest = this.#predictor.predict(mode, old, before, actual.length, oldAt, newAt, this.#changing);
      if (this.#costOf(atBest, actual) < this.#cost) this.#try(mode, 0, old, before, actual, oldAt, newAt);
    }
  }

  #try(
    mode: number,
    bonus: number,
    old: Uint8Array,
    before: number,
    actual: Uint8Array,
    oldAt: number,
    newAt: number,
  ): void {
    const predicted = this.#predictor.predict(mode, old, before, actual.length, oldAt, newAt);
    const cost = this.#costOf(predicted, actual) - bonus;
    if (cost >= this.#cost) return;
    this.#cost = cost;
    this.mode = mode;
    this.differing = differingBytes(predicted, actual);
    this.#best.set(predicted);
  }

  #costOf(predicted: Uint8Array, actual: Uint8Array): number {
    return differingBytes(predicted, actual) - this.#predictor.unknownReferences * LEARNING_GAIN_BYTES;
  }

  /** @returns how many bytes change */
  #markChanges(old: Uint8Array, before: number, actual: Uint8Array): number {
    const changing = this.#changing;
    changing.fill(0, 0, old.length);
    let count = 0;
    for (let i = 0, at = before; i < actual.length; i++, at++) {
      if (old[at] === actual[i]) continue;
      count++;
      for (let place = Math.max(0, at - 3); place <= at; place++) changing[place] = 1;
    }
    return count;
  }
}

function differingBytes(a: Uint8Array, b: Uint8Array): number {
  let differing = 0;
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) differing++;
  return differing;
}

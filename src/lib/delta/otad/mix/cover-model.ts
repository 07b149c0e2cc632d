import { foldSign, unfoldSign } from '../control.js';
import type { CoverStep } from '../cover-builder.js';
import { bitLength, type NumberModel } from './number-model.js';

/** Shifts between the images that were used last and may come again. */
const RECENT_SHIFTS = 15;

/** Codes covers one after the other. */
export class CoverModel {
  readonly #numbers: NumberModel;
  /** The last shift first. */
  readonly #recent: number[] = [0];
  #lastGap = 0;
  #lastLength = 0;
  #lastRecent = 0;

  constructor(numbers: NumberModel) {
    this.#numbers = numbers;
  }

  /** @param step ignored when decoding */
  cover(step: CoverStep): CoverStep {
    const numbers = this.#numbers;
    const gap = numbers.code(step.gap, 'gap', this.#lastGap, this.#lastRecent);
    const gapBits = bitLength(gap);
    const recent = numbers.code(this.#recent.indexOf(step.shift) + 1, 'recent', gapBits, this.#lastRecent);
    const known = this.#recent[recent - 1];
    const shift = known ?? this.#newShift(step.shift, gapBits);
    const recentClass = Math.min(recent, 3);
    const length = numbers.code(step.length - 1, 'length', gapBits * 4 + recentClass, this.#lastLength) + 1;
    if (known !== undefined) this.#recent.splice(recent - 1, 1);
    this.#recent.unshift(shift);
    if (this.#recent.length > RECENT_SHIFTS) this.#recent.pop();
    this.#lastGap = gapBits;
    this.#lastLength = bitLength(length - 1);
    this.#lastRecent = recentClass;
    return { gap, length, shift };
  }

  #newShift(shift: number, gapBits: number): number {
    const last = this.#recent[0]!;
    return last + unfoldSign(this.#numbers.code(foldSign(shift - last), 'jump', gapBits, 0));
  }
}

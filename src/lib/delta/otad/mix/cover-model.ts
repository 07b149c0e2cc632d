import type { NumberModel } from '../../coders/mix/number-model.js';
import { foldSign, unfoldSign } from '../control.js';
import type { CoverStep } from '../cover-builder.js';

/** Kinds of numbers of the control section, as columns of the number model. */
export const NUMBER_COLUMNS = 5;
export const FIELD_COLUMN = 0;
const GAP_COLUMN = 1;
const RECENT_COLUMN = 2;
const SHIFT_COLUMN = 3;
const LENGTH_COLUMN = 4;

/** Shifts between the images that were used last and may come again. */
const RECENT_SHIFTS = 15;
/** Places in that list that make a difference to what comes with them. */
const RECENT_CLASSES = 3;

/** Codes covers one after the other. */
export class CoverModel {
  readonly #numbers: NumberModel;
  /** The last shift first. */
  readonly #recent: number[] = [0];
  #lastRecent = 0;

  constructor(numbers: NumberModel) {
    this.#numbers = numbers;
  }

  /** @param step ignored when decoding */
  cover(step: CoverStep): CoverStep {
    const numbers = this.#numbers;
    const gap = numbers.unsigned(GAP_COLUMN, step.gap, this.#lastRecent);
    const gapBits = bitLength(gap);
    const recent = numbers.unsigned(RECENT_COLUMN, this.#recent.indexOf(step.shift) + 1, gapBits);
    const known = this.#recent[recent - 1];
    const shift = known ?? this.#newShift(step.shift, gapBits);
    if (known !== undefined) this.#recent.splice(recent - 1, 1);
    this.#recent.unshift(shift);
    if (this.#recent.length > RECENT_SHIFTS) this.#recent.pop();
    this.#lastRecent = Math.min(recent, RECENT_CLASSES);
    const length = numbers.unsigned(LENGTH_COLUMN, step.length - 1, gapBits * 4 + this.#lastRecent) + 1;
    return { gap, length, shift };
  }

  #newShift(shift: number, gapBits: number): number {
    const last = this.#recent[0]!;
    return last + unfoldSign(this.#numbers.unsigned(SHIFT_COLUMN, foldSign(shift - last), gapBits));
  }
}

/** Bits that a number takes, as far as 32 go. */
function bitLength(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 33;
}

import { RangeEncoder } from '../../coders/mix/range-coder.js';
import type { BlockBytes, BodyWriter, PackedBody } from '../body.js';
import { type Control, controlNumbers, MOST_BLOCK_BITS } from '../control.js';
import { coverSteps } from '../cover-builder.js';
import { BodyModel } from './body-model.js';

/** Writes a body by mixed contexts. */
export class MixBodyWriter implements BodyWriter {
  readonly inImageOrder = true;
  readonly #coder = new RangeEncoder();
  readonly #model: BodyModel;
  /** What becomes of predicted bytes. */
  readonly #corrected = new Uint8Array(2 ** MOST_BLOCK_BITS);
  #modes: Uint8Array = new Uint8Array(0);
  #nextMode = 0;

  constructor(tableBits: number) {
    this.#model = new BodyModel(this.#coder, tableBits);
  }

  async control(control: Control, reordered: boolean): Promise<void> {
    for (const number of controlNumbers(control, reordered)) this.#model.field(number);
    for (const step of coverSteps(control.covers)) this.#model.cover(step);
  }

  async chunk(modes: Uint8Array): Promise<void> {
    this.#modes = modes;
    this.#nextMode = 0;
  }

  correct({ old, predicted, actual, newAt, mode }: BlockBytes): boolean {
    this.#model.mode(this.#modes[this.#nextMode++]!, actual.length);
    const corrected = this.#corrected.subarray(0, actual.length);
    corrected.set(predicted);
    this.#model.mix.differences.code(corrected, actual, 0, actual.length, newAt, old, mode);
    return Buffer.compare(predicted, actual) !== 0;
  }

  async extra(actual: Uint8Array, newAt: number): Promise<void> {
    this.#model.mix.literals.code(actual.slice(), 0, actual.length, newAt);
  }

  async finish(): Promise<PackedBody> {
    return { pieces: [this.#coder.finish()], bodyBytes: 0 };
  }
}

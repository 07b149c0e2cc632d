import type { BlockBytes, BodyWriter, PackedBody } from '../body.js';
import { type Control, controlNumbers } from '../control.js';
import { coverSteps } from '../cover-builder.js';
import { BitEncoder } from './bit-coder.js';
import { MixModel } from './mix-model.js';

/** Writes a body by context mixing. */
export class MixBodyWriter implements BodyWriter {
  readonly #coder = new BitEncoder();
  readonly #model: MixModel;
  #modes: Uint8Array = new Uint8Array(0);
  #nextMode = 0;

  constructor(counterBits: number) {
    this.#model = new MixModel(this.#coder, counterBits);
  }

  async control(control: Control, reordered: boolean): Promise<void> {
    for (const number of controlNumbers(control, reordered)) this.#model.field(number);
    for (const step of coverSteps(control.covers)) this.#model.cover(step);
  }

  async chunk(modes: Uint8Array): Promise<void> {
    this.#modes = modes;
    this.#nextMode = 0;
  }

  correct(block: BlockBytes): boolean {
    this.#model.mode(this.#modes[this.#nextMode++]!, block.actual.length);
    return this.#model.differences(block);
  }

  async extra(actual: Uint8Array, newAt: number): Promise<void> {
    this.#model.extra(actual.slice(), newAt);
  }

  async finish(): Promise<PackedBody> {
    return { pieces: this.#coder.finish(), bodyBytes: 0 };
  }
}

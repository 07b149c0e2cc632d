import type { BlockBytes } from '../body.js';
import type { CoverStep } from '../cover-builder.js';
import type { BitCoder } from './bit-coder.js';
import { ContextMixer } from './context-mixer.js';
import { CoverModel } from './cover-model.js';
import { DifferenceModel } from './difference-model.js';
import { ExtraModel } from './extra-model.js';
import { NumberModel } from './number-model.js';
import { MODE_SET, WEIGHT_SETS } from './weight-sets.js';

/** Bits of a mode's number. */
export const MODE_BITS = 3;
const MOST_HISTORY_BITS = 20;

/** All models over one coder, for one patch; the same calls encode and decode. */
export class MixModel {
  readonly #mixer: ContextMixer;
  readonly #numbers: NumberModel;
  readonly #covers: CoverModel;
  readonly #differences: DifferenceModel;
  readonly #extra: ExtraModel;
  #lastMode = 0;
  #modeBefore = 0;

  /** @param counterBits base-2 logarithm of the number of counters */
  constructor(coder: BitCoder, counterBits: number) {
    this.#mixer = new ContextMixer(coder, counterBits, WEIGHT_SETS);
    this.#numbers = new NumberModel(this.#mixer);
    this.#covers = new CoverModel(this.#numbers);
    this.#differences = new DifferenceModel(this.#mixer);
    this.#extra = new ExtraModel(this.#mixer, Math.min(MOST_HISTORY_BITS, counterBits));
  }

  /** A number of the control section that is no part of a cover. */
  field(value: number): number {
    return this.#numbers.code(value, 'field', 0, 0);
  }

  cover(step: CoverStep): CoverStep {
    return this.#covers.cover(step);
  }

  /** @param length of the block, bytes */
  mode(mode: number, length: number): number {
    const mixer = this.#mixer;
    const last = this.#lastMode;
    mixer.contexts[0] = mixer.place(0x900 + last);
    mixer.contexts[1] = mixer.place(0xa00 + last * 8 + this.#modeBefore);
    mixer.contexts[2] = mixer.place(0xb000 + last * 1024 + Math.min(1023, length));
    let node = 1;
    for (let bit = MODE_BITS - 1; bit >= 0; bit--) node = node * 2 + mixer.code((mode >> bit) & 1, node, MODE_SET, 3);
    this.#modeBefore = last;
    this.#lastMode = node - 2 ** MODE_BITS;
    return this.#lastMode;
  }

  differences({ old, predicted, actual, newAt, mode }: BlockBytes): boolean {
    return this.#differences.block(old, predicted, actual, newAt, mode);
  }

  extra(actual: Uint8Array, newAt: number): void {
    this.#extra.bytes(actual, newAt);
  }
}

/** What the models hold, bytes. */
export function mixModelBytes(counterBits: number): number {
  return 4 * 2 ** counterBits + 2 ** Math.min(MOST_HISTORY_BITS, counterBits) + 512 * 1024;
}

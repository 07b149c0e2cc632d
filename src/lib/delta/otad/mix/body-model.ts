import { MixModel } from '../../coders/mix/mix-model.js';
import { type CounterTable, hash, Mixer } from '../../coders/mix/mixer.js';
import type { BitCoder } from '../../coders/mix/range-coder.js';
import type { CoverStep } from '../cover-builder.js';
import { CoverModel, FIELD_COLUMN, NUMBER_COLUMNS } from './cover-model.js';

/** Bits of the number of a mode. */
const MODE_BITS = 4;

/** All that is known of a body; the same calls encode and decode it. */
export class BodyModel {
  readonly mix: MixModel;
  readonly #covers: CoverModel;
  readonly #table: CounterTable;
  readonly #modes: Mixer;
  #lastMode = 0;
  #modeBefore = 0;

  /** @param tableBits base-2 logarithm of the number of counters */
  constructor(coder: BitCoder, tableBits: number) {
    this.mix = new MixModel(coder, tableBits, NUMBER_COLUMNS);
    this.#covers = new CoverModel(this.mix.numbers);
    this.#table = this.mix.table;
    this.#modes = new Mixer(coder, this.#table, { contexts: 3, sets: 1, curves: 1 });
  }

  /** A number of the control section that is no part of a cover. */
  field(value: number): number {
    return this.mix.numbers.unsigned(FIELD_COLUMN, value);
  }

  cover(step: CoverStep): CoverStep {
    return this.#covers.cover(step);
  }

  /**
   * @param mode   below 16
   * @param length of the block, bytes
   */
  mode(mode: number, length: number): number {
    const table = this.#table;
    const { places } = this.#modes;
    places[0] = table.tree(hash(71, this.#lastMode));
    places[1] = table.tree(hash(72, this.#lastMode * 8 + this.#modeBefore));
    places[2] = table.tree(hash(73, this.#lastMode * 65536 + length));
    let node = 1;
    for (let bit = MODE_BITS - 1; bit >= 0; bit--) node = node * 2 + this.#modes.code((mode >> bit) & 1, node, 0, 0);
    this.#modeBefore = this.#lastMode;
    this.#lastMode = node - 2 ** MODE_BITS;
    return this.#lastMode;
  }
}

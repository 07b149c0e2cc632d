import { Expectation } from './match-model.js';
import { type CounterTable, hash, Mixer } from './mixer.js';
import type { BitCoder } from './range-coder.js';

/** Codes the eight bits of a byte, the highest first, by contexts that the caller sets and by the byte that it expects. */
export class ByteCoder {
  /** Hashes of the contexts of the next byte; the caller fills them. */
  readonly contexts: Int32Array;
  readonly #table: CounterTable;
  readonly #mixer: Mixer;
  readonly #sets: number;
  readonly #expectation = new Expectation();

  /** @param sets of weights, each once more for when the expected byte has agreed so far */
  constructor(coder: BitCoder, table: CounterTable, contexts: number, sets: number) {
    this.contexts = new Int32Array(contexts);
    this.#table = table;
    this.#sets = sets;
    this.#mixer = new Mixer(coder, table, { contexts, opinions: 1, sets: 2 * sets, curves: 512 });
  }

  /**
   * @param expected the byte that followed before, or −1
   * @param agreed   how many bytes before it agreed
   * @param set      which weights to use
   */
  code(byte: number, expected: number, agreed: number, set: number): number {
    const mixer = this.#mixer;
    let partial = 1;
    for (let place = 7; place >= 0; place--) {
      if (place === 7 || place === 3) this.#place(partial);
      const node = place > 3 ? partial : (partial & ((1 << (3 - place)) - 1)) | (1 << (3 - place));
      const live = expected >= 0 && (expected | 256) >> (place + 1) === partial;
      const expectedBit = (expected >> place) & 1;
      mixer.opinions[0] = live ? this.#expectation.opinion(agreed, place, expectedBit) : 0;
      const bit = mixer.code((byte >> place) & 1, node, live ? set + this.#sets : set, live ? partial + 256 : partial);
      if (live) this.#expectation.learn(bit === expectedBit);
      partial = partial * 2 + bit;
    }
    return partial & 255;
  }

  /** A tree for the first four bits, and one of sixteen for the last four. */
  #place(partial: number): void {
    const { places } = this.#mixer;
    for (let i = 0; i < places.length; i++) places[i] = this.#table.tree(hash(this.contexts[i]!, partial));
  }
}

import { Expectation, type History } from './match-model.js';
import { type CounterTable, hash, Mixer } from './mixer.js';
import type { BitCoder } from './range-coder.js';

/** Codes bytes that nothing predicts, bit by bit, by the bytes before them and by what followed them last time. */
export class LiteralModel {
  readonly #mixer: Mixer;
  readonly #history: History;
  readonly #expectation = new Expectation();

  constructor(coder: BitCoder, table: CounterTable, history: History) {
    this.#history = history;
    this.#mixer = new Mixer(coder, table, { contexts: 5, opinions: 1, sets: 8, curves: 512 });
  }

  /**
   * @param bytes    takes the bytes when decoding
   * @param position of `bytes[from]` in the new image
   */
  code(bytes: Uint8Array, from: number, to: number, position: number): void {
    for (let at = from; at < to; at++) {
      bytes[at] = this.#byte(bytes[at]!, (position + at - from) & 3);
      this.#history.add(bytes[at]!);
    }
  }

  #byte(byte: number, place: number): number {
    const mixer = this.#mixer;
    const hashes = mixer.hashes;
    const history = this.#history;
    const one = history.back(1);
    const two = history.back(2);
    const three = history.back(3);
    const four = history.back(4);
    const eight = history.back(8);
    const context0 = hash(31, place);
    const context1 = hash(32, one);
    const context2 = hash(33, one | (two << 8));
    const context3 = hash(35, (four | (eight << 8)) * 4 + place);
    const context4 = hash(37, hash(four * 4 + place, one | (two << 8) | (three << 16)));
    const expected = history.expected;
    let partial = 1;
    for (let bitPlace = 7; bitPlace >= 0; bitPlace--) {
      hashes[0] = hash(context0, partial);
      hashes[1] = hash(context1, partial);
      hashes[2] = hash(context2, partial);
      hashes[3] = hash(context3, partial);
      hashes[4] = hash(context4, partial);
      const live = expected >= 0 && (expected | 256) >> (bitPlace + 1) === partial;
      const expectedBit = (expected >> bitPlace) & 1;
      mixer.opinions[0] = live ? this.#expectation.opinion(history.agreed, bitPlace, expectedBit) : 0;
      const bit = mixer.code((byte >> bitPlace) & 1, place * 2 + (live ? 1 : 0), live ? partial + 256 : partial);
      if (live) this.#expectation.learn(bit === expectedBit);
      partial = partial * 2 + bit;
    }
    return partial & 255;
  }
}

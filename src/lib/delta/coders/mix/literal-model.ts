import { ByteCoder } from './byte-coder.js';
import type { History } from './match-model.js';
import { type CounterTable, hash } from './mixer.js';
import type { BitCoder } from './range-coder.js';

/** Codes bytes that nothing predicts, bit by bit, by the bytes before them and by what followed them last time. */
export class LiteralModel {
  readonly #bytes: ByteCoder;
  readonly #history: History;

  constructor(coder: BitCoder, table: CounterTable, history: History) {
    this.#history = history;
    this.#bytes = new ByteCoder(coder, table, 5, 4);
  }

  /**
   * @param bytes    takes the bytes when decoding
   * @param position of `bytes[from]` in the new image
   */
  code(bytes: Uint8Array, from: number, to: number, position: number): void {
    const history = this.#history;
    for (let at = from; at < to; at++) {
      const place = (position + at - from) & 3;
      this.#see(place);
      bytes[at] = this.#bytes.code(bytes[at]!, history.expected, history.agreed, place);
      history.add(bytes[at]!);
    }
  }

  #see(place: number): void {
    const { contexts } = this.#bytes;
    const history = this.#history;
    const one = history.back(1);
    const two = history.back(2) << 8;
    const three = history.back(3) << 16;
    const four = history.back(4);
    contexts[0] = hash(31, place);
    contexts[1] = hash(32, one);
    contexts[2] = hash(33, one | two);
    contexts[3] = hash(35, (four | (history.back(8) << 8)) * 4 + place);
    contexts[4] = hash(37, hash(four * 4 + place, one | two | three));
  }
}

import { randomNumbers } from '../core/random-numbers.js';

/** Bytes that were never written by anybody, the same for a position and seed whatever path led there. */
export class Garbage {
  readonly #pattern: Uint8Array;

  constructor(seed: number) {
    const random = randomNumbers(seed);
    this.#pattern = Uint8Array.from({ length: 65_536 }, () => random() * 256);
  }

  at(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const part = this.#pattern.subarray((position + done) % this.#pattern.length).subarray(0, length - done);
      bytes.set(part, done);
      done += part.byteLength;
    }
    return bytes;
  }
}

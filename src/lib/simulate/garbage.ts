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

/**
 * A stream of numbers in [0, 1) that a seed determines: enough for choosing where to cut, nothing for secrets.
 * The generator is Mulberry32.
 */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

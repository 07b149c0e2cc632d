/** Chains are followed this far; what lies beyond is told by its distance. */
const MAX_STEPS = 256;
const TRIPLE_BITS = 18;
const LONG_BITS = 20;
/** Matches from this length on are found in chains, shorter ones by the last place alone. */
const CHAINED_BYTES = 5;

/**
 * Says where bytes occurred last, as encoders do who take the smallest distance that reaches a
 * length: they mostly choose the match that is found here, so that it need not be told.
 *
 * Looks at no byte beyond the match that is asked for, so that a decoder can ask while it decodes.
 * Takes {@link NEAREST_MATCH_BYTES} and 4 bytes for each byte of content; time is at most 256
 * comparisons for each byte of content, usually one or two.
 */
export class NearestMatch {
  // each holds a position plus one, 0 where there is none
  readonly #pairs = new Int32Array(1 << 16);
  readonly #triples = new Int32Array(1 << TRIPLE_BITS);
  readonly #quads = new Int32Array(1 << LONG_BITS);
  readonly #fives = new Int32Array(1 << LONG_BITS);
  #previous = new Int32Array(0);
  #indexed = 0;

  /**
   * Distance, less one, to the latest earlier place where the bytes from `at` on occur.
   *
   * @param content the same as in the calls before, or longer
   * @param at      not before the match of the call before
   * @param length  bytes, 2 or more, inside the content
   * @returns -1 where none is found
   */
  find(content: Uint8Array, at: number, length: number): number {
    this.#index(content, Math.min(at, at + length - (CHAINED_BYTES - 1)));
    let place = this.#lastPlace(content, at, length);
    for (let stepsLeft = MAX_STEPS; place > 0 && stepsLeft > 0; stepsLeft--) {
      let equal = 0;
      while (equal < length && content[place - 1 + equal] === content[at + equal]) equal++;
      if (equal === length) return at - place;
      place = length < CHAINED_BYTES ? 0 : this.#previous[place - 1]!;
    }
    return -1;
  }

  #lastPlace(content: Uint8Array, at: number, length: number): number {
    if (length === 2) return this.#pairs[pairOf(content, at)]!;
    if (length === 3) return this.#triples[tripleHash(content, at)]!;
    const quad = quadHash(content, at);
    if (length < CHAINED_BYTES) return this.#quads[quad >>> (32 - LONG_BITS)]!;
    return this.#fives[fiveHash(quad, content[at + 4]!)]!;
  }

  #index(content: Uint8Array, end: number): void {
    if (this.#previous.length < content.length) {
      const previous = new Int32Array(content.length);
      previous.set(this.#previous);
      this.#previous = previous;
    }
    for (; this.#indexed < end; this.#indexed++) {
      const at = this.#indexed;
      const quad = quadHash(content, at);
      const five = fiveHash(quad, content[at + 4]!);
      this.#pairs[pairOf(content, at)] = at + 1;
      this.#triples[tripleHash(content, at)] = at + 1;
      this.#quads[quad >>> (32 - LONG_BITS)] = at + 1;
      this.#previous[at] = this.#fives[five]!;
      this.#fives[five] = at + 1;
    }
  }
}

/** The tables that do not depend on the content, bytes. */
export const NEAREST_MATCH_BYTES = 4 * ((1 << 16) + (1 << TRIPLE_BITS) + 2 * (1 << LONG_BITS));

function pairOf(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function tripleHash(bytes: Uint8Array, at: number): number {
  return Math.imul(pairOf(bytes, at) | (bytes[at + 2]! << 16), 0x9e3779b1) >>> (32 - TRIPLE_BITS);
}

/** 32 bits, the highest mixed best. */
function quadHash(bytes: Uint8Array, at: number): number {
  return Math.imul(pairOf(bytes, at) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24), 0x9e3779b1);
}

function fiveHash(quad: number, fifth: number): number {
  return Math.imul(quad ^ (quad >>> 15) ^ fifth, 0x85ebca6b) >>> (32 - LONG_BITS);
}

const PROBABILITY_BITS = 11;
const EVEN = 1 << (PROBABILITY_BITS - 1);
const ADAPTION_SHIFT = 5;
const SMALLEST_RANGE = 2 ** 24;

/** Bytes that the coder begins with: a zero and 32 bits of code. */
export const RANGE_START_BYTES = 5;

/**
 * The adaptive binary range decoder of LZMA, over bytes that lie in memory.
 *
 * Nothing here looks at where the input ends: {@link bytes} must hold enough for what is asked for.
 * `range` and `code` are unsigned 32-bit numbers kept as signed ones, which stay machine integers.
 *
 * @see LZMA SDK, lzma-specification.txt, "LZMA range decoder"
 */
export class RangeDecoder {
  bytes: Uint8Array;
  /** Next byte to take. */
  at = 0;
  range = -1;
  code = 0;
  readonly #probabilities: Uint16Array;

  constructor(bytes: Uint8Array, probabilityCount: number) {
    this.bytes = bytes;
    this.#probabilities = new Uint16Array(probabilityCount).fill(EVEN);
  }

  /** Takes the first {@link RANGE_START_BYTES} bytes, and returns whether an encoder could have made them. */
  start(): boolean {
    const { bytes, at } = this;
    this.code = (bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!;
    this.at += RANGE_START_BYTES;
    return bytes[at] === 0 && this.code !== -1;
  }

  bit(index: number): number {
    const probability = this.#probabilities[index]!;
    const bound = Math.imul(this.range >>> PROBABILITY_BITS, probability);
    if (this.code >>> 0 < bound >>> 0) {
      this.range = bound;
      this.#probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >> ADAPTION_SHIFT);
      if (bound >>> 0 < SMALLEST_RANGE) this.#normalise();
      return 0;
    }
    this.range = (this.range - bound) | 0;
    this.code = (this.code - bound) | 0;
    this.#probabilities[index] = probability - (probability >> ADAPTION_SHIFT);
    if (this.range >>> 0 < SMALLEST_RANGE) this.#normalise();
    return 1;
  }

  /** `bits` bits that are as likely 0 as 1, the highest first. */
  direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.range >>>= 1;
      let bit = 0;
      if (this.code >>> 0 >= this.range) {
        this.code = (this.code - this.range) | 0;
        bit = 1;
      }
      value = (value << 1) | bit;
      if (this.range < SMALLEST_RANGE) this.#normalise();
    }
    return value;
  }

  /**
   * Walks down a tree of probabilities until its node is `end` or more, and returns that node.
   *
   * The state is held in local variables here and in {@link matchedLiteral}: this is where the time goes.
   *
   * @param base index of the tree; its root is node 1
   * @param node where to begin
   */
  walk(base: number, node: number, end: number): number {
    const probabilities = this.#probabilities;
    const { bytes } = this;
    let { range, code, at } = this;
    let place = node;
    while (place < end) {
      const index = base + place;
      const probability = probabilities[index]!;
      const bound = Math.imul(range >>> PROBABILITY_BITS, probability);
      if (code >>> 0 < bound >>> 0) {
        range = bound;
        probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >> ADAPTION_SHIFT);
        place <<= 1;
      } else {
        range = (range - bound) | 0;
        code = (code - bound) | 0;
        probabilities[index] = probability - (probability >> ADAPTION_SHIFT);
        place = (place << 1) | 1;
      }
      if (range >>> 0 < SMALLEST_RANGE) {
        range <<= 8;
        code = (code << 8) | bytes[at++]!;
      }
    }
    this.range = range;
    this.code = code;
    this.at = at;
    return place;
  }

  /** A number whose lowest bit comes first. */
  reverseTree(base: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(base + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /**
   * A byte after a match, told by the byte that would have continued it: as long as both agree, each bit of
   * `matched` chooses between two trees.
   */
  matchedLiteral(base: number, matched: number): number {
    let node = 1;
    let expected = matched;
    while (node < 0x100) {
      expected <<= 1;
      const wanted = expected & 0x100;
      const bit = this.bit(base + 0x100 + wanted + node);
      node = (node << 1) | bit;
      if (wanted >> 8 !== bit) return this.walk(base, node, 0x100) & 0xff;
    }
    return node & 0xff;
  }

  #normalise(): void {
    this.range <<= 8;
    this.code = (this.code << 8) | this.bytes[this.at++]!;
  }
}

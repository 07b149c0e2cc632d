/** Bytes whose frequencies are counted together: as many as tables have of one kind, at the least. */
const BLOCK_BITS = 14;
/** A word's bytes are counted apart: in tables of small numbers, the upper ones are mostly zero. */
const WORD_BYTES = 4;

/**
 * What each byte costs when no cover has it: by how often it occurs nearby at the same place of a word.
 *
 * Tables of small numbers cost less than code, often less than the differences from a table that was
 * put in another order.
 */
export class LiteralCosts {
  readonly #target: Uint8Array;
  readonly #most: number;
  /** For each place in a word, for each value. */
  readonly #costs = new Int32Array(WORD_BYTES * 256);
  #block = -1;

  /** @param most what a byte costs at most, in 64ths of a bit */
  constructor(target: Uint8Array, most: number) {
    this.#target = target;
    this.#most = most;
  }

  /** In 64ths of a bit. Places are best asked for in ascending order. */
  at(place: number): number {
    const block = place >>> BLOCK_BITS;
    if (block !== this.#block) this.#count(block);
    return this.#costs[slotOf(place, this.#target[place]!)]!;
  }

  #count(block: number): void {
    const costs = this.#costs.fill(0);
    const from = block << BLOCK_BITS;
    const end = Math.min(from + 2 ** BLOCK_BITS, this.#target.length);
    for (let place = from; place < end; place++) costs[slotOf(place, this.#target[place]!)]!++;
    const words = logarithm(Math.ceil((end - from) / WORD_BYTES));
    for (let i = 0; i < costs.length; i++) {
      if (costs[i]! > 0) costs[i] = Math.min(this.#most, words - logarithm(costs[i]!));
    }
    this.#block = block;
  }
}

const slotOf = (place: number, value: number) => ((place & (WORD_BYTES - 1)) << 8) | value;

/** log2 in 64ths, linear between powers of two: the same on every machine, and at most a tenth too small. */
function logarithm(count: number): number {
  const whole = 31 - Math.clz32(count);
  return whole * 64 + Math.floor(((count - 2 ** whole) * 64) / 2 ** whole);
}

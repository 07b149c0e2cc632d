/** Codes one decision after another, each with the probability that it is 1. */
export interface BitCoder {
  /**
   * @param probability that the bit is 1, of 4096; 1 to 4095
   * @param bit         what to encode; a decoder ignores it
   * @returns the bit
   */
  code(probability: number, bit: number): number;
}

const TOP = 2 ** 24;
/** Flipped in both, numbers compare as if they had no sign. */
const SIGN = 1 << 31;
/** What a fresh decoder reads; and as many bytes at the end are left out when they are zeros. */
export const START_BYTES = 4;

/**
 * A carry-propagating range coder with 32 bits of range, like that of LZMA but with 12-bit probabilities.
 *
 * Its first byte would always be zero and is left out; so are up to four zeros at the end.
 *
 * @see G. N. N. Martin: Range encoding (1979)
 */
export class RangeEncoder implements BitCoder {
  #low = 0; // below 2^33
  #range = 0xffffffff;
  #cache = -1;
  #pending = 0;
  #bytes = new Uint8Array(4096);
  #size = 0;

  code(probability: number, bit: number): number {
    const bound = (this.#range >>> 12) * probability;
    if (bit === 1) this.#range = bound;
    else {
      this.#low += bound;
      this.#range -= bound;
    }
    while (this.#range < TOP) {
      this.#shift();
      this.#range = (this.#range << 8) >>> 0;
    }
    return bit;
  }

  /** @returns everything encoded; nothing more can be */
  finish(): Uint8Array {
    // of all numbers that decode to the same, one that ends in as many zeros as possible
    for (const unit of [2 ** 32, 2 ** 24, 2 ** 16, 2 ** 8]) {
      const round = Math.floor((this.#low + this.#range - 1) / unit) * unit;
      if (round < this.#low) continue;
      this.#low = round;
      break;
    }
    for (let i = 0; i < 5; i++) this.#shift();
    let size = this.#size;
    while (size > this.#size - START_BYTES && this.#bytes[size - 1] === 0) size--;
    return this.#bytes.subarray(0, size);
  }

  #shift(): void {
    if (this.#low < 0xff000000 || this.#low >= 2 ** 32) {
      const carry = this.#low >= 2 ** 32 ? 1 : 0;
      if (this.#cache >= 0) this.#put(this.#cache + carry);
      for (; this.#pending > 0; this.#pending--) this.#put(0xff + carry);
      this.#cache = (this.#low >>> 24) & 0xff;
    } else this.#pending++;
    this.#low = (this.#low & 0x00ffffff) * 256;
  }

  #put(byte: number): void {
    if (this.#size === this.#bytes.length) {
      const larger = new Uint8Array(this.#size * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#size++] = byte;
  }
}

/** Decodes what {@link RangeEncoder} made, from bytes that arrive in pieces. */
export class RangeDecoder implements BitCoder {
  /** Bytes that were asked for behind the end. */
  missing = 0;
  // both are unsigned numbers of 32 bits, held as signed ones: those need no memory of their own
  #range = -1;
  #code = 0;
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** Bytes that were given and not read yet. */
  get available(): number {
    return this.#input.length - this.#at;
  }

  /** Takes the next piece. */
  give(bytes: Uint8Array): void {
    const rest = this.#input.subarray(this.#at);
    const joined = new Uint8Array(rest.length + bytes.length);
    joined.set(rest);
    joined.set(bytes, rest.length);
    this.#input = joined;
    this.#at = 0;
  }

  /** Reads the first bytes; before it at least {@link START_BYTES} were given, or all there are. */
  start(): void {
    for (let i = 0; i < START_BYTES; i++) this.#code = (this.#code << 8) | this.#next();
  }

  code(probability: number): number {
    let range = this.#range;
    const bound = Math.imul(range >>> 12, probability);
    let bit = 1;
    if ((this.#code ^ SIGN) < (bound ^ SIGN)) range = bound;
    else {
      bit = 0;
      this.#code = (this.#code - bound) | 0;
      range = (range - bound) | 0;
    }
    while (range >>> 24 === 0) {
      this.#code = (this.#code << 8) | this.#next();
      range <<= 8;
    }
    this.#range = range;
    return bit;
  }

  #next(): number {
    if (this.#at < this.#input.length) return this.#input[this.#at++]!;
    this.missing++;
    return 0;
  }
}

/**
 * Binary arithmetic coding: one side turns decisions into bytes, the other bytes into the same decisions.
 *
 * A probability is that of a 1, in 65536ths, 1 to 65535. Both sides call `code` at the same points
 * with the same probabilities, so one model serves both.
 */
export interface BitCoder {
  /**
   * @param bit what to encode; ignored when decoding
   * @returns the bit
   */
  code(bit: number, probability: number): number;
}

/** Below this the range is too coarse and takes in another byte. */
const LEAST_RANGE = 2 ** 24;

/** How many bytes the decoder is ahead of what it needs. */
export const MOST_BEYOND_BYTES = 4;

/** The side that writes. A range coder with carry, as in LZMA. */
export class BitEncoder implements BitCoder {
  #low = 0; // below 2^40: the carry is above bit 31
  #range = 0xffff_ffff;
  #pieces: Uint8Array[] = [];
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;
  /** The last byte may still grow by a carry, as may all bytes of 255 that follow it. */
  #held = -1;
  #heldOnes = 0;

  code(bit: number, probability: number): number {
    const bound = (this.#range >>> 16) * probability;
    if (bit === 1) {
      this.#range = bound;
    } else {
      this.#low += bound;
      this.#range = (this.#range - bound) >>> 0;
    }
    while (this.#range < LEAST_RANGE) {
      this.#shift();
      this.#range = (this.#range << 8) >>> 0;
    }
    return bit;
  }

  /** @returns all bytes; up to {@link MOST_BEYOND_BYTES} zeros at the end are left out, as the decoder takes them for granted */
  finish(): Uint8Array[] {
    // the number with the most zeros at its end that still lies in the range
    for (let bits = 31; bits >= 0; bits--) {
      const step = 2 ** bits;
      const candidate = Math.ceil(this.#low / step) * step;
      if (candidate < this.#low + this.#range) {
        this.#low = candidate;
        break;
      }
    }
    for (let i = 0; i < 5; i++) this.#shift();
    const all = Buffer.concat([...this.#pieces, this.#bytes.subarray(0, this.#length)]);
    let end = all.length;
    while (end > 0 && all.length - end < MOST_BEYOND_BYTES && all[end - 1] === 0) end--;
    return [all.subarray(0, end)];
  }

  #shift(): void {
    const top = Math.floor(this.#low / 2 ** 24); // nine bits
    if (top === 0xff) {
      this.#heldOnes++;
    } else {
      const carry = top >> 8;
      if (this.#held >= 0) this.#put(this.#held + carry);
      for (; this.#heldOnes > 0; this.#heldOnes--) this.#put((0xff + carry) & 0xff);
      this.#held = top & 0xff;
    }
    this.#low = (this.#low % 2 ** 24) * 2 ** 8;
  }

  #put(byte: number): void {
    if (this.#length === this.#bytes.length) {
      this.#pieces.push(this.#bytes);
      this.#bytes = new Uint8Array(this.#bytes.length);
      this.#length = 0;
    }
    this.#bytes[this.#length++] = byte;
  }
}

/** The side that reads. Behind the end of its input it finds zeros. */
export class BitDecoder implements BitCoder {
  /** What can be read without waiting. */
  input: Uint8Array = new Uint8Array(0);
  at = 0;
  /** Bytes that were taken for granted behind the end. */
  beyond = 0;
  #code = 0;
  #range = 0xffff_ffff;

  /** Reads the first bytes. */
  start(): void {
    for (let i = 0; i < 4; i++) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  code(_bit: number, probability: number): number {
    const bound = (this.#range >>> 16) * probability;
    let bit: number;
    if (this.#code < bound) {
      bit = 1;
      this.#range = bound;
    } else {
      bit = 0;
      this.#code = (this.#code - bound) >>> 0;
      this.#range = (this.#range - bound) >>> 0;
    }
    while (this.#range < LEAST_RANGE) {
      this.#code = ((this.#code << 8) | this.#next()) >>> 0;
      this.#range = (this.#range << 8) >>> 0;
    }
    return bit;
  }

  #next(): number {
    if (this.at < this.input.length) return this.input[this.at++]!;
    this.beyond++;
    return 0;
  }
}

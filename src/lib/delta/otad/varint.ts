import { invalidPatch } from '../patch-error.js';

/** Numbers of up to 2^53 − 1 in groups of seven bits, the lowest first; the top bit says that another follows (LEB128). */
export class VarintWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  unsigned(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = value;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads what {@link VarintWriter} wrote, from wherever bytes come one at a time. */
export class VarintReader {
  readonly #nextByte: () => number;
  readonly #patchName: string;

  /** @param nextByte the next byte; throws where there is none */
  constructor(nextByte: () => number, patchName: string) {
    this.#nextByte = nextByte;
    this.#patchName = patchName;
  }

  /** @throws OtaError PATCH_INVALID when it is above `most` or written longer than it needs to be */
  unsigned(most: number, what: string): number {
    let value = 0;
    let scale = 1;
    for (let groups = 0; groups < 8; groups++) {
      const byte = this.#nextByte();
      value += (byte & 0x7f) * scale;
      if (value > most) break;
      if (byte < 0x80) {
        if (byte === 0 && groups > 0) throw invalidPatch(this.#patchName, `${what} is written longer than needed`);
        return value;
      }
      scale *= 0x80;
    }
    throw invalidPatch(this.#patchName, `${what} is above its limit of ${most}`);
  }
}

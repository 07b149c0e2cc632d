import { invalidPatch } from '../patch-error.js';

/** Takes numbers and bytes from a recipe; none is passed on before it was checked against its limit. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #patchName: string;
  #at = 0;

  constructor(bytes: Uint8Array, patchName: string) {
    this.#bytes = bytes;
    this.#patchName = patchName;
  }

  /** An unsigned LEB128 number of at most 53 bits. @throws OtaError PATCH_INVALID above `max` */
  number(what: string, max: number): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw this.invalid(`the recipe ends inside ${what}`);
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > max) throw this.invalid(`${what} is ${value}, at most ${max} is possible`);
        return value;
      }
    }
    throw this.invalid(`${what} has more than 53 bits`);
  }

  /** A column of numbers. */
  numbers(count: number, what: string, max: number): number[] {
    return Array.from({ length: count }, () => this.number(what, max));
  }

  bytes(length: number, what: string): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw this.invalid(`the recipe ends inside ${what}`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  requireEnd(): void {
    if (this.#at < this.#bytes.length) {
      throw this.invalid(`the recipe goes on for ${this.#bytes.length - this.#at} bytes after its end`);
    }
  }

  invalid(fact: string): Error {
    return invalidPatch(this.#patchName, fact);
  }
}

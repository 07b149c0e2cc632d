import type { ImageBytes } from '../../image/image-bytes.js';

/** Numbers read from one image, at most: headers that name each other's tables must not keep us busy. */
const MAX_READS = 2 ** 22;

/**
 * Little-endian numbers at any place of an image. What lies outside it, and anything once
 * {@link MAX_READS} were read, is NaN, which no comparison accepts.
 */
export class ImageFields {
  readonly image: ImageBytes;
  #readsLeft = MAX_READS;
  readonly #scratch = new DataView(new ArrayBuffer(8));

  constructor(image: ImageBytes) {
    this.image = image;
  }

  u8(at: number): number {
    return this.#load(at, 1) ? this.#scratch.getUint8(0) : Number.NaN;
  }

  u16(at: number): number {
    return this.#load(at, 2) ? this.#scratch.getUint16(0, true) : Number.NaN;
  }

  u32(at: number): number {
    return this.#load(at, 4) ? this.#scratch.getUint32(0, true) : Number.NaN;
  }

  /** A signed 64-bit number; NaN when it is no safe integer. */
  i64(at: number): number {
    if (!this.#load(at, 8)) return Number.NaN;
    const value = this.#scratch.getInt32(4, true) * 2 ** 32 + this.#scratch.getUint32(0, true);
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }

  #load(at: number, length: number): boolean {
    if (!(at >= 0 && at + length <= this.image.size) || this.#readsLeft-- <= 0) return false;
    const bytes = this.image.view(at, length);
    for (let i = 0; i < length; i++) this.#scratch.setUint8(i, bytes[i]!);
    return true;
  }
}

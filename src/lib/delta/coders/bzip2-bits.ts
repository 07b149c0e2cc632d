/**
 * Bits of a buffer, the most significant of each byte first.
 *
 * Reading past the end gives zeros and is found afterwards by {@link overrun},
 * so that the inner loops need no check.
 */
export class BitReader {
  /** The lowest `count` bits are the next ones. */
  bits = 0;
  count = 0;
  bytes: Uint8Array;
  /** Next byte that is not yet in `bits`. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** @param width 1 to 24 */
  read(width: number): number {
    while (this.count < width) {
      this.bits = (this.bits << 8) | (this.bytes[this.at++] ?? 0);
      this.count += 8;
    }
    this.count -= width;
    return (this.bits >>> this.count) & ((1 << width) - 1);
  }

  /** True when more bits were taken than there are. */
  get overrun(): boolean {
    return this.at - (this.count >>> 3) > this.bytes.length;
  }

  /** Continues at the next whole byte, and returns its position. */
  alignToByte(): number {
    this.at -= this.count >>> 3;
    this.count = 0;
    return this.at;
  }
}

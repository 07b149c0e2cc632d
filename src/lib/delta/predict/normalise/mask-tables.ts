/** Entries of tables have so many words: sites of locks and returns one, unwind tables two, exceptions and bugs three. */
const STRIDES = [1, 2, 3];
/** Neighbours in a table lie this close to each other. */
const NEAR = 2 ** 14;
/** Smaller numbers are no distances to code. */
const SMALLEST = 2 ** 16;

const word32 = (bytes: Uint8Array, at: number) =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/** How far before and after a word its neighbours are looked for, bytes. */
export const TABLE_REACH_BYTES = 12;

/**
 * Masks tables of distances or offsets that rise slowly, such as sorted addresses of code: each word
 * becomes its step from the one before, which stays the same when the code moves, and tells entries apart.
 *
 * @param original the bytes as they were, from `from` on
 * @param address  of bytes[from]
 */
export function maskTables(bytes: Uint8Array, from: number, original: Uint8Array, address: number): void {
  const end = original.length - TABLE_REACH_BYTES - 4;
  for (let at = (-address & 3) + TABLE_REACH_BYTES; at <= end; at += 4) {
    const word = word32(original, at);
    if (word < SMALLEST && word > -SMALLEST) continue;
    for (const stride of STRIDES) {
      const step = word - word32(original, at - 4 * stride);
      if (step >= NEAR || step <= -NEAR || step === 0) continue;
      const next = word32(original, at + 4 * stride) - word;
      if (next >= NEAR || next <= -NEAR || next === 0) continue;
      bytes[from + at] = step;
      bytes[from + at + 1] = step >> 8;
      bytes[from + at + 2] = bytes[from + at + 3] = stride;
      break;
    }
  }
}

import type { Masker } from './masker.js';

/** Thumb-2: BL and B.W. */
export const maskThumb: Masker = (bytes, from, to, address) => {
  const start = from + (address & 1);
  if (to - start < 4) return;
  // only the upper byte of each half tells; halves are taken as they were before they were masked
  let first = bytes[start + 1]!;
  for (let at = start; at + 4 <= to; at += 2) {
    const second = bytes[at + 3]!;
    if ((first & 0xf8) === 0xf0 && (second & 0x90) === 0x90) {
      bytes[at] = 0;
      bytes[at + 1] = bytes[at + 1]! & 0xf8;
      bytes[at + 2] = 0;
      bytes[at + 3] = bytes[at + 3]! & 0xd0;
    }
    first = second;
  }
};

import type { Masker } from './masker.js';

/** A32: B and BL, under any condition. */
export const maskArm: Masker = (bytes, from, to, address) => {
  for (let at = from + (-address & 3); at + 4 <= to; at += 4) {
    const top = bytes[at + 3]!;
    if ((top & 0x0e) === 0x0a) bytes[at] = bytes[at + 1] = bytes[at + 2] = 0;
  }
};

import type { Masker } from './masker.js';

/** How far after an ADRP the other half of its address is masked, bytes. */
export const PAIR_REACH_BYTES = 32;

/** A64: B, BL, ADR, ADRP and the ADD, LDR or STR that completes it. */
export const maskAArch64: Masker = (bytes, from, to, address) => {
  const pageAt = new Int32Array(32).fill(-PAIR_REACH_BYTES - 1);
  for (let at = from + (-address & 3); at + 4 <= to; at += 4) {
    const top = bytes[at + 3]!;
    if ((top & 0x7c) === 0x14) {
      bytes[at] = bytes[at + 1] = bytes[at + 2] = 0;
      bytes[at + 3] = top & 0xfc;
    } else if ((top & 0x1f) === 0x10) {
      const register = bytes[at]! & 0x1f;
      if (top >= 0x80) pageAt[register] = at;
      bytes[at] = register;
      bytes[at + 1] = bytes[at + 2] = 0;
      bytes[at + 3] = top & 0x9f;
    } else if ((top & 0x3b) === 0x39 || ((top & 0x7f) === 0x11 && bytes[at + 2]! < 0x40)) {
      const register = ((bytes[at + 1]! & 3) << 3) | (bytes[at]! >> 5);
      if (at - pageAt[register]! > PAIR_REACH_BYTES) continue;
      bytes[at + 1] = bytes[at + 1]! & 0x03;
      bytes[at + 2] = bytes[at + 2]! & 0xc0;
    }
  }
};

import { instructionBytes } from '../xtensa.js';
import type { Masker } from './masker.js';

/** An instruction begins where all ways of reading the bytes before it, from so far before on, agree. */
const AGREEING_BYTES = 32;

/** Xtensa: CALL0, CALL4, CALL8, CALL12 and L32R. */
export const maskXtensa: Masker = (bytes, from, to) => {
  const original = new Uint8Array(bytes.subarray(from, to));
  for (let at = AGREEING_BYTES; at + 3 <= original.length; at++) {
    const operation = original[at]! & 0x0f;
    if ((operation !== 5 && operation !== 1) || !beginsInstruction(original, at)) continue;
    if (operation === 5) bytes[from + at] = original[at]! & 0x3f;
    bytes[from + at + 1] = bytes[from + at + 2] = 0;
  }
};

function beginsInstruction(bytes: Uint8Array, at: number): boolean {
  for (let start = at - AGREEING_BYTES; start < at - AGREEING_BYTES + 3; start++) {
    let next = start;
    while (next < at) next += instructionBytes(bytes[next]!);
    if (next !== at) return false;
  }
  return true;
}

import type { Masker } from './masker.js';

/** Places, after an AUIPC, of the instruction that completes its address: right behind, or behind one or two others. */
const PAIR_DISTANCES = [4, 6, 8];

/** RISC-V: JAL with a return address, AUIPC and the instruction that completes its address. */
export const maskRiscv: Masker = (bytes, from, to, address) => {
  const original = new Uint8Array(bytes.subarray(from, to));
  for (let at = address & 1; at + 4 <= original.length; at += 2) {
    const first = original[at]!;
    const second = original[at + 1]!;
    if ((first & 0x7f) === 0x6f && (first & 0x80) !== 0 && (second & 0x0f) === 0) {
      bytes[from + at + 1] = second & 0x0f;
      bytes[from + at + 2] = bytes[from + at + 3] = 0;
    } else if ((first & 0x7f) === 0x17) {
      const register = ((second & 0x0f) << 1) | (first >> 7);
      const distance = PAIR_DISTANCES.find((bytesOn) => completes(original, at + bytesOn, register));
      if (distance === undefined) continue;
      bytes[from + at + 1] = bytes[from + at + 1]! & 0x0f;
      bytes[from + at + 2] = bytes[from + at + 3] = 0;
      const low = from + at + distance;
      // the upper seven bits hold a part of the address in loads and stores alike
      bytes[low + 3] = bytes[low + 3]! & 0x01;
      if (isStore(original[at + distance]!)) {
        bytes[low] = bytes[low]! & 0x7f;
        bytes[low + 1] = bytes[low + 1]! & 0xf0;
      } else {
        bytes[low + 2] = bytes[low + 2]! & 0x0f;
        bytes[low + 3] = 0;
      }
    }
  }
};

const isStore = (first: number) => (first & 0x7b) === 0x23;

/** Whether a load, store, ADDI or JALR takes the register as base. */
function completes(original: Uint8Array, at: number, register: number): boolean {
  if (at + 4 > original.length) return false;
  const first = original[at]! & 0x7f;
  const third = original[at + 2]!;
  if ((((third & 0x0f) << 1) | (original[at + 1]! >> 7)) !== register) return false;
  return first === 0x03 || first === 0x07 || first === 0x67 || first === 0x13 || isStore(first);
}

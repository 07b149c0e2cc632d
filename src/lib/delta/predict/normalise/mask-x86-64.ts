import { maskTables } from './mask-tables.js';
import type { Masker } from './masker.js';

const word32 = (bytes: Uint8Array, at: number) =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/**
 * x86-64: targets of CALL, JMP and Jcc, operands relative to the instruction pointer, absolute addresses of
 * 32 bits where the unit lies in the upper half; places of relocations.
 *
 * What is masked is told from the bytes as they were, so that no decision depends on an earlier one.
 */
export const maskX86: Masker = (bytes, from, to, address, range) => {
  const { low, high } = range;
  const original = new Uint8Array(bytes.subarray(from, to));
  const isKernel = low < 0 && low >= -(2 ** 31);
  const start = address - low;
  const reach = high - low;
  for (let at = 1; at + 4 <= original.length; at++) {
    const last = original[at - 1]!;
    const isReference =
      (last & 0xfe) === 0xe8 ||
      (last & 0xc7) === 0x05 ||
      ((last & 0xf0) === 0x80 && at >= 2 && original[at - 2] === 0x0f);
    if (isReference) {
      const target = start + at + 4 + word32(original, at);
      if (target >= 0 && target < reach) {
        bytes[from + at] = bytes[from + at + 1] = bytes[from + at + 2] = bytes[from + at + 3] = 0;
        continue;
      }
    }
    if (isKernel && original[at + 3]! >= 0x80) {
      const word = word32(original, at);
      if (word >= low && word < high) bytes[from + at] = bytes[from + at + 1] = bytes[from + at + 2] = 0;
    }
  }
  maskPlaces(bytes, from, original, address);
  maskTables(bytes, from, original, address);
};

/** Masks `r_offset` of what looks like an `Elf64_Rela` with a symbol. */
function maskPlaces(bytes: Uint8Array, from: number, original: Uint8Array, address: number): void {
  for (let at = (-address & 7) + 8; at + 16 <= original.length; at += 8) {
    const symbol = word32(original, at + 4);
    if (symbol <= 0 || symbol >= 2 ** 20) continue;
    const type = word32(original, at);
    if (type > 0 && type < 64 && word32(original, at - 4) === 0) bytes.fill(0, from + at - 8, from + at - 4);
  }
}

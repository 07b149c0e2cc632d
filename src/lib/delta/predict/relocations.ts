import { POINTER_64 } from './pointers.js';
import type { ReferenceFinder, ReferenceForm } from './reference-form.js';
import { readWord32, writeWord32 } from './words.js';

/** Types of relocation are below this, on all machines, and numbers of symbols in an object file below that. */
const TYPES = 2048;
const SYMBOLS = 2 ** 20;
/** Numbers of symbols are learned like addresses, as such beyond all segments. */
const SYMBOL_ADDRESS = 2 ** 51;
/** What is added to a symbol is learned for each symbol, within this reach. */
const ADDEND_ADDRESS = 2 ** 52;
const ADDEND_REACH = 2 ** 28;

/** The number of a symbol, in the upper half of `r_info`. */
export const SYMBOL: ReferenceForm = {
  bytes: 4,
  certain: true,
  read: (bytes, at) => SYMBOL_ADDRESS + readWord32(bytes, at),
  write: (bytes, at, _address, target) => writeWord32(bytes, at, target - SYMBOL_ADDRESS),
};

/** What is added to the symbol whose number is at the partner's place. */
export const ADDEND: ReferenceForm = {
  bytes: 4,
  certain: true,
  read: (bytes, at, _address, partner) =>
    ADDEND_ADDRESS + readWord32(bytes, partner) * ADDEND_REACH + (readWord32(bytes, at) % (ADDEND_REACH / 2)),
  write: (bytes, at, _address, target) => writeWord32(bytes, at, (target << 4) >> 4),
};

/** Relocations of 64-bit object files (`Elf64_Rela` of the System V ABI): the place, the symbol, and what is added to it. */
export const findRelocations: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 7) + 8; at + 16 <= to; at += 8) {
    const type = readWord32(bytes, at);
    const symbol = readWord32(bytes, at + 4);
    if (type <= 0 || type >= TYPES || symbol <= 0 || symbol >= SYMBOLS) continue;
    visitor.visit(POINTER_64, at - 8, at - 8);
    visitor.visit(SYMBOL, at + 4, at + 4);
    visitor.visit(ADDEND, at + 8, at + 4);
    at += 16;
  }
};

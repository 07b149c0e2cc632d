import type { ReferenceFinder, ReferenceForm } from './reference-form.js';
import { readWord32, readWord64, writeWord32, writeWord64 } from './words.js';

/** An address in a word of 32 bits, as unsigned number. */
export const POINTER_32: ReferenceForm = {
  bytes: 4,
  certain: false,
  read: (bytes, at) => readWord32(bytes, at) >>> 0,
  write: (bytes, at, _address, target) => writeWord32(bytes, at, target | 0),
};

/** An address in a word of 64 bits. */
export const POINTER_64: ReferenceForm = {
  bytes: 8,
  certain: false,
  read: readWord64,
  write: (bytes, at, _address, target) => writeWord64(bytes, at, target),
};

/** The distance from the word itself, in 32 bits: exception tables, symbol tables, unwind information, jump tables. */
export const RELATIVE_32: ReferenceForm = {
  bytes: 4,
  certain: false,
  read: (bytes, at, address) => address + readWord32(bytes, at),
  write: (bytes, at, address, target) => writeWord32(bytes, at, (target - address) | 0),
};

/** Every word of 64 bits at an aligned address that is not zero. */
export const findPointers64: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 7); at + 8 <= to; at += 8) {
    if (readWord32(bytes, at) !== 0 || readWord32(bytes, at + 4) !== 0) visitor.visit(POINTER_64, at, at);
  }
};

/** Every word of 32 bits at an aligned address that is not zero. */
export const findPointers32: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 3); at + 4 <= to; at += 4) {
    if (readWord32(bytes, at) !== 0) visitor.visit(POINTER_32, at, at);
  }
};

/** Every word at an aligned address that is not zero, as distance from itself. */
export const findRelative32: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 3); at + 4 <= to; at += 4) {
    if (readWord32(bytes, at) !== 0) visitor.visit(RELATIVE_32, at, at);
  }
};

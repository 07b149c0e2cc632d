import { RELATIVE_32 } from './pointers.js';
import type { ReferenceFinder, ReferenceForm } from './reference-form.js';
import { readWord32, writeWord32 } from './words.js';

/** Longer entries are none. */
const LONGEST_ENTRY_BYTES = 4096;

/** Where the code of an entry begins, relative to the word itself. */
const CODE_START: ReferenceForm = { ...RELATIVE_32, certain: true };

/** How far before the word itself the common part of entries (CIE) lies. */
const COMMON_PART: ReferenceForm = {
  bytes: 4,
  certain: true,
  read: (bytes, at, address) => address - readWord32(bytes, at),
  write: (bytes, at, address, target) => writeWord32(bytes, at, (address - target) | 0),
};

/**
 * The entries (FDE) of `.eh_frame`: their common part and where their code begins.
 *
 * An entry is known by the one that follows: it begins where the length says, and mostly has the same
 * common part.
 *
 * @see Linux Standard Base Core, section 10.6 (exception frames)
 */
export const findUnwind: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 3); at + 12 <= to; at += 4) {
    const length = readWord32(bytes, at);
    if (length < 8 || length > LONGEST_ENTRY_BYTES || (length & 3) !== 0) continue;
    const back = readWord32(bytes, at + 4);
    const next = at + 4 + length;
    if (back < 8 || (back & 3) !== 0) continue;
    if (next + 8 <= to && readWord32(bytes, next + 4) !== back + length + 4) continue;
    visitor.visit(COMMON_PART, at + 4, at + 4);
    visitor.visit(CODE_START, at + 8, at + 8);
  }
};

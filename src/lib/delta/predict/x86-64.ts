import type { ReferenceFinder, ReferenceForm } from './reference-form.js';
import { readWord32, writeWord32 } from './words.js';
import { immediateBytes } from './x86-opcodes.js';

/** A distance from the end of the instruction, which is so many bytes after that of the field. */
function relative(immediate: number, certain: boolean): ReferenceForm {
  return {
    bytes: 4,
    certain,
    read: (bytes, at, address) => address + 4 + immediate + readWord32(bytes, at),
    write: (bytes, at, address, target) => writeWord32(bytes, at, (target - address - 4 - immediate) | 0),
  };
}

/** The target of CALL, JMP, Jcc, and of a memory operand without an immediate after it. */
export const RELATIVE = relative(0, false);
/** Memory operands with immediates of so many bytes after them. */
const OPERANDS: readonly ReferenceForm[] = [
  RELATIVE,
  relative(1, false),
  relative(2, false),
  RELATIVE,
  relative(4, false),
];

/** An address of 32 bits that is extended with its sign: an immediate or a displacement in code that is not position-independent. */
export const ABSOLUTE_32: ReferenceForm = {
  bytes: 4,
  certain: false,
  read: (bytes, at) => readWord32(bytes, at),
  write: (bytes, at, _address, target) => writeWord32(bytes, at, target | 0),
};

/** Absolute addresses are looked for within so many bytes of the code. */
const ABSOLUTE_REACH_BYTES = 2 ** 27;
/** Position-independent code begins at 0, where small numbers are no addresses; other programs begin from here. */
const LOWEST_ABSOLUTE = 0x40_0000;

/**
 * References in x86-64 code. Instructions are not decoded from the first on, since a block may begin
 * within one: each byte that may end an opcode is tried, and counts when the address it would lead to exists.
 */
export const findX86: ReferenceFinder = (bytes, from, to, address, visitor, end) => {
  const last = Math.min(to - 4, end - 1);
  for (let at = from + 1; at <= last; at++) {
    const opcode = bytes[at - 1]!;
    if ((opcode & 0xfe) === 0xe8 || ((opcode & 0xf0) === 0x80 && at - from >= 2 && bytes[at - 2] === 0x0f)) {
      if (visitor.visit(RELATIVE, at, at)) {
        at += 3;
        continue;
      }
    }
    if ((opcode & 0xc7) === 0x05) {
      const immediate = immediateBytes(bytes, from, at - 1);
      if (immediate >= 0 && visitor.visit(OPERANDS[immediate]!, at, at)) {
        at += 3;
        continue;
      }
    }
    const word = readWord32(bytes, at);
    if (word < 0 || word >= LOWEST_ABSOLUTE) {
      const distance = (word - (address | 0)) | 0;
      if (distance < ABSOLUTE_REACH_BYTES && distance > -ABSOLUTE_REACH_BYTES && visitor.visit(ABSOLUTE_32, at, at))
        at += 3;
    }
  }
};

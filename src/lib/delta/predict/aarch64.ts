import type { ReferenceFinder, ReferenceForm, ReferenceVisitor } from './reference-form.js';
import { readWord32, writeWord32 } from './words.js';

/** How many instructions after an ADRP are searched for the other half of its address. */
const PAIR_REACH = 12;

/** A form whose distance is a signed field of words of four bytes. */
function branch(mask: number, pattern: number, fieldAt: number, fieldBits: number): ReferenceForm {
  const left = 32 - fieldBits - fieldAt;
  const field = ((2 ** fieldBits - 1) << fieldAt) | 0;
  return {
    bytes: 4,
    certain: true,
    read(bytes, at, address) {
      const word = readWord32(bytes, at);
      if ((word & mask) !== pattern) return Number.NaN;
      return address + ((word << left) >> (left + fieldAt)) * 4;
    },
    write(bytes, at, address, target) {
      const word = readWord32(bytes, at);
      writeWord32(bytes, at, (word & ~field) | ((((target - address) >> 2) << fieldAt) & field));
    },
  };
}

/** B, BL (C6.2.26, C6.2.34 of the Arm ARM, DDI 0487). */
export const BRANCH_26 = branch(0x7c00_0000, 0x1400_0000, 0, 26);
/** B.cond, BC.cond. */
export const BRANCH_CONDITION = branch(0xff00_0000 | 0, 0x5400_0000, 5, 19);
/** CBZ, CBNZ. */
export const COMPARE_BRANCH = branch(0x7e00_0000, 0x3400_0000, 5, 19);
/** TBZ, TBNZ. */
export const TEST_BRANCH = branch(0x7e00_0000, 0x3600_0000, 5, 14);
/** LDR (literal) of all kinds, PRFM (literal). */
export const LOAD_LITERAL = branch(0x3b00_0000, 0x1800_0000, 5, 19);

/** The 21 bits of ADR and ADRP. */
function addressField(word: number): number {
  return (((word << 8) >> 11) & ~3) | ((word >>> 29) & 3);
}

function withAddressField(word: number, value: number): number {
  return (word & 0x9f00_001f) | ((value & 3) << 29) | (((value >> 2) & 0x7_ffff) << 5);
}

/** ADR. */
export const ADR: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address) {
    const word = readWord32(bytes, at);
    return (word & 0x9f00_0000) === 0x1000_0000 ? address + addressField(word) : Number.NaN;
  },
  write(bytes, at, address, target) {
    writeWord32(bytes, at, withAddressField(readWord32(bytes, at), target - address));
  },
};

const pageOf = (address: number) => address - (address & 0xfff);

function isAdrp(word: number): boolean {
  return (word & 0x9f00_0000) === (0x9000_0000 | 0);
}

/** ADRP alone: the page. */
export const ADRP: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address) {
    const word = readWord32(bytes, at);
    return isAdrp(word) ? pageOf(address) + addressField(word) * 4096 : Number.NaN;
  },
  write(bytes, at, address, target) {
    const pages = (pageOf(target) - pageOf(address)) / 4096;
    writeWord32(bytes, at, withAddressField(readWord32(bytes, at), pages));
  },
};

/** How far the 12 bits of an ADD, LDR or STR (unsigned offset) are shifted; −1 for other instructions. */
function offsetScale(word: number): number {
  if ((word & 0x7fc0_0000) === 0x1100_0000) return 0; // ADD, not shifted
  if ((word & 0x3b00_0000) !== 0x3900_0000) return -1;
  const scale = word >>> 30;
  return scale === 0 && (word & 0x0480_0000) === 0x0480_0000 ? 4 : scale; // 128-bit registers
}

/** The place in the page that an ADD, LDR or STR adds to an ADRP, its partner. */
export const PAGE_OFFSET: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address, partner) {
    const word = readWord32(bytes, at);
    const scale = offsetScale(word);
    if (scale < 0) return Number.NaN;
    return ADRP.read(bytes, partner, address + (partner - at), partner) + (((word >>> 10) & 0xfff) << scale);
  },
  write(bytes, at, _address, target) {
    const word = readWord32(bytes, at);
    const offset = (target & 0xfff) >>> offsetScale(word);
    writeWord32(bytes, at, (word & ~0x003f_fc00) | (offset << 10));
  },
};

/** An ADRP with the ADD, LDR or STR after it, its partner. */
export const ADRP_PAIR: ReferenceForm = {
  bytes: 4,
  certain: true,
  read: (bytes, at, address, partner) => PAGE_OFFSET.read(bytes, partner, address + (partner - at), at),
  write(bytes, at, address, target, partner) {
    ADRP.write(bytes, at, address, target, partner);
    PAGE_OFFSET.write(bytes, partner, address, target, at);
  },
};

/** References in A64 code. */
export const findAArch64: ReferenceFinder = (bytes, from, to, address, visitor, end) => {
  const last = Math.min(to - 4, end - 1);
  for (let at = from + (-address & 3); at <= last; at += 4) {
    const word = readWord32(bytes, at);
    if ((word & 0x7c00_0000) === 0x1400_0000) visitor.visit(BRANCH_26, at, at);
    else if ((word & 0x1f00_0000) === 0x1000_0000) {
      if (word >= 0) visitor.visit(ADR, at, at);
      else findPair(bytes, at, to, word, visitor);
    } else if ((word & 0x3b00_0000) === 0x1800_0000) visitor.visit(LOAD_LITERAL, at, at);
    else if ((word & 0x7e00_0000) === 0x3400_0000) visitor.visit(COMPARE_BRANCH, at, at);
    else if ((word & 0x7e00_0000) === 0x3600_0000) visitor.visit(TEST_BRANCH, at, at);
    else if ((word & 0xff00_0000) === 0x5400_0000) visitor.visit(BRANCH_CONDITION, at, at);
  }
};

function findPair(bytes: Uint8Array, at: number, to: number, adrp: number, visitor: ReferenceVisitor): void {
  const register = adrp & 31;
  let paired = false;
  for (let next = at + 4; next + 4 <= to && next <= at + PAIR_REACH * 4; next += 4) {
    const word = readWord32(bytes, next);
    if (((word >>> 5) & 31) === register && offsetScale(word) >= 0) {
      if (paired) visitor.visit(PAGE_OFFSET, next, at);
      else paired = visitor.visit(ADRP_PAIR, at, next);
    }
    if ((word & 31) === register && isAdrp(word)) break;
  }
  if (!paired) visitor.visit(ADRP, at, at);
}

import { POINTER_32 } from './pointers.js';
import type { ReferenceFinder, ReferenceForm, ReferenceVisitor } from './reference-form.js';
import { readWord32, writeWord32 } from './words.js';

/** How far after a MOVW its MOVT is searched, bytes. */
const PAIR_REACH = 32;
/** The program counter reads as the address of the next instruction but one. */
const PC_AHEAD = 8;
/** The condition field of instructions that have none, among them BLX. */
const UNCONDITIONAL = 0xf000_0000 | 0;

const isBranch = (word: number) => (word & 0x0e00_0000) === 0x0a00_0000;
const isBlx = (word: number) => (word & UNCONDITIONAL) === UNCONDITIONAL;

/** B, BL and BLX (immediate), encodings A1 and A2 (F5.1.18, F5.1.25 of the Arm ARM, DDI 0487). */
export const ARM_BRANCH: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address) {
    const word = readWord32(bytes, at);
    if (!isBranch(word)) return Number.NaN;
    const half = isBlx(word) ? (word >>> 23) & 2 : 0;
    return address + PC_AHEAD + ((word << 8) >> 6) + half;
  },
  write(bytes, at, address, target) {
    const word = readWord32(bytes, at);
    const distance = target - address - PC_AHEAD;
    const head = isBlx(word) ? (word & 0xfe00_0000) | ((distance & 2) << 23) : word & 0xff00_0000;
    writeWord32(bytes, at, head | ((distance >> 2) & 0x00ff_ffff));
  },
};

const isMovw = (word: number) => (word & 0x0ff0_0000) === 0x0300_0000;
const isMovt = (word: number) => (word & 0x0ff0_0000) === 0x0340_0000;
const moveField = (word: number) => ((word >>> 4) & 0xf000) | (word & 0xfff);
const withMoveField = (word: number, value: number) => (word & 0xfff0_f000) | ((value & 0xf000) << 4) | (value & 0xfff);

/** MOVW (encoding A2) with the MOVT of the same register after it, its partner: an absolute address. */
export const ARM_MOVE_PAIR: ReferenceForm = {
  bytes: 4,
  certain: false,
  read(bytes, at, _address, partner) {
    const low = readWord32(bytes, at);
    const high = readWord32(bytes, partner);
    return isMovw(low) && isMovt(high) ? moveField(high) * 65536 + moveField(low) : Number.NaN;
  },
  write(bytes, at, _address, target, partner) {
    writeWord32(bytes, at, withMoveField(readWord32(bytes, at), target));
    writeWord32(bytes, partner, withMoveField(readWord32(bytes, partner), target >>> 16));
  },
};

/** References in A32 code, and in the vectors and literal pools among it. */
export const findArm: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 3); at + 4 <= to; at += 4) {
    const word = readWord32(bytes, at);
    if (word === 0) continue;
    if (isBranch(word) && visitor.visit(ARM_BRANCH, at, at)) continue;
    if (isMovw(word) && findMovePair(bytes, at, to, word, visitor)) continue;
    visitor.visit(POINTER_32, at, at);
  }
};

function findMovePair(bytes: Uint8Array, at: number, to: number, movw: number, visitor: ReferenceVisitor): boolean {
  for (let next = at + 4; next + 4 <= to && next <= at + PAIR_REACH; next += 4) {
    const word = readWord32(bytes, next);
    if (isMovt(word) && ((word ^ movw) & 0xf000) === 0) return visitor.visit(ARM_MOVE_PAIR, at, next);
  }
  return false;
}

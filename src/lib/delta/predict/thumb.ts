import { POINTER_32 } from './pointers.js';
import type { ReferenceFinder, ReferenceForm, ReferenceVisitor } from './reference-form.js';
import { readWord16, readWord32, writeWord16 } from './words.js';

/** How far after a MOVW its MOVT is searched, bytes. */
const PAIR_REACH = 16;

/**
 * BL, BLX and B.W with a distance of 25 bits (encodings T1, T2 and T4; F5.1.19 and F5.1.26 of the
 * Arm ARM, DDI 0487). The distance counts from the instruction after the next halfword; that of BLX
 * from there down to a multiple of four.
 */
export const THUMB_BRANCH_25: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address) {
    const first = readWord16(bytes, at);
    const second = readWord16(bytes, at + 2);
    if (!isBranch25(first, second)) return Number.NaN;
    const sign = (first >>> 10) & 1;
    const i1 = ~((second >>> 13) ^ sign) & 1;
    const i2 = ~((second >>> 11) ^ sign) & 1;
    const high = (sign << 24) | (i1 << 23) | (i2 << 22) | ((first & 0x3ff) << 12);
    const distance = ((high | ((second & 0x7ff) << 1)) << 7) >> 7;
    return branchBase(address, second) + distance;
  },
  write(bytes, at, address, target) {
    const second = readWord16(bytes, at + 2);
    const distance = target - branchBase(address, second);
    const sign = (distance >>> 24) & 1;
    const j1 = ~((distance >>> 23) ^ sign) & 1;
    const j2 = ~((distance >>> 22) ^ sign) & 1;
    writeWord16(bytes, at, 0xf000 | (sign << 10) | ((distance >>> 12) & 0x3ff));
    writeWord16(bytes, at + 2, (second & 0xd000) | (j1 << 13) | (j2 << 11) | ((distance >>> 1) & 0x7ff));
  },
};

function isBranch25(first: number, second: number): boolean {
  if ((first & 0xf800) !== 0xf000) return false;
  const kind = second & 0xd000;
  return kind === 0xd000 || kind === 0x9000 || (kind === 0xc000 && (second & 1) === 0);
}

function branchBase(address: number, second: number): number {
  const base = address + 4;
  return (second & 0xd000) === 0xc000 ? base - (base & 3) : base;
}

/** B<c>.W with a distance of 21 bits (encoding T3). */
export const THUMB_BRANCH_21: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address) {
    const first = readWord16(bytes, at);
    const second = readWord16(bytes, at + 2);
    if (!isBranch21(first, second)) return Number.NaN;
    const high = (((first >>> 10) & 1) << 20) | (((second >>> 11) & 1) << 19) | (((second >>> 13) & 1) << 18);
    const distance = ((high | ((first & 0x3f) << 12) | ((second & 0x7ff) << 1)) << 11) >> 11;
    return address + 4 + distance;
  },
  write(bytes, at, address, target) {
    const first = readWord16(bytes, at);
    const distance = target - address - 4;
    writeWord16(bytes, at, (first & 0xfbc0) | (((distance >>> 20) & 1) << 10) | ((distance >>> 12) & 0x3f));
    const low = (((distance >>> 18) & 1) << 13) | (((distance >>> 19) & 1) << 11) | ((distance >>> 1) & 0x7ff);
    writeWord16(bytes, at + 2, 0x8000 | low);
  },
};

/** Condition codes 14 and 15 stand for other instructions. */
function isBranch21(first: number, second: number): boolean {
  return (first & 0xf800) === 0xf000 && (second & 0xd000) === 0x8000 && (first & 0x0380) !== 0x0380;
}

/** The 16 bits of a MOVW or MOVT (encodings T3 and T1). */
function moveField(bytes: Uint8Array, at: number): number {
  const first = readWord16(bytes, at);
  const second = readWord16(bytes, at + 2);
  return ((first & 0xf) << 12) | (((first >>> 10) & 1) << 11) | (((second >>> 12) & 7) << 8) | (second & 0xff);
}

function writeMoveField(bytes: Uint8Array, at: number, value: number): void {
  const first = readWord16(bytes, at);
  const second = readWord16(bytes, at + 2);
  writeWord16(bytes, at, (first & 0xfbf0) | ((value >>> 12) & 0xf) | (((value >>> 11) & 1) << 10));
  writeWord16(bytes, at + 2, (second & 0x8f00) | (((value >>> 8) & 7) << 12) | (value & 0xff));
}

const isMovw = (first: number, second: number) => (first & 0xfbf0) === 0xf240 && (second & 0x8000) === 0;
const isMovt = (first: number, second: number) => (first & 0xfbf0) === 0xf2c0 && (second & 0x8000) === 0;

/** MOVW with the MOVT of the same register after it, its partner: an absolute address. */
export const THUMB_MOVE_PAIR: ReferenceForm = {
  bytes: 4,
  certain: false,
  read(bytes, at, _address, partner) {
    if (!isMovw(readWord16(bytes, at), readWord16(bytes, at + 2))) return Number.NaN;
    if (!isMovt(readWord16(bytes, partner), readWord16(bytes, partner + 2))) return Number.NaN;
    return moveField(bytes, partner) * 65536 + moveField(bytes, at);
  },
  write(bytes, at, _address, target, partner) {
    writeMoveField(bytes, at, target & 0xffff);
    writeMoveField(bytes, partner, (target >>> 16) & 0xffff);
  },
};

/** References in Thumb and Thumb-2 code, and in the vectors and literal pools among it. */
export const findThumb: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 1); at + 2 <= to; at += 2) {
    if (((address + at - from) & 3) === 0 && at + 4 <= to && readWord32(bytes, at) !== 0) {
      visitor.visit(POINTER_32, at, at);
    }
    const first = readWord16(bytes, at);
    if ((first & 0xf800) !== 0xf000 || at + 4 > to) continue;
    const second = readWord16(bytes, at + 2);
    if ((second & 0x8000) === 0) {
      if (isMovw(first, second)) findMovePair(bytes, at, to, second, visitor);
    } else if (isBranch25(first, second)) {
      if (visitor.visit(THUMB_BRANCH_25, at, at)) at += 2;
    } else if (isBranch21(first, second)) {
      if (visitor.visit(THUMB_BRANCH_21, at, at)) at += 2;
    }
  }
};

function findMovePair(bytes: Uint8Array, at: number, to: number, movw: number, visitor: ReferenceVisitor): void {
  for (let next = at + 4; next + 4 <= to && next <= at + PAIR_REACH; next += 2) {
    const second = readWord16(bytes, next + 2);
    if (isMovt(readWord16(bytes, next), second) && (second & 0x0f00) === (movw & 0x0f00)) {
      visitor.visit(THUMB_MOVE_PAIR, at, next);
      return;
    }
  }
}

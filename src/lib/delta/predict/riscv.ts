import { POINTER_32, POINTER_64 } from './pointers.js';
import type { ReferenceFinder, ReferenceForm, ReferenceVisitor } from './reference-form.js';
import { readWord16, readWord32, writeWord16, writeWord32 } from './words.js';

/** How many bytes after the upper half of an address the lower half is searched for. */
const PAIR_REACH_BYTES = 32;

/** JAL (RISC-V ISA, volume I, 2.5). */
export const JAL: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address) {
    const word = readWord32(bytes, at);
    if ((word & 0x7f) !== 0x6f) return Number.NaN;
    return address + ((word >> 31) << 20) + ((word & 0xf_f000) | ((word >>> 9) & 0x800) | ((word >>> 20) & 0x7fe));
  },
  write(bytes, at, address, target) {
    const distance = target - address;
    const field =
      ((distance & 0x10_0000) << 11) | ((distance & 0x7fe) << 20) | ((distance & 0x800) << 9) | (distance & 0xf_f000);
    writeWord32(bytes, at, (readWord32(bytes, at) & 0xfff) | field);
  },
};

/** BEQ, BNE, BLT, BGE, BLTU, BGEU. */
export const BRANCH: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address) {
    const word = readWord32(bytes, at);
    if ((word & 0x7f) !== 0x63) return Number.NaN;
    return address + ((word >> 31) << 12) + (((word << 4) & 0x800) | ((word >>> 20) & 0x7e0) | ((word >>> 7) & 0x1e));
  },
  write(bytes, at, address, target) {
    const distance = target - address;
    const field =
      ((distance & 0x1000) << 19) | ((distance & 0x7e0) << 20) | ((distance & 0x1e) << 7) | ((distance & 0x800) >> 4);
    writeWord32(bytes, at, (readWord32(bytes, at) & 0x01ff_f07f) | field);
  },
};

/** C.J. */
export const SHORT_JUMP: ReferenceForm = {
  bytes: 2,
  certain: true,
  read(bytes, at, address) {
    const half = readWord16(bytes, at);
    if ((half & 0xe003) !== 0xa001) return Number.NaN;
    const low = ((half >>> 2) & 0xe) | ((half >>> 7) & 0x10) | ((half << 3) & 0x20) | ((half >>> 1) & 0x40);
    return (
      address +
      (((half << 19) >> 31) << 11) +
      (low | ((half << 1) & 0x80) | ((half >>> 1) & 0x300) | ((half << 2) & 0x400))
    );
  },
  write(bytes, at, address, target) {
    const d = target - address;
    const low = ((d & 0xe) << 2) | ((d & 0x10) << 7) | ((d & 0x20) >> 3) | ((d & 0x40) << 1);
    const high = ((d & 0x80) >> 1) | ((d & 0x300) << 1) | ((d & 0x400) >> 2) | ((d & 0x800) << 1);
    writeWord16(bytes, at, (readWord16(bytes, at) & 0xe003) | low | high);
  },
};

/** Where the low 12 bits of an address are in an instruction: as in loads (I), as in stores (S), or not at all. */
type LowFormat = 'I' | 'S' | undefined;

function lowFormat(word: number): LowFormat {
  switch (word & 0x7f) {
    case 0x03: // loads
    case 0x07:
    case 0x67: // JALR
      return 'I';
    case 0x13: // ADDI
    case 0x1b: // ADDIW
      return (word & 0x7000) === 0 ? 'I' : undefined;
    case 0x23: // stores
    case 0x27:
      return 'S';
    default:
      return undefined;
  }
}

function lowBits(word: number): number {
  return lowFormat(word) === 'S' ? ((word >> 25) << 5) | ((word >>> 7) & 0x1f) : word >> 20;
}

function withLowBits(word: number, low: number): number {
  if (lowFormat(word) === 'S') return (word & 0x01ff_f07f) | ((low & 0xfe0) << 20) | ((low & 0x1f) << 7);
  return (word & 0xf_ffff) | (low << 20);
}

/** Where an AUIPC or LUI counts from. */
function origin(upper: number, address: number): number {
  return (upper & 0x7f) === 0x17 ? address : 0;
}

/** What the low 12 bits, which have a sign, add to an AUIPC or LUI, the partner. */
export const LOW: ReferenceForm = {
  bytes: 4,
  certain: true,
  read(bytes, at, address, partner) {
    const upper = readWord32(bytes, partner);
    return origin(upper, address + (partner - at)) + (upper & ~0xfff) + lowBits(readWord32(bytes, at));
  },
  write(bytes, at, address, target, partner) {
    const distance = target - origin(readWord32(bytes, partner), address + (partner - at));
    writeWord32(bytes, at, withLowBits(readWord32(bytes, at), distance | 0));
  },
};

/** An AUIPC or LUI with the instruction that adds the low bits, its partner. */
function pair(certain: boolean): ReferenceForm {
  return {
    bytes: 4,
    certain,
    read: (bytes, at, address, partner) => LOW.read(bytes, partner, address + (partner - at), at),
    write(bytes, at, address, target, partner) {
      const upper = readWord32(bytes, at);
      const distance = (target - origin(upper, address)) | 0;
      writeWord32(bytes, at, (upper & 0xfff) | ((distance + 0x800) & ~0xfff));
      LOW.write(bytes, partner, address + (partner - at), target, at);
    },
  };
}

/** An address relative to the instruction. */
export const AUIPC_PAIR = pair(true);
/** An absolute address, or any other number. */
export const LUI_PAIR = pair(false);

/** References in RISC-V code, with or without compressed instructions. */
export const findRiscv: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 1); at + 2 <= to; ) {
    const half = readWord16(bytes, at);
    if ((half & 3) !== 3) {
      if ((half & 0xe003) === 0xa001) visitor.visit(SHORT_JUMP, at, at);
      at += 2;
      continue;
    }
    if (at + 4 > to) return;
    const opcode = half & 0x7f;
    if (opcode === 0x6f) visitor.visit(JAL, at, at);
    else if (opcode === 0x63) visitor.visit(BRANCH, at, at);
    else if (opcode === 0x17 || opcode === 0x37) findPairs(bytes, at, to, half, visitor);
    at += 4;
  }
};

function findPairs(bytes: Uint8Array, at: number, to: number, upper: number, visitor: ReferenceVisitor): void {
  const register = (upper >>> 7) & 31;
  const form = (upper & 0x7f) === 0x17 ? AUIPC_PAIR : LUI_PAIR;
  let paired = false;
  for (let next = at + 4; next + 4 <= to && next <= at + PAIR_REACH_BYTES; ) {
    const word = readWord32(bytes, next);
    if ((word & 3) !== 3) {
      next += 2;
      continue;
    }
    if (((word >>> 15) & 31) === register && lowFormat(word) !== undefined) {
      if (!paired) paired = visitor.visit(form, at, next);
      else visitor.visit(LOW, next, at);
    }
    // stores have no register that they change
    if (((word >>> 7) & 31) === register && lowFormat(word) !== 'S') return;
    next += 4;
  }
}

/** Addresses of 64 bits, or of 32: the machine does not tell which. */
export const findRiscvPointers: ReferenceFinder = (bytes, from, to, address, visitor) => {
  for (let at = from + (-address & 3); at + 4 <= to; at += 4) {
    if (readWord32(bytes, at) === 0) continue;
    const isWide = ((address + at - from) & 7) === 0 && at + 8 <= to;
    if (isWide && visitor.visit(POINTER_64, at, at)) at += 4;
    else visitor.visit(POINTER_32, at, at);
  }
};

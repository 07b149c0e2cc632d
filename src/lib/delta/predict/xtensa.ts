import { POINTER_32 } from './pointers.js';
import type { ReferenceFinder, ReferenceForm } from './reference-form.js';

function read24(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
}

function write24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
}

/** The multiple of 4 at or below an address. */
const aligned = (address: number) => address - (address & 3);

/** CALL0, CALL4, CALL8, CALL12 (Xtensa ISA reference manual, 8.3). */
export const CALL: ReferenceForm = {
  bytes: 3,
  certain: true,
  read: (bytes, at, address) => aligned(address) + 4 + ((read24(bytes, at) << 8) >> 14) * 4,
  write: (bytes, at, address, target) =>
    write24(bytes, at, (read24(bytes, at) & 0x3f) | (((target - aligned(address) - 4) / 4) << 6)),
};

/** J. */
export const JUMP: ReferenceForm = {
  bytes: 3,
  certain: true,
  read: (bytes, at, address) => address + 4 + ((read24(bytes, at) << 8) >> 14),
  write: (bytes, at, address, target) => write24(bytes, at, (read24(bytes, at) & 0x3f) | ((target - address - 4) << 6)),
};

/** L32R: a literal that lies before the instruction. */
export const LITERAL: ReferenceForm = {
  bytes: 3,
  certain: true,
  read: (bytes, at, address) => aligned(address + 3) + ((read24(bytes, at) >>> 8) - 0x1_0000) * 4,
  write: (bytes, at, address, target) =>
    write24(bytes, at, (read24(bytes, at) & 0xff) | (((target - aligned(address + 3)) / 4) << 8)),
};

/** ENTRY a1, …; ADDI a1, a1, −…: how functions begin, at a multiple of 4, in the two ways of calling. */
function isFunctionStart(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x36
    ? (bytes[at + 1]! & 0x0f) === 1
    : bytes[at] === 0x12 && bytes[at + 1] === 0xc1 && bytes[at + 2]! >= 0x80;
}

/** The low four bits tell whether an instruction has two or three bytes. */
export function instructionBytes(first: number): 2 | 3 {
  return (first & 0x0f) >= 8 ? 2 : 3;
}

/**
 * References in Xtensa code, as it is in Espressif's chips, and in the literals between functions.
 *
 * Literals have no mark: instructions are followed from the first byte on, and where a function
 * begins or an address was found they are followed from there.
 */
export const findXtensa: ReferenceFinder = (bytes, from, to, address, visitor) => {
  const misaligned = (address - from) & 3;
  let instruction = from;
  for (let at = from; at < to; at++) {
    if (((at + misaligned) & 3) === 0 && at + 4 <= to) {
      if (isFunctionStart(bytes, at)) instruction = at;
      else if (visitor.visit(POINTER_32, at, at)) {
        at += 3;
        instruction = at + 1;
        continue;
      }
    }
    if (at < instruction) continue;
    const first = bytes[at]!;
    instruction = at + instructionBytes(first);
    if (instruction > to) return;
    const operation = first & 0x0f;
    if (operation === 5) visitor.visit(CALL, at, at);
    else if (operation === 1) visitor.visit(LITERAL, at, at);
    else if ((first & 0x3f) === 6) visitor.visit(JUMP, at, at);
  }
};

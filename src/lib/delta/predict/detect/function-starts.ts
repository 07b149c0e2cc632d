import type { Machine } from '../address-space.js';

/** Bytes that are looked at. */
export const FUNCTION_START_BYTES = 12;

/**
 * Whether the instruction at a place is one with which compilers begin functions that call others:
 * it makes room on the stack or saves the place to return to.
 *
 * @param at at least {@link FUNCTION_START_BYTES} before the end
 */
export function isFunctionStart(machine: Machine, bytes: DataView, at: number): boolean {
  switch (machine) {
    case 'thumb': {
      const half = bytes.getUint16(at, true);
      // PUSH {…, lr}; STMDB sp!, {…, lr}
      return (half & 0xff00) === 0xb500 || (half === 0xe92d && (bytes.getUint16(at + 2, true) & 0x4000) !== 0);
    }
    case 'arm':
      // STMDB sp!, {…, lr}; STR lr, [sp, #-4]!
      return (bytes.getUint32(at, true) & ~0xbfff) >>> 0 === 0xe92d4000 || bytes.getUint32(at, true) === 0xe52de004;
    case 'aarch64': {
      // two NOPs that a tracer of functions can patch, then as without them
      if (bytes.getUint32(at, true) === 0xd503201f && bytes.getUint32(at + 4, true) === 0xd503201f) at += 8;
      const word = bytes.getUint32(at, true);
      // PACIASP; BTI c; STP x29, x30, [sp, #-…]!
      return word === 0xd503233f || word === 0xd503245f || (word & 0xffc07fff) >>> 0 === 0xa9807bfd;
    }
    case 'x86-64': {
      const word = bytes.getUint32(at, true);
      const first = word & 0xff;
      // ENDBR64; PUSH rbp, rbx; PUSH r12…r15; SUB rsp, …
      return (
        word === 0xfa1e0ff3 ||
        first === 0x55 ||
        first === 0x53 ||
        (word & 0xfcff) === 0x5441 ||
        (word & 0xfffdff) === 0xec8148
      );
    }
    case 'riscv': {
      const word = bytes.getUint32(at, true);
      // ADDI sp, sp, -…; C.ADDI16SP -…; C.ADDI sp, -…
      return (
        ((word & 0xfffff) === 0x10113 && word >>> 31 === 1) || (word & 0xff83) === 0x7101 || (word & 0xff83) === 0x1101
      );
    }
    case 'xtensa': {
      const word = bytes.getUint32(at, true);
      // ENTRY a1, …; ADDI a1, a1, -…
      return (word & 0xfff) === 0x136 || ((word & 0xffff) === 0xc112 && (word & 0x800000) !== 0);
    }
    case 'none':
      return false;
  }
}

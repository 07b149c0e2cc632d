import { findAArch64 } from './aarch64.js';
import type { Machine } from './address-space.js';
import { findArm } from './arm.js';
import { findBtf } from './btf.js';
import {
  findImageRelative32,
  findPointers32,
  findPointers64,
  findRelative32,
  findSegmentRelative32,
  IMAGE_RELATIVE_32,
  POINTER_32,
  POINTER_64,
  RELATIVE_32,
  SEGMENT_RELATIVE_32,
} from './pointers.js';
import type { ReferenceFinder, ReferenceForm } from './reference-form.js';
import { findRelocations } from './relocations.js';
import { findRiscv, findRiscvPointers } from './riscv.js';
import { findThumb } from './thumb.js';
import { findUnwind } from './unwind.js';
import { findX86 } from './x86-64.js';
import { findXtensa } from './xtensa.js';

/** What is found in the code of a machine, and how wide its pointers are. */
const MACHINE_CODE: Record<Machine, { code?: ReferenceFinder; pointers: ReferenceFinder }> = {
  none: { pointers: findPointers32 },
  thumb: { code: findThumb, pointers: findPointers32 },
  arm: { code: findArm, pointers: findPointers32 },
  aarch64: { code: findAArch64, pointers: findPointers64 },
  'x86-64': { code: findX86, pointers: findPointers64 },
  riscv: { code: findRiscv, pointers: findRiscvPointers },
  xtensa: { code: findXtensa, pointers: findPointers32 },
};

/**
 * The modes of a machine, by their numbers in a patch: 0 nothing, 1 code, 2 absolute pointers,
 * 3 words relative to themselves, 4 relocations of object files, 5 words relative to the start of
 * their segment, 6 unwind information, 7 words relative to where the image is loaded, 8 type information.
 */
export function modesOf(machine: Machine): readonly (ReferenceFinder | undefined)[] {
  const { code, pointers } = MACHINE_CODE[machine];
  return [
    undefined,
    code,
    pointers,
    findRelative32,
    findRelocations,
    findSegmentRelative32,
    findUnwind,
    findImageRelative32,
    findBtf,
  ];
}

/** The forms of references in the tables of a machine's images. */
export function tablesOf(machine: Machine): readonly ReferenceForm[] {
  const isWide = MACHINE_CODE[machine].pointers === findPointers64;
  return [isWide ? POINTER_64 : POINTER_32, RELATIVE_32, SEGMENT_RELATIVE_32, IMAGE_RELATIVE_32];
}

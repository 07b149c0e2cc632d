import { type ImageBytes, MAX_VIEW_BYTES } from '../../image/image-bytes.js';
import type { Machine } from '../address-space.js';
import { FUNCTION_START_BYTES, isFunctionStart } from './function-starts.js';

/** Windows that are looked at, spread evenly over the image. */
const WINDOWS = 16;
/** Of the windows of larger images than this, blocks are looked at, spread evenly, that make up so much together. */
const LOOKED_AT_BYTES = 4 * MAX_VIEW_BYTES;
const LOOKED_AT_BLOCK_BYTES = 16 * 1024;
/** A window with fewer calls of functions than this says nothing. */
const MIN_CALLS = 8;

type Code = Exclude<Machine, 'none'>;
/** The place that an instruction of call at `at` names, as a place in the same bytes; NaN for any other instruction. */
type CallTarget = (bytes: DataView, at: number) => number;

interface CallShape {
  /** Calls begin at multiples of so many bytes. */
  readonly step: number;
  readonly target: CallTarget;
}

const CALLS: Readonly<Record<Code, CallShape>> = {
  thumb: { step: 2, target: thumbCall },
  arm: { step: 4, target: armCall },
  aarch64: { step: 4, target: aarch64Call },
  'x86-64': { step: 1, target: x86Call },
  riscv: { step: 2, target: riscvCall },
  xtensa: { step: 1, target: xtensaCall },
};

/**
 * Tells the instruction set of a flat image: the one in which most calls land on the first
 * instruction of a function. In other data hardly any do.
 */
export function machineByOpcodes(image: ImageBytes, machines = Object.keys(CALLS) as Code[]): Machine {
  const votes = new Map<Machine, number>();
  const starts = windows(image.size);
  const distance = LOOKED_AT_BLOCK_BYTES * Math.ceil((starts.length * MAX_VIEW_BYTES) / LOOKED_AT_BYTES);
  for (const windowAt of starts) {
    const view = image.view(windowAt, Math.min(MAX_VIEW_BYTES, image.size - windowAt));
    const bytes = new DataView(view.buffer, view.byteOffset, view.byteLength);
    for (const machine of machines) {
      const calls = functionCalls(bytes, machine, distance);
      if (calls >= MIN_CALLS) votes.set(machine, (votes.get(machine) ?? 0) + calls);
    }
  }
  let [winner, most] = ['none' as Machine, 0];
  for (const [machine, count] of votes) if (count > most) [winner, most] = [machine, count];
  return winner;
}

function windows(size: number): number[] {
  if (size <= WINDOWS * MAX_VIEW_BYTES) {
    return Array.from({ length: Math.ceil(size / MAX_VIEW_BYTES) }, (_, i) => i * MAX_VIEW_BYTES);
  }
  const distance = Math.floor((size - MAX_VIEW_BYTES) / (WINDOWS - 1) / 4) * 4;
  return Array.from({ length: WINDOWS }, (_, i) => i * distance);
}

/** Calls in the first bytes of each so many that lead to a function anywhere in a window. */
function functionCalls(bytes: DataView, machine: Code, distance: number): number {
  const { step, target } = CALLS[machine];
  let calls = 0;
  for (let from = 0; from < bytes.byteLength; from += distance) {
    const end = Math.min(from + LOOKED_AT_BLOCK_BYTES, bytes.byteLength - 7);
    for (let at = from; at < end; at += step) {
      const to = target(bytes, at);
      if (to >= 0 && to + FUNCTION_START_BYTES <= bytes.byteLength && isFunctionStart(machine, bytes, to)) calls++;
    }
  }
  return calls;
}

/** BL, encoding T1 (ARMv7-M, A7.7.18). */
function thumbCall(bytes: DataView, at: number): number {
  const first = bytes.getUint16(at, true);
  if ((first & 0xf800) !== 0xf000) return Number.NaN;
  const second = bytes.getUint16(at + 2, true);
  if ((second & 0xd000) !== 0xd000) return Number.NaN;
  const sign = (first >> 10) & 1;
  const high = ((~((second >> 13) ^ sign) & 1) << 23) | ((~((second >> 11) ^ sign) & 1) << 22);
  return at + 4 + (-sign << 24) + (high | ((first & 0x3ff) << 12) | ((second & 0x7ff) << 1));
}

/** BL, encoding A1, always executed. */
function armCall(bytes: DataView, at: number): number {
  const word = bytes.getUint32(at, true);
  return word >>> 24 === 0xeb ? at + 8 + ((word << 8) >> 6) : Number.NaN;
}

function aarch64Call(bytes: DataView, at: number): number {
  const word = bytes.getUint32(at, true);
  return word >>> 26 === 0x25 ? at + ((word << 6) >> 4) : Number.NaN;
}

/** CALL rel32. */
function x86Call(bytes: DataView, at: number): number {
  return bytes.getUint8(at) === 0xe8 ? at + 5 + bytes.getInt32(at + 1, true) : Number.NaN;
}

/** JAL ra, or AUIPC ra and JALR ra. */
function riscvCall(bytes: DataView, at: number): number {
  const word = bytes.getUint32(at, true);
  if ((word & 0xfff) === 0x0ef) {
    const low = ((word >>> 20) & 0x7fe) | ((word >>> 9) & 0x800) | (word & 0xff000);
    return at + ((word >> 31) << 20) + low;
  }
  if ((word & 0xfff) !== 0x097) return Number.NaN;
  const jump = bytes.getInt32(at + 4, true);
  return (jump & 0xfffff) === 0x080e7 ? at + (word & ~0xfff) + (jump >> 20) : Number.NaN;
}

/** CALL0, CALL4, CALL8, CALL12. */
function xtensaCall(bytes: DataView, at: number): number {
  const word = bytes.getUint32(at, true);
  return (word & 0xf) === 5 ? (at & ~3) + 4 + (((word << 8) >> 14) << 2) : Number.NaN;
}

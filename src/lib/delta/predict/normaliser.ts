import type { Machine, Segment } from './address-space.js';
import { UNLOADED_ADDRESS } from './detect/loaded-file.js';
import { maskAArch64 } from './normalise/mask-aarch64.js';
import { maskArm } from './normalise/mask-arm.js';
import { maskRiscv } from './normalise/mask-riscv.js';
import { maskThumb } from './normalise/mask-thumb.js';
import { maskX86 } from './normalise/mask-x86-64.js';
import { maskXtensa } from './normalise/mask-xtensa.js';
import type { AddressRange, Masker } from './normalise/masker.js';

/**
 * Bytes before and after that decide what becomes of a byte: views that are to be masked alike
 * wherever they begin carry so many more at both ends, as far as the image has them.
 */
export const NORMALISER_CONTEXT_BYTES = 48;

/**
 * Masks, in place, the bits of instructions and words that say where something else lies.
 *
 * @param bytes  a copy of a part of the image
 * @param fileAt its first byte in the image
 */
export type Normalise = (bytes: Uint8Array, fileAt: number) => void;

const MASKERS: Partial<Record<Machine, Masker>> = {
  thumb: maskThumb,
  arm: maskArm,
  aarch64: maskAArch64,
  'x86-64': maskX86,
  riscv: maskRiscv,
  xtensa: maskXtensa,
};

/**
 * Makes code that has only moved look the same in both images, so that it is found.
 *
 * @param segments of the image whose bytes will be given
 * @returns undefined when there is nothing to mask
 */
export function normaliser(machine: Machine, segments: readonly Segment[]): Normalise | undefined {
  const mask = MASKERS[machine];
  if (mask === undefined || segments.length === 0) return undefined;
  const ranges = addressRanges(segments);
  return (bytes, fileAt) => {
    const end = fileAt + bytes.length;
    for (let i = firstEndingAfter(segments, fileAt); i < segments.length; i++) {
      const segment = segments[i]!;
      if (segment.fileAt >= end) break;
      const from = Math.max(segment.fileAt, fileAt);
      const to = Math.min(segment.fileAt + segment.size, end);
      mask(bytes, from - fileAt, to - fileAt, segment.address + (from - segment.fileAt), ranges.get(segment.unit)!);
    }
  };
}

function firstEndingAfter(segments: readonly Segment[], place: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { fileAt, size } = segments[middle]!;
    if (fileAt + size <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

function addressRanges(segments: readonly Segment[]): Map<number, AddressRange> {
  const ranges = new Map<number, AddressRange>();
  for (const { unit, address, size } of segments) {
    const { low, high } = ranges.get(unit) ?? { low: Number.MAX_SAFE_INTEGER, high: Number.MIN_SAFE_INTEGER };
    const isLoaded = address < UNLOADED_ADDRESS;
    ranges.set(unit, {
      low: isLoaded ? Math.min(low, address) : low,
      high: isLoaded ? Math.max(high, address + size) : high,
    });
  }
  return ranges;
}

import type { Device } from './device.js';
import { roundUp } from './layout.js';

/** The part of a device that writing flash needs. */
export type Flash = Pick<Device, 'machine' | 'layout'>;

/**
 * Makes sure that a flash file has at least `size` bytes, the new ones erased, in whole erase blocks: a write may not
 * leave a hole, and one that needs no space cannot fail for want of it.
 *
 * @returns whether it grew, and so needs a sync
 */
export async function growTo({ machine: { fs }, layout }: Flash, file: string, size: number): Promise<boolean> {
  const { eraseBlockBytes, erasedValue } = layout;
  const present = (await fs.size(file)) ?? 0;
  if (present >= size) return false;
  const blocksFrom = roundUp(present, eraseBlockBytes);
  if (present < blocksFrom) await fs.write(file, present, Buffer.alloc(blocksFrom - present, erasedValue));
  const end = roundUp(size, eraseBlockBytes);
  if (blocksFrom < end) await fs.erase(file, blocksFrom, end - blocksFrom);
  return true;
}

/** Reads flash; what was never written reads as erased. */
export async function readFlash(
  { machine: { fs }, layout }: Flash,
  file: string,
  into: Uint8Array,
  position: number,
): Promise<void> {
  const size = (await fs.size(file)) ?? 0;
  const got = position < size ? await fs.read(file, into, position) : 0;
  into.fill(layout.erasedValue, got);
}

/**
 * Brings bytes into an area of one erase block: left alone where they are there already, erased first unless it is.
 * Not synced.
 *
 * @param present what the area holds now
 * @param bytes   what it is to hold, at most as long as `present`; written up to the next write alignment
 * @returns bytes written, 0 where nothing had to be
 */
export async function writeBlock(
  flash: Flash,
  file: string,
  position: number,
  { present, bytes }: { present: Uint8Array; bytes: Uint8Array },
): Promise<number> {
  const {
    machine: { fs },
    layout: { eraseBlockBytes, erasedValue, writeAlignmentBytes },
  } = flash;
  const padded = padTo(writeAlignmentBytes, bytes, erasedValue);
  if (padded.equals(present.subarray(0, padded.length))) return 0;
  if (!isErased(present, erasedValue)) await fs.erase(file, position, eraseBlockBytes);
  if (!isErased(padded, erasedValue)) await fs.write(file, position, padded);
  return padded.length;
}

function padTo(alignmentBytes: number, bytes: Uint8Array, erasedValue: number): Buffer {
  const size = roundUp(bytes.byteLength, alignmentBytes);
  // Most blocks are full, and a copy of each would be memory that waits for the garbage collector.
  if (size === bytes.byteLength) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const padded = Buffer.alloc(size, erasedValue);
  padded.set(bytes);
  return padded;
}

export function isErased(bytes: Uint8Array, erasedValue: number): boolean {
  // All bytes are like the first if each is like the one before: one comparison of memory instead of a loop.
  if (bytes.byteLength > 0 && bytes[0] !== erasedValue) return false;
  return bytes.byteLength < 2 || Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
}

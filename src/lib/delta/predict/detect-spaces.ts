import type { ImageBytes } from '../image/image-bytes.js';
import type { AddressSpaces, Machine, Segment } from './address-space.js';
import { baseAddress } from './detect/base-address.js';
import { embeddedFiles } from './detect/embedded-files.js';
import type { LoadedFile } from './detect/loaded-file.js';
import { machineByOpcodes } from './detect/opcode-votes.js';

export interface DetectOptions {
  /** The instruction set, for images that do not tell. */
  readonly machine?: Machine;
  /** Address of the first byte of a flat image. */
  readonly baseAddress?: number;
}

/** Stretches between executables that are shorter hold no code of their own. */
const MIN_FLAT_BYTES = 64 * 1024;

/**
 * Finds out for which machine two images are and to which addresses their parts are loaded: from
 * the headers of the executables in them, else from their instructions and pointers.
 *
 * What it finds decides only how small a patch becomes, never whether it is right.
 */
export function detectSpaces(old: ImageBytes, target: ImageBytes, options: DetectOptions = {}): AddressSpaces {
  const files = { old: embeddedFiles(old), new: embeddedFiles(target) };
  const machine = options.machine ?? machineOf(target, files.new);
  if (machine === 'none') return { machine, old: [], new: [] };
  const isFlat = loadedBytes(files.new) < target.size / 2;
  const bases = isFlat ? basesOf(old, target, machine, options) : { old: 0, new: 0 };
  return {
    machine,
    old: segments(old, machine, files.old, bases.old),
    new: segments(target, machine, files.new, bases.new),
  };
}

/** The machine of most bytes of executables; that of the instructions where executables are a small part of the image. */
function machineOf(image: ImageBytes, files: readonly LoadedFile[]): Machine {
  const bytes = new Map<Machine, number>();
  for (const file of files) bytes.set(file.machine, (bytes.get(file.machine) ?? 0) + loadedBytes([file]));
  const ofFiles = [...bytes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'none';
  if (loadedBytes(files) >= image.size / 16) return ofFiles;
  const ofOpcodes = machineByOpcodes(image);
  return ofOpcodes === 'none' ? ofFiles : ofOpcodes;
}

function loadedBytes(files: readonly LoadedFile[]): number {
  let bytes = 0;
  for (const { units } of files) for (const range of units.flat()) bytes += range.size;
  return bytes;
}

function basesOf(
  old: ImageBytes,
  target: ImageBytes,
  machine: Machine,
  options: DetectOptions,
): { old: number; new: number } {
  if (options.baseAddress !== undefined) return { old: options.baseAddress, new: options.baseAddress };
  const ofNew = baseAddress(target, machine);
  const ofOld = baseAddress(old, machine);
  return { old: ofOld ?? ofNew ?? 0, new: ofNew ?? ofOld ?? 0 };
}

/** The units of the executables, and as one more what lies between them. */
function segments(image: ImageBytes, machine: Machine, files: readonly LoadedFile[], base: number): Segment[] {
  const ranges: Segment[] = [];
  let unit = 1;
  for (const file of files) {
    if (file.machine !== machine) continue;
    for (const loaded of file.units) {
      for (const range of loaded) ranges.push({ ...range, unit });
      unit++;
    }
  }
  ranges.sort((a, b) => a.fileAt - b.fileAt);
  let flatAt = 0;
  for (const { fileAt, size } of [...ranges, { fileAt: image.size, size: 0 }]) {
    if (fileAt - flatAt >= MIN_FLAT_BYTES || (fileAt > flatAt && ranges.length === 0)) {
      ranges.push({ fileAt: flatAt, address: base + flatAt, size: fileAt - flatAt, unit: 0 });
    }
    flatAt = fileAt + size;
  }
  return ranges.sort((a, b) => a.fileAt - b.fileAt);
}

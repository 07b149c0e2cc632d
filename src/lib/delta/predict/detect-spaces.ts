import type { ImageBytes } from '../image/image-bytes.js';
import type { AddressSpaces, Machine, Segment } from './address-space.js';
import { baseAddress } from './detect/base-address.js';
import { type EmbeddedFile, embeddedFiles } from './detect/embedded-files.js';
import { machineByOpcodes } from './detect/opcode-votes.js';

export interface DetectOptions {
  /** The instruction set, for images that do not tell. */
  readonly machine?: Machine;
  /** Address of the first byte of a flat image. */
  readonly baseAddress?: number;
  /** Distinct words that may tell that address, at most; see `baseAddress`. */
  readonly mostWords?: number;
}

/** The unit of what lies between executables. */
const FLAT_UNIT = 0;
/** Stretches between executables that are shorter hold no code of their own. */
const MIN_FLAT_BYTES = 64 * 1024;
/** The same within an executable. */
const MIN_OUTER_BYTES = 256;
/** Executables that are a smaller part of the image are taken for data: a kernel carries some of a page each. */
const MIN_FILES_SHARE = 1 / 256;
/** Where they are so much of it, code is looked for in them alone. */
const HOLDING_FILES_SHARE = 1 / 16;

/**
 * Finds out for which machine two images are and to which addresses their parts are loaded: from
 * the headers of the executables in them, else from their instructions and pointers.
 *
 * What it finds decides only how small a patch becomes, never whether it is right.
 */
export function detectSpaces(old: ImageBytes, target: ImageBytes, options: DetectOptions = {}): AddressSpaces {
  const files = { old: worthwhileFiles(old), new: worthwhileFiles(target) };
  const machine = options.machine ?? machineOf(target, files.new);
  if (machine === 'none') return { machine, old: [], new: [] };
  const isFlat = isFlatImage(target, files.new);
  const bases = isFlat ? basesOf(old, target, machine, options) : { old: 0, new: 0 };
  return {
    machine,
    old: segments(old, machine, files.old, bases.old),
    new: segments(target, machine, files.new, bases.new),
  };
}

function worthwhileFiles(image: ImageBytes): EmbeddedFile[] {
  const files = embeddedFiles(image);
  return loadedBytes(files) >= image.size * MIN_FILES_SHARE ? files : [];
}

/** The machine of most bytes of executables; that of the instructions where executables are a small part of the image. */
function machineOf(image: ImageBytes, files: readonly EmbeddedFile[]): Machine {
  const bytes = new Map<Machine, number>();
  for (const file of files) bytes.set(file.machine, (bytes.get(file.machine) ?? 0) + loadedBytes([file]));
  const ofFiles = [...bytes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'none';
  if (loadedBytes(files) >= image.size * HOLDING_FILES_SHARE) return ofFiles;
  const ofOpcodes = machineByOpcodes(image);
  return ofOpcodes === 'none' ? ofFiles : ofOpcodes;
}

/** Whether code lies outside of executables too; file systems hold executables and data. */
function isFlatImage(image: ImageBytes, files: readonly EmbeddedFile[]): boolean {
  const bytes = loadedBytes(files);
  const isPart = files.some(({ isPartOfFlat }) => isPartOfFlat);
  return bytes < image.size * HOLDING_FILES_SHARE || (isPart && bytes < image.size / 2);
}

function loadedBytes(files: readonly EmbeddedFile[]): number {
  let bytes = 0;
  for (const { units, isNested } of files) if (!isNested) for (const range of units.flat()) bytes += range.size;
  return bytes;
}

function basesOf(
  old: ImageBytes,
  target: ImageBytes,
  machine: Machine,
  options: DetectOptions,
): { old: number; new: number } {
  if (options.baseAddress !== undefined) return { old: options.baseAddress, new: options.baseAddress };
  const ofNew = baseAddress(target, machine, options.mostWords);
  const ofOld = baseAddress(old, machine, options.mostWords);
  return { old: ofOld ?? ofNew ?? 0, new: ofNew ?? ofOld ?? 0 };
}

/** The units of the executables, and as one more what lies between them. */
function segments(image: ImageBytes, machine: Machine, files: readonly EmbeddedFile[], base: number): Segment[] {
  const outer: Segment[] = [];
  const nested: Segment[] = [];
  let unit = FLAT_UNIT + 1;
  for (const file of files) {
    if (file.machine !== machine) continue;
    for (const ranges of file.units) {
      const ofFile = file.isPartOfFlat ? FLAT_UNIT : unit++;
      for (const range of ranges) (file.isNested ? nested : outer).push({ ...range, unit: ofFile });
    }
  }
  const flat = image.size === 0 ? [] : [{ fileAt: 0, address: base, size: image.size, unit: FLAT_UNIT }];
  return overlaid(overlaid(flat, outer, MIN_FLAT_BYTES), nested, MIN_OUTER_BYTES);
}

/**
 * What some segments leave of others, and themselves; all lists are sorted and do not overlap.
 *
 * @param minBytes shorter pieces are left out
 */
function overlaid(under: readonly Segment[], over: readonly Segment[], minBytes: number): Segment[] {
  if (over.length === 0) return [...under];
  const pieces: Segment[] = [...over];
  let next = 0;
  for (const { fileAt, address, size, unit } of under) {
    let from = fileAt;
    while (from < fileAt + size) {
      while (next < over.length && over[next]!.fileAt + over[next]!.size <= from) next++;
      const cover = over[next] ?? { fileAt: Number.MAX_SAFE_INTEGER, size: 0 };
      const to = Math.min(fileAt + size, Math.max(from, cover.fileAt));
      if (to - from >= minBytes)
        pieces.push({ fileAt: from, address: address + (from - fileAt), size: to - from, unit });
      from = Math.max(to, Math.min(fileAt + size, cover.fileAt + cover.size));
    }
  }
  return pieces.sort((a, b) => a.fileAt - b.fileAt);
}

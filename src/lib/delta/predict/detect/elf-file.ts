import type { Machine } from '../address-space.js';
import type { ImageFields } from './image-fields.js';
import { cutRanges, type LoadedFile, type LoadedRange, mergedRanges, UNLOADED_ADDRESS } from './loaded-file.js';

/** More program headers than this are no executable of the field. */
const MAX_PROGRAM_HEADERS = 64;
/** More sections than this are not read (a module built with a section for each function has some thousand). */
const MAX_SECTIONS = 8192;
const PT_LOAD = 1;
const PT_GNU_EH_FRAME = 0x6474e550;
const ET_REL = 1;
const SHT_PROGBITS = 1;
const SHT_SYMTAB = 2;
const SHF_EXECINSTR = 4;

/** `e_machine` of the System V ABI and its supplements. */
const ELF_MACHINES: ReadonlyMap<number, Machine> = new Map([
  [40, 'thumb'],
  [62, 'x86-64'],
  [94, 'xtensa'],
  [183, 'aarch64'],
  [243, 'riscv'],
]);

interface Header {
  readonly at: number;
  readonly wide: boolean;
  readonly relocatable: boolean;
  readonly machine: Machine;
}

interface Section {
  readonly type: number;
  readonly flags: number;
  readonly fileAt: number;
  readonly size: number;
}

/**
 * Reads the headers of a little-endian ELF file.
 *
 * The loaded segments of an executable are one unit. A relocatable object (`.o`, `.ko`) is one range
 * whose code begins at address 0.
 *
 * @param at first byte of the file in the image
 * @returns undefined when it is none, or one whose headers contradict the image
 */
export function elfFile(fields: ImageFields, at: number): LoadedFile | undefined {
  if (fields.u32(at) !== 0x464c457f || fields.u8(at + 5) !== 1) return undefined;
  const bits = fields.u8(at + 4);
  const type = fields.u16(at + 16);
  if ((bits !== 1 && bits !== 2) || !(type >= 1 && type <= 3)) return undefined;
  const machine = ELF_MACHINES.get(fields.u16(at + 18)) ?? 'none';
  const header: Header = { at, wide: bits === 2, relocatable: type === ET_REL, machine };
  return header.relocatable ? objectFile(fields, header) : executable(fields, header);
}

function executable(fields: ImageFields, header: Header): LoadedFile | undefined {
  const { at, wide } = header;
  const tableAt = at + (wide ? fields.i64(at + 32) : fields.u32(at + 28));
  const entryBytes = fields.u16(at + (wide ? 54 : 42));
  const count = fields.u16(at + (wide ? 56 : 44));
  if (entryBytes !== (wide ? 56 : 32) || !(count >= 1 && count <= MAX_PROGRAM_HEADERS)) return undefined;
  const ranges: LoadedRange[] = [];
  let endAt = tableAt + count * entryBytes;
  let unwindTableAt = -1;
  for (let entryAt = tableAt; entryAt < tableAt + count * entryBytes; entryAt += entryBytes) {
    const type = fields.u32(entryAt);
    const fileAt = at + (wide ? fields.i64(entryAt + 8) : fields.u32(entryAt + 4));
    if (type === PT_GNU_EH_FRAME) unwindTableAt = fileAt;
    if (type !== PT_LOAD) continue;
    const address = wide ? fields.i64(entryAt + 16) : fields.u32(entryAt + 8);
    const size = wide ? fields.i64(entryAt + 32) : fields.u32(entryAt + 16);
    if (!isInside(fields, at, fileAt, size) || !Number.isSafeInteger(address + size)) return undefined;
    if (size > 0) ranges.push({ fileAt, address, size });
    endAt = Math.max(endAt, fileAt + size);
  }
  if (ranges.length === 0 || !(endAt <= fields.image.size)) return undefined;
  // the per-cpu segment of a kernel lies at address 0, where any small number would look like a pointer
  const isKernel = ranges.some((range) => range.address < 0);
  const loaded = mergedRanges(ranges.filter((range) => !isKernel || range.address < 0));
  const symbols = sections(fields, header).filter((section) => section.type === SHT_SYMTAB && section.fileAt >= endAt);
  const unloaded = symbols.map(({ fileAt, size }) => ({ fileAt, address: UNLOADED_ADDRESS + (fileAt - at), size }));
  for (const { fileAt, size } of unloaded) endAt = Math.max(endAt, fileAt + size);
  return { machine: header.machine, endAt, units: [cutRanges(mergedRanges([...loaded, ...unloaded]), unwindTableAt)] };
}

/** One range: most addresses in an object file are places in its code, and its headers hold places in the file. */
function objectFile(fields: ImageFields, header: Header): LoadedFile | undefined {
  const { at } = header;
  const all = sections(fields, header);
  const code = all.find((section) => section.type === SHT_PROGBITS && (section.flags & SHF_EXECINSTR) !== 0);
  if (code === undefined) return undefined;
  const endAt = all.reduce(
    (end, section) => Math.max(end, section.fileAt + section.size),
    sectionTable(fields, header).endAt,
  );
  return { machine: header.machine, endAt, units: [[{ fileAt: at, address: at - code.fileAt, size: endAt - at }]] };
}

/** The sections that have bytes in the file; none when the table contradicts the image. */
function sections(fields: ImageFields, header: Header): Section[] {
  const { at, wide } = header;
  const { tableAt, entryBytes, endAt } = sectionTable(fields, header);
  const found: Section[] = [];
  for (let entryAt = tableAt; entryAt < endAt; entryAt += entryBytes) {
    const type = fields.u32(entryAt + 4);
    const fileAt = at + (wide ? fields.i64(entryAt + 24) : fields.u32(entryAt + 16));
    const size = wide ? fields.i64(entryAt + 32) : fields.u32(entryAt + 20);
    const isStored = type !== 0 && type !== 8;
    if (isStored && !isInside(fields, at, fileAt, size)) return [];
    if (isStored) found.push({ type, flags: fields.u32(entryAt + 8), fileAt, size });
  }
  return found;
}

/** Where the table of sections is; empty when there is none inside the image. */
function sectionTable(
  fields: ImageFields,
  { at, wide }: Header,
): { tableAt: number; entryBytes: number; endAt: number } {
  const tableAt = at + (wide ? fields.i64(at + 40) : fields.u32(at + 32));
  const entryBytes = fields.u16(at + (wide ? 58 : 46));
  const count = fields.u16(at + (wide ? 60 : 48));
  const isTable =
    entryBytes === (wide ? 64 : 40) && count <= MAX_SECTIONS && isInside(fields, at, tableAt, count * entryBytes);
  return isTable
    ? { tableAt, entryBytes, endAt: tableAt + count * entryBytes }
    : { tableAt: at, entryBytes, endAt: at };
}

function isInside(fields: ImageFields, at: number, fileAt: number, size: number): boolean {
  return fileAt >= at && size >= 0 && fileAt + size <= fields.image.size;
}

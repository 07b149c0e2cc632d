import type { Machine } from '../address-space.js';
import type { ImageFields } from './image-fields.js';
import { type LoadedFile, type LoadedRange, mergedRanges } from './loaded-file.js';

/** The Windows loader accepts 96 sections. */
const MAX_SECTIONS = 96;
/** `Machine` of the PE/COFF file header. */
const PE_MACHINES: ReadonlyMap<number, Machine> = new Map([
  [0x01c2, 'thumb'],
  [0x01c4, 'thumb'],
  [0x5032, 'riscv'],
  [0x5064, 'riscv'],
  [0x8664, 'x86-64'],
  [0xaa64, 'aarch64'],
]);
/** "ARM\x64" and "RSC\x05" of the boot images in Linux's Documentation/arch. */
const KERNEL_MAGICS: ReadonlySet<number> = new Set([0x644d5241, 0x05435352]);

/**
 * Reads the headers of a PE32 or PE32+ image (UEFI application, driver, GRUB): one unit, at its preferred base.
 *
 * @param at first byte of the file (`MZ`) in the image
 * @returns undefined when it is none, or one whose headers contradict the image
 */
export function peFile(fields: ImageFields, at: number): LoadedFile | undefined {
  if (fields.u16(at) !== 0x5a4d) return undefined;
  // a kernel's Image is flat, and has these headers only to be started by UEFI
  if (KERNEL_MAGICS.has(fields.u32(at + 56))) return undefined;
  const headerAt = at + fields.u32(at + 60);
  if (!(headerAt >= at + 64) || fields.u32(headerAt) !== 0x4550) return undefined;
  const machine = PE_MACHINES.get(fields.u16(headerAt + 4)) ?? 'none';
  const count = fields.u16(headerAt + 6);
  const optionalAt = headerAt + 24;
  const format = fields.u16(optionalAt);
  if (!(count >= 1 && count <= MAX_SECTIONS) || (format !== 0x10b && format !== 0x20b)) return undefined;
  const base = format === 0x20b ? fields.i64(optionalAt + 24) : fields.u32(optionalAt + 28);
  const headersBytes = fields.u32(optionalAt + 60);
  const tableAt = optionalAt + fields.u16(headerAt + 20);
  if (!isInside(fields, at, at, headersBytes) || Number.isNaN(base)) return undefined;
  const ranges: LoadedRange[] = [{ fileAt: at, address: base, size: headersBytes }];
  for (let entryAt = tableAt; entryAt < tableAt + count * 40; entryAt += 40) {
    const size = fields.u32(entryAt + 16);
    const fileAt = at + fields.u32(entryAt + 20);
    if (size === 0) continue;
    if (!isInside(fields, at, fileAt, size)) return undefined;
    ranges.push({ fileAt, address: base + fields.u32(entryAt + 12), size });
  }
  const endAt = Math.max(...ranges.map((range) => range.fileAt + range.size));
  if (!(tableAt + count * 40 <= endAt) || ranges.some((range) => !Number.isSafeInteger(range.address)))
    return undefined;
  return { machine, endAt, units: [mergedRanges(ranges)] };
}

function isInside(fields: ImageFields, at: number, fileAt: number, size: number): boolean {
  return fileAt >= at && size >= 0 && fileAt + size <= fields.image.size;
}

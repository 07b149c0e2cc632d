import type { Machine } from '../address-space.js';
import type { ImageFields } from './image-fields.js';
import { type LoadedFile, type LoadedRange, mergedRanges } from './loaded-file.js';

const MAX_SEGMENTS = 16;
/** Of an ESP32 and later; that of an ESP8266 ends after 8 bytes. */
const EXTENDED_HEADER_BYTES = 24;
const ESP8266_HEADER_BYTES = 8;
/** Chips of the extended header whose cores are RISC-V: ESP32-C3, -C2, -C6, -H2, -P4, -C5, -C61. */
const RISCV_CHIPS: ReadonlySet<number> = new Set([5, 12, 13, 16, 18, 20, 23]);
/** ESP32, -S2, -S3. */
const XTENSA_CHIPS: ReadonlySet<number> = new Set([0, 2, 9]);

/**
 * Reads the headers of an Espressif firmware image (esp-idf, "App Image Format"): one unit.
 *
 * @param at first byte of the image (0xE9) in the file
 * @returns undefined when it is none, or one whose segments leave the file
 */
export function espImage(fields: ImageFields, at: number): LoadedFile | undefined {
  const count = fields.u8(at + 1);
  if (fields.u8(at) !== 0xe9 || !(count >= 1 && count <= MAX_SEGMENTS) || !(fields.u8(at + 2) <= 5)) return undefined;
  const chip = fields.u16(at + 12);
  const machine: Machine | undefined = XTENSA_CHIPS.has(chip) ? 'xtensa' : RISCV_CHIPS.has(chip) ? 'riscv' : undefined;
  const extended = machine === undefined ? undefined : segments(fields, at, at + EXTENDED_HEADER_BYTES, count);
  if (extended !== undefined) return loadedFile(machine!, extended);
  const short = segments(fields, at, at + ESP8266_HEADER_BYTES, count);
  // most of an ESP8266's program is mapped from flash as it lies there, without headers
  return short === undefined ? undefined : { ...loadedFile('xtensa', short), isPartOfFlat: true };
}

function segments(fields: ImageFields, at: number, firstAt: number, count: number): LoadedRange[] | undefined {
  const ranges: LoadedRange[] = [];
  let headerAt = firstAt;
  for (let i = 0; i < count; i++) {
    const address = fields.u32(headerAt);
    const size = fields.u32(headerAt + 4);
    const fileAt = headerAt + 8;
    if (size % 4 !== 0 || address % 4 !== 0 || !(fileAt + size <= fields.image.size)) return undefined;
    // memories of all chips lie from 0x3c000000 (data in flash) to 0x60100000 (memory of the slow clock domain)
    const isPadding = address === 0;
    if (!isPadding && !(address >= 0x3c000000 && address < 0x60200000)) return undefined;
    if (!isPadding && size > 0) ranges.push({ fileAt, address, size });
    headerAt = fileAt + size;
  }
  return ranges.length === 0 || at >= headerAt ? undefined : ranges;
}

function loadedFile(machine: Machine, ranges: LoadedRange[]): LoadedFile {
  const last = ranges.at(-1)!;
  return { machine, endAt: last.fileAt + last.size, units: [mergedRanges(ranges)] };
}

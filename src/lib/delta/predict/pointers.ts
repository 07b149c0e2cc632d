import type { ReferenceFinder, ReferenceForm } from './reference-form.js';
import { readWord32, readWord64, writeWord32, writeWord64 } from './words.js';

/** An address in a word of 32 bits, as unsigned number. */
export const POINTER_32: ReferenceForm = {
  bytes: 4,
  certain: false,
  read: (bytes, at) => readWord32(bytes, at) >>> 0,
  write: (bytes, at, _address, target) => writeWord32(bytes, at, target | 0),
};

/** An address in a word of 64 bits. */
export const POINTER_64: ReferenceForm = {
  bytes: 8,
  certain: false,
  read: readWord64,
  write: (bytes, at, _address, target) => writeWord64(bytes, at, target),
};

/** The distance from the word itself, in 32 bits: exception tables, symbol tables, unwind information, jump tables. */
export const RELATIVE_32: ReferenceForm = {
  bytes: 4,
  certain: false,
  read: (bytes, at, address) => address + readWord32(bytes, at),
  write: (bytes, at, address, target) => writeWord32(bytes, at, (target - address) | 0),
};

/** Every word of 64 bits at an aligned address that is not zero. */
export const findPointers64: ReferenceFinder = (bytes, from, to, address, visitor, end) => {
  const last = Math.min(to - 8, end - 1);
  for (let at = from + (-address & 7); at <= last; at += 8) {
    if (readWord32(bytes, at) !== 0 || readWord32(bytes, at + 4) !== 0) visitor.visit(POINTER_64, at, at);
  }
};

function relativeToBase(base: 'segment' | 'image'): ReferenceForm {
  return {
    bytes: 4,
    certain: false,
    base,
    read: (bytes, at, baseAddress) => baseAddress + readWord32(bytes, at),
    write: (bytes, at, baseAddress, target) => writeWord32(bytes, at, (target - baseAddress) | 0),
  };
}

/** The distance from the start of the segment, in 32 bits: the table of `.eh_frame_hdr`. */
export const SEGMENT_RELATIVE_32 = relativeToBase('segment');

/** The distance from where the image is loaded, in 32 bits: PE's relative addresses, a kernel's table of symbols. */
export const IMAGE_RELATIVE_32 = relativeToBase('image');

function everyWord32(form: ReferenceForm): ReferenceFinder {
  return (bytes, from, to, address, visitor, end) => {
    const last = Math.min(to - 4, end - 1);
    for (let at = from + (-address & 3); at <= last; at += 4) {
      if (readWord32(bytes, at) !== 0) visitor.visit(form, at, at);
    }
  };
}

/** Every word of 32 bits at an aligned address that is not zero. */
export const findPointers32 = everyWord32(POINTER_32);
export const findRelative32 = everyWord32(RELATIVE_32);
export const findSegmentRelative32 = everyWord32(SEGMENT_RELATIVE_32);
export const findImageRelative32 = everyWord32(IMAGE_RELATIVE_32);

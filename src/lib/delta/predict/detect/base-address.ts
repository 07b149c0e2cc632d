import { type ImageBytes, MAX_VIEW_BYTES } from '../../image/image-bytes.js';
import type { Machine } from '../address-space.js';
import { FUNCTION_START_BYTES, isFunctionStart } from './function-starts.js';

/** Flat images are loaded to a multiple of this: a page of flash, or of memory for those of some megabytes. */
const SMALL_GRANULE_BYTES = 256;
const LARGE_GRANULE_BYTES = 4096;
const LARGE_IMAGE_BYTES = 2 ** 20;
/** Pointers that vote, at most, spread evenly over those found. */
const MAX_POINTERS = 2 ** 14;
const WORDS_A_POINTER = 2 ** 6;
/** Distinct words that are looked at, at most. */
export const MAX_WORDS = MAX_POINTERS * WORDS_A_POINTER;
/** Larger images are looked at in blocks of this size, spread evenly, that make up so much together. */
const LOOKED_AT_BYTES = 4 * 1024 * 1024;
const LOOKED_AT_BLOCK_BYTES = 16 * 1024;
/** Regions of the address space, as large as the image, that are counted, and those whose words vote. */
const MAX_REGIONS = 2 ** 16;
const DENSE_REGIONS = 4;
/** First instructions that are voted for, at most, the first of the image. */
const MAX_STARTS = 2 ** 17;
/** Of them those whose places end in the same bits, at most: runs of equal bytes must not cost quadratic time. */
const MAX_STARTS_ALIKE = 1024;
/** Fewer votes than this may be chance. */
const MIN_VOTES = 8;

/** How a machine stores addresses of functions, and where functions can begin. */
interface PointerShape {
  readonly bytes: 4 | 8;
  /** Added to the address of a function. */
  readonly tag: number;
  readonly alignment: number;
}

const POINTERS: Readonly<Record<Exclude<Machine, 'none'>, readonly PointerShape[]>> = {
  thumb: [{ bytes: 4, tag: 1, alignment: 2 }],
  arm: [{ bytes: 4, tag: 0, alignment: 4 }],
  aarch64: [{ bytes: 8, tag: 0, alignment: 4 }],
  'x86-64': [{ bytes: 8, tag: 0, alignment: 16 }],
  riscv: [
    { bytes: 4, tag: 0, alignment: 2 },
    { bytes: 8, tag: 0, alignment: 2 },
  ],
  xtensa: [{ bytes: 4, tag: 0, alignment: 4 }],
};

/**
 * Finds the address to which a flat image is loaded: the one at which most words that look like
 * pointers point to the first instruction of a function.
 *
 * @param mostWords distinct words that are looked at: what takes memory, some 64 bytes each
 * @returns undefined when no address stands out, as in images without absolute pointers
 */
export function baseAddress(image: ImageBytes, machine: Machine, mostWords = MAX_WORDS): number | undefined {
  if (machine === 'none') return undefined;
  for (const shape of POINTERS[machine]) {
    const base = votedBase(image, machine, shape, mostWords);
    if (base !== undefined) return base;
  }
  return undefined;
}

function votedBase(image: ImageBytes, machine: Machine, shape: PointerShape, mostWords: number): number | undefined {
  const granuleBytes = image.size >= LARGE_IMAGE_BYTES ? LARGE_GRANULE_BYTES : SMALL_GRANULE_BYTES;
  const starts = functionStarts(image, machine, shape.alignment, granuleBytes);
  const votes = new Map<number, number>();
  for (const pointer of codePointers(image, shape, mostWords)) {
    for (const start of starts.get(modulo(pointer, granuleBytes)) ?? []) {
      const base = pointer - start;
      votes.set(base, (votes.get(base) ?? 0) + 1);
    }
  }
  let winner: number | undefined;
  let [most, second] = [0, 0];
  for (const [base, count] of votes) {
    if (count > most) [winner, most, second] = [base, count, most];
    else if (count > second) second = count;
  }
  return most >= MIN_VOTES && most >= 2 * second ? winner : undefined;
}

/** Places of first instructions, by their remainder. */
function functionStarts(
  image: ImageBytes,
  machine: Machine,
  alignment: number,
  granuleBytes: number,
): Map<number, number[]> {
  const starts = new Map<number, number[]>();
  let count = 0;
  for (let viewAt = 0; viewAt < image.size; viewAt += MAX_VIEW_BYTES) {
    const view = image.view(viewAt, Math.min(MAX_VIEW_BYTES, image.size - viewAt));
    const bytes = new DataView(view.buffer, view.byteOffset, view.byteLength);
    for (let at = 0; at + FUNCTION_START_BYTES <= bytes.byteLength; at += alignment) {
      if (!isFunctionStart(machine, bytes, at)) continue;
      if (count++ >= MAX_STARTS) return starts;
      const low = (viewAt + at) % granuleBytes;
      const places = starts.get(low);
      if (places === undefined) starts.set(low, [viewAt + at]);
      else if (places.length < MAX_STARTS_ALIKE) places.push(viewAt + at);
    }
  }
  return starts;
}

/** Distinct words that may point to functions, without their tag, from where most words point to. */
function codePointers(image: ImageBytes, shape: PointerShape, mostWords: number): number[] {
  const regionBytes = 2 ** Math.max(20, Math.ceil(Math.log2(image.size)));
  const words = pointerLikeWords(image, shape);
  const regions = new Map<number, number>();
  for (let i = 0; i < words.length; i++) {
    const region = Math.floor(words[i]! / regionBytes);
    const count = regions.get(region);
    if (count !== undefined || regions.size < MAX_REGIONS) regions.set(region, (count ?? 0) + 1);
  }
  const dense = [...regions].sort((a, b) => b[1] - a[1]).slice(0, DENSE_REGIONS);
  const isDense = new Set(dense.map(([region]) => region));
  const found = new Set<number>();
  for (let i = 0; i < words.length && found.size < mostWords; i++) {
    if (isDense.has(Math.floor(words[i]! / regionBytes))) found.add(words[i]!);
  }
  const step = Math.ceil((found.size * WORDS_A_POINTER) / mostWords);
  return [...found].filter((_, i) => i % step === 0);
}

/** The aligned words that may be an address of an instruction, without their tag. */
function pointerLikeWords(image: ImageBytes, { bytes: width, tag, alignment }: PointerShape): Float64Array {
  const words = new Float64Array(Math.ceil(Math.min(image.size, LOOKED_AT_BYTES) / width));
  const stepBytes = LOOKED_AT_BLOCK_BYTES * Math.ceil(image.size / LOOKED_AT_BYTES);
  let count = 0;
  for (let blockAt = 0; blockAt < image.size; blockAt += stepBytes) {
    const view = image.view(blockAt, Math.min(LOOKED_AT_BLOCK_BYTES, image.size - blockAt));
    const bytes = new DataView(view.buffer, view.byteOffset, view.byteLength);
    for (let at = 0; at + width <= bytes.byteLength; at += width) {
      let word = bytes.getUint32(at, true);
      if (width === 8) {
        const high = bytes.getInt32(at + 4, true);
        // user space ends at 2^47 and kernels begin at -2^47 on all machines of 64 bits
        if (high < -0x8000 || high >= 0x8000) continue;
        word += high * 2 ** 32;
      }
      const target = word - tag;
      if (Math.abs(target) >= LARGE_GRANULE_BYTES && target % alignment === 0) words[count++] = target;
    }
  }
  return words.subarray(0, count);
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

import { OtaError } from '../core/errors.js';
import { filterBytes, keysPerLine, MAX_KEYS_PER_LINE } from './fingerprint-filter.js';
import { recordBytes, segmentBytes } from './segment-layout.js';
import type { StoreOptions } from './store.js';

/** One sixty-fourth of the window is what it may hold more than it must. */
const GENERATIONS = 64;
/** Each generation is an open file: with a thousand stores it is an eighth. */
const MAX_OPEN_GENERATIONS = 8_192;
const LEAST_GENERATIONS = 4;
/** Stores that one process has open: beyond, their files would be more than many systems allow. */
export const MAX_OPEN_STORES = MAX_OPEN_GENERATIONS / LEAST_GENERATIONS;
const MIN_GENERATION_KEYS = 256;
/** Larger ones take more memory until they are sealed. */
const MAX_GENERATION_KEYS = 2 ** 20;
/** Tags of generations have 8 bits: beyond 255 two of them would be taken for one, and an id come out twice. */
export const MAX_GENERATIONS = 240;
const MAX_WINDOW_KEYS = 2 ** 28;
const MIN_WINDOW_BYTES = 2 ** 20;

export type WindowOptions = Pick<StoreOptions, 'window' | 'digestBytes' | 'memoryBytes' | 'generations'>;

/** What follows from the size of a window. */
export interface WindowPlan {
  /** A generation is closed by the first commit with which it has so many keys. */
  readonly generationKeys: number;
  /** Most keys that the window can hold. */
  readonly maxKeys: number;
  /** A log that gets longer, although its generation is not full, is written anew. */
  readonly maxLogBytes: number;
  /** How dense the filter is when the window is full. */
  readonly keysPerLine: number;
  /** Memory of filter, tables and directories. */
  readonly memoryBytes: number;
}

/** Into how many generations a window is divided where so many stores are open together, up to MAX_OPEN_STORES. */
export function generationsOfEach(stores: number): number {
  return Math.min(GENERATIONS, Math.max(LEAST_GENERATIONS, Math.floor(MAX_OPEN_GENERATIONS / stores)));
}

/**
 * Plans for fast look-ups, and makes the filter denser where the memory demands it.
 *
 * @throws OtaError LIMIT_EXCEEDED if the window is larger or smaller than the store can do, or needs more memory
 */
export function planWindow({ window, digestBytes, memoryBytes = Infinity, generations }: WindowOptions): WindowPlan {
  const { maxKeys, generationKeys, maxLogBytes } =
    'keys' in window
      ? planKeys(window.keys, digestBytes, generations)
      : planBytes(window.bytes, digestBytes, generations);
  const otherBytes = memoryBesideFilter(maxKeys, generationKeys, digestBytes);
  const fitting = keysPerLine(maxKeys, memoryBytes - otherBytes);
  if (fitting === undefined) {
    const least = otherBytes + filterBytes(maxKeys, MAX_KEYS_PER_LINE);
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `the window of ${maxKeys} keys needs ${least} bytes of memory, got ${memoryBytes}`,
      ['Allow more memory, choose a smaller window, or spread the store over machines by partitions.'],
    );
  }
  const neededBytes = otherBytes + filterBytes(maxKeys, fitting);
  return { generationKeys, maxKeys, maxLogBytes, keysPerLine: fitting, memoryBytes: neededBytes };
}

type Sizes = Pick<WindowPlan, 'generationKeys' | 'maxKeys' | 'maxLogBytes'>;

function planKeys(keys: number, digestBytes: 0 | 8, generations?: number): Sizes {
  if (!(keys >= 1 && keys <= MAX_WINDOW_KEYS)) throw outOfRange('keys', keys, 1, MAX_WINDOW_KEYS);
  const generationKeys = generationSize(keys, generations);
  const maxKeys = keys + 3 * generationKeys;
  const maxLogBytes = 2 * generationKeys * (16 + digestBytes) + 2 ** 20;
  return { generationKeys, maxKeys, maxLogBytes };
}

function planBytes(bytes: number, digestBytes: 0 | 8, generations?: number): Sizes {
  if (!(bytes >= MIN_WINDOW_BYTES)) throw outOfRange('bytes', bytes, MIN_WINDOW_BYTES, Number.MAX_SAFE_INTEGER);
  const maxKeys = Math.ceil(bytes / recordBytes({ directoryBits: 16, digestBytes }));
  if (maxKeys > MAX_WINDOW_KEYS) throw outOfRange('bytes', bytes, MIN_WINDOW_BYTES, MAX_WINDOW_KEYS * 14);
  const generationKeys = generationSize(maxKeys, generations);
  const maxLogBytes = generationKeys * (16 + digestBytes) + Math.floor(bytes / 32);
  return { generationKeys, maxKeys, maxLogBytes };
}

function generationSize(keys: number, generations = GENERATIONS): number {
  const size = Math.min(Math.max(Math.ceil(keys / generations), MIN_GENERATION_KEYS), MAX_GENERATION_KEYS);
  return Math.max(size, Math.ceil(keys / (MAX_GENERATIONS - 2 * GENERATIONS)));
}

function memoryBesideFilter(maxKeys: number, generationKeys: number, digestBytes: 0 | 8): number {
  const slotBytes = 4 * 2 ** Math.ceil(Math.log2(generationKeys * 2.5));
  const tableBytes = generationKeys * 1.25 * (16 + digestBytes) + slotBytes;
  const directoryBytes = segmentBytes(generationKeys, digestBytes) - generationKeys * (14 + digestBytes);
  const generations = Math.ceil(maxKeys / generationKeys);
  // Two generations in memory, and one that is being packed
  const packingBytes = segmentBytes(generationKeys, digestBytes);
  return Math.ceil(2 * tableBytes + packingBytes + generations * directoryBytes);
}

function outOfRange(unit: string, got: number, least: number, most: number): OtaError {
  return new OtaError('LIMIT_EXCEEDED', `window: ${got} ${unit}, expected ${least} to ${most}`, [
    'Choose another window, or spread the store over more partitions.',
  ]);
}

import type { Transform } from 'node:stream';
import { OtaError } from '../../core/errors.js';
import type { Effort } from '../formats.js';
import { trimLzma } from './lzma-trim.js';

const LIBRARY: string = 'lzma-native'; // optional: looked for when it is used

/** What is used of it. */
interface LzmaLibrary {
  FILTER_LZMA1: string;
  createStream(coder: 'rawEncoder', options: object): Transform;
}

/** A dictionary of at most 4 MiB is what a device has to hold. */
const MAX_DICTIONARY_BITS = 22;
const MIN_DICTIONARY_BITS = 12;
/** Dictionaries below this save no memory that would count. */
const LEAST_SAVING_BITS = 16;

/** Differences are mostly zeros: contexts of one byte before and no position pack them best. */
const LC = 1;
const LP = 0;
const PB = 0;

/** The match finder BT4 of liblzma. */
const BT4 = 0x14;
const NORMAL_MODE = 2;
const SEARCH: Record<Effort, { niceLen: number; depth: number }> = {
  fast: { niceLen: 32, depth: 8 },
  normal: { niceLen: 64, depth: 48 },
  best: { niceLen: 273, depth: 512 },
};

/** What the match finder takes for each byte of dictionary, and liblzma in any case, bytes: measured and rounded up. */
const BYTES_OF_DICTIONARY = 12;
const FIXED_BYTES = 14 * 1024 * 1024;

/** Packs one LZMA stream of a patch. */
export interface LzmaEncoder {
  /** Takes the bytes to pack, gives raw LZMA1. */
  stream: Transform;
  /**
   * @param packed what `stream` gave
   * @param decodedBytes what it was given
   * @returns the stream as patches have it: a byte of properties, one of the dictionary's size, raw LZMA1 without end marker
   */
  finish(packed: Uint8Array, decodedBytes: number): Uint8Array[];
}

/**
 * log2 of the usual dictionary for a stream, then of those that take less memory.
 *
 * @param size of the stream, bytes
 */
export function lzmaDictionaries(size: number): number[] {
  let bits = MIN_DICTIONARY_BITS;
  while (bits < MAX_DICTIONARY_BITS && 2 ** bits < size) bits++;
  const dictionaries = [bits];
  while (--bits >= LEAST_SAVING_BITS) dictionaries.push(bits);
  return dictionaries;
}

/** The most that an encoder takes, bytes. */
export function lzmaEncoderBytes(dictionaryBits: number): number {
  return FIXED_BYTES + BYTES_OF_DICTIONARY * 2 ** dictionaryBits;
}

/**
 * @param dictBits log2 of the dictionary's size
 * @throws OtaError TOOL_MISSING when the optional library is not installed
 */
export async function lzmaEncoder(effort: Effort, dictBits: number): Promise<LzmaEncoder> {
  const { default: lzma } = await library();
  const dictionaryBytes = 2 ** dictBits;
  const options = { mode: NORMAL_MODE, mf: BT4, ...SEARCH[effort], dictSize: dictionaryBytes, lc: LC, lp: LP, pb: PB };
  return {
    stream: lzma.createStream('rawEncoder', { filters: [{ id: lzma.FILTER_LZMA1, options }] }),
    finish: (packed, decodedBytes) => [
      Uint8Array.of((PB * 5 + LP) * 9 + LC, dictBits),
      trimLzma(packed, { lc: LC, lp: LP, pb: PB, dictionaryBytes, decodedBytes }),
    ],
  };
}

async function library(): Promise<{ default: LzmaLibrary }> {
  return await import(LIBRARY).catch((error: unknown) => {
    throw new OtaError(
      'TOOL_MISSING',
      `The optional library ${LIBRARY}, which packs LZMA, is not usable here`,
      ['Use --coder mix or --coder brotli, which need no library.', `Run \`npm install ${LIBRARY}\`.`],
      { cause: error },
    );
  });
}

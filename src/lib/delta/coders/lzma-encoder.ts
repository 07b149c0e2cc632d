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
 * @param sizeHint bytes that will be packed, about
 * @throws OtaError TOOL_MISSING when the optional library is not installed
 */
export async function lzmaEncoder(effort: Effort, sizeHint: number): Promise<LzmaEncoder> {
  let dictBits = MIN_DICTIONARY_BITS;
  while (dictBits < MAX_DICTIONARY_BITS && 2 ** dictBits < sizeHint) dictBits++;
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

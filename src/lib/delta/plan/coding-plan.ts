import { type BrotliSetting, brotliEncoderBytes, brotliSettings } from '../coders/brotli-encoder.js';
import { lzmaDictionaries, lzmaEncoderBytes } from '../coders/lzma-encoder.js';
import { mixMemoryBytes, tableBitsFor } from '../coders/mix/mix-model.js';
import type { Coder, Effort } from '../formats.js';

/** How the body of an otad patch is packed. */
export type Coding =
  | { coder: 'none' }
  | { coder: 'brotli'; setting: BrotliSetting }
  | { coder: 'lzma'; effort: Effort; dictionaryBits: number }
  | { coder: 'mix'; tableBits: number };

/** What is not packed is held until it is whole: the new image, and the kinds of its blocks. */
const STORED_TIMES = 1.05;

/** One way to do something, */
export interface Way<T> {
  how: T;
  /** what it takes, bytes, */
  memoryBytes: number;
  /** and what a publisher is told when it is not the usual one. */
  told: string;
}

/** All ways to pack with a coder: the usual one, then cheaper and cheaper ones. */
export function codings(coder: Coder, effort: Effort, targetBytes: number): Way<Coding>[] {
  switch (coder) {
    case 'none':
      return [{ how: { coder }, memoryBytes: Math.ceil(STORED_TIMES * targetBytes), told: '' }];
    case 'brotli':
      return brotliSettings(effort, targetBytes).map((setting) => ({
        how: { coder, setting },
        memoryBytes: brotliEncoderBytes(setting, targetBytes),
        told: `brotli has level ${setting.quality} and a window of 2^${setting.windowBits} bytes`,
      }));
    case 'lzma':
      return lzmaDictionaries(targetBytes).map((dictionaryBits) => ({
        how: { coder, effort, dictionaryBits },
        memoryBytes: lzmaEncoderBytes(dictionaryBits),
        told: `LZMA has a dictionary of 2^${dictionaryBits} bytes`,
      }));
    case 'mix':
      return tableBitsFor(targetBytes).map((tableBits) => ({
        how: { coder, tableBits },
        memoryBytes: mixMemoryBytes(tableBits),
        told: `mix has 2^${tableBits} counters`,
      }));
  }
}

/** The first way that fits, with what is said of it where it is not the usual one; the last where none does. */
export function firstThatFits<T>(ways: readonly Way<T>[], memoryBytes: number): Way<T> {
  const found = ways.findIndex((way) => way.memoryBytes <= memoryBytes);
  if (found === 0) return { ...ways[0]!, told: '' };
  return ways.at(found)!;
}

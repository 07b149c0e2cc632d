import type { BitReader } from './bzip2-bits.js';
import { FAST_BITS, MAX_CODE_BITS, type PrefixCode, prefixCode } from './bzip2-huffman.js';

const GROUP_SYMBOLS = 50;
/** Symbols 0 and 1 are digits of a run's length. */
const RUN_B = 1;
const MAX_CODE_MASK = (1 << MAX_CODE_BITS) - 1;

/** Data that no bzip2 encoder makes; the message says what is wrong. */
export class Bzip2Error extends Error {
  override readonly name = 'Bzip2Error';
}

/** The parts of a block before its symbols. */
interface BlockTables {
  /** The byte values that occur, ascending. */
  alphabet: Uint8Array;
  /** Which code each group of 50 symbols uses. */
  selectors: Uint8Array;
  codes: PrefixCode[];
}

/**
 * Decodes one block up to the inverse Burrows-Wheeler transform.
 *
 * On return the low byte of `links[i]` is the byte at place i of the sorted
 * rotations and its upper 24 bits lead to the next byte's place; the run
 * lengths of the outermost layer are not undone yet.
 *
 * @param reader after the block's magic and checksum
 * @param links  room for the largest block of the stream
 * @returns how many links the block has, and where its first byte is linked from
 * @throws Bzip2Error
 * @see libbzip2 1.0.8, decompress.c
 */
export function decodeBlock(reader: BitReader, links: Uint32Array): { count: number; first: number } {
  if (reader.read(1) === 1) throw new Bzip2Error('a block uses the randomisation that no encoder has used since 1997');
  const origin = reader.read(24);
  const tables = readTables(reader);
  const occurrences = new Uint32Array(256);
  const count = decodeSymbols(reader, tables, links, occurrences);
  if (origin >= count) throw new Bzip2Error('a block starts outside itself');
  linkRotations(links, count, occurrences);
  return { count, first: links[origin]! >>> 8 };
}

function readTables(reader: BitReader): BlockTables {
  const alphabet = readAlphabet(reader);
  const codeCount = reader.read(3);
  if (codeCount < 2 || codeCount > 6) throw new Bzip2Error(`a block has ${codeCount} prefix codes, allowed are 2 to 6`);
  const selectors = readSelectors(reader, codeCount);
  const codes: PrefixCode[] = [];
  for (let i = 0; i < codeCount; i++) codes.push(readCode(reader, alphabet.length + 2));
  return { alphabet, selectors, codes };
}

function readAlphabet(reader: BitReader): Uint8Array {
  const alphabet: number[] = [];
  const ranges = reader.read(16);
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >>> range)) === 0) continue;
    const members = reader.read(16);
    for (let i = 0; i < 16; i++) if ((members & (0x8000 >>> i)) !== 0) alphabet.push(range * 16 + i);
  }
  if (alphabet.length === 0) throw new Bzip2Error('a block uses no byte value at all');
  return Uint8Array.from(alphabet);
}

function readSelectors(reader: BitReader, codeCount: number): Uint8Array {
  const selectors = new Uint8Array(reader.read(15));
  const order = [0, 1, 2, 3, 4, 5].slice(0, codeCount);
  for (let i = 0; i < selectors.length; i++) {
    let place = 0;
    while (reader.read(1) === 1)
      if (++place >= codeCount) throw new Bzip2Error('a block selects a prefix code it lacks');
    const [code] = order.splice(place, 1);
    order.unshift(code!);
    selectors[i] = code!;
  }
  return selectors;
}

function readCode(reader: BitReader, symbolCount: number): PrefixCode {
  const lengths = new Uint8Array(symbolCount);
  let length = reader.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    while (true) {
      if (length < 1 || length > 20) throw new Bzip2Error('a prefix code is not 1 to 20 bits long');
      if (reader.read(1) === 0) break;
      if (reader.overrun) throw new Bzip2Error('the data ends inside a block'); // or it would count up and down for ever
      length += reader.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  const code = prefixCode(lengths);
  if (code === undefined) throw new Bzip2Error('a prefix code has more symbols than bits');
  return code;
}

/**
 * Undoes the prefix codes, the zero runs and move-to-front; fills `links` with bytes.
 *
 * The reader's state lives in local variables here: this is where the time goes.
 */
function decodeSymbols(reader: BitReader, tables: BlockTables, links: Uint32Array, occurrences: Uint32Array): number {
  const { alphabet, selectors, codes } = tables;
  const { bytes } = reader;
  const endSymbol = alphabet.length + 1;
  const recent = alphabet.slice(); // the most recent byte first
  let { bits, count: bitCount, at } = reader;
  let count = 0;
  let run = 0;
  let runUnit = 1;
  for (let group = 0; group < selectors.length; group++) {
    if (at - 4 > bytes.length) throw new Bzip2Error('the data ends inside a block');
    const { fast, limits, bases, symbols } = codes[selectors[group]!]!;
    for (let i = 0; i < GROUP_SYMBOLS; i++) {
      while (bitCount < MAX_CODE_BITS) {
        bits = (bits << 8) | (at < bytes.length ? bytes[at]! : 0);
        at++;
        bitCount += 8;
      }
      const next = (bits >>> (bitCount - MAX_CODE_BITS)) & MAX_CODE_MASK;
      const entry = fast[next >>> (MAX_CODE_BITS - FAST_BITS)]!;
      let symbol = entry >>> 5;
      if (entry !== 0) {
        bitCount -= entry & 31;
      } else {
        let length = FAST_BITS + 1;
        while (length <= MAX_CODE_BITS && next >= limits[length]!) length++;
        if (length > MAX_CODE_BITS) throw new Bzip2Error('a block has bits that are no code');
        bitCount -= length;
        symbol = symbols[(next >>> (MAX_CODE_BITS - length)) - bases[length]!]!;
      }

      if (symbol <= RUN_B) {
        // a run is a number in bijective base 2; unchecked, it would overflow
        run += runUnit << symbol;
        runUnit <<= 1;
        if (run > links.length - count) throw new Bzip2Error('a run is longer than the block may be');
        continue;
      }
      if (run > 0) {
        const byte = recent[0]!;
        occurrences[byte]! += run;
        for (const end = count + run; count < end; count++) links[count] = byte;
        run = 0;
        runUnit = 1;
      }
      if (symbol === endSymbol) {
        reader.bits = bits;
        reader.count = bitCount;
        reader.at = at;
        return count;
      }
      if (count >= links.length) throw new Bzip2Error('a block is longer than the stream allows');
      const place = symbol - 1;
      const byte = recent[place]!;
      for (let p = place; p > 0; p--) recent[p] = recent[p - 1]!;
      recent[0] = byte;
      occurrences[byte]!++;
      links[count++] = byte;
    }
  }
  throw new Bzip2Error('a block has more symbols than selectors');
}

/** Puts into the upper 24 bits of each place where the rotation one byte further lies. */
function linkRotations(links: Uint32Array, count: number, occurrences: Uint32Array): void {
  const next = new Uint32Array(256);
  for (let byte = 1; byte < 256; byte++) next[byte] = next[byte - 1]! + occurrences[byte - 1]!;
  for (let i = 0; i < count; i++) {
    const byte = links[i]! & 0xff;
    links[next[byte]!++]! |= i << 8;
  }
}

import { inflateRawSync } from 'node:zlib';
import { Deflate } from 'pako';
import { EndsEarly } from '../codec.js';

/** The encoder whose output is pinned. */
export const DEFLATE_VERSION = 'pako 3.0.3';

/** Settings of a deflate encoder, as zlib's deflateInit2 takes them. */
export interface DeflateSettings {
  /**
   * Which encoder: zlib's own; GNU gzip's, which ends blocks and hashes in its own way; or that of Chromium's zlib,
   * which hashes four bytes. Node.js and pako itself have the last one.
   */
  encoder: (typeof ENCODERS)[number];
  /** 0 to 9. */
  level: number;
  /** 1 to 9. */
  memLevel: number;
  /** 8 to 15. */
  windowBits: number;
  /** 0 default, 1 filtered, 2 Huffman only, 3 run lengths, 4 fixed codes. */
  strategy: number;
}

/** By the number that settings have for them. */
const ENCODERS = ['zlib', 'gnu', 'chromium'] as const;

export const DEFLATE_SETTINGS_BYTES = 3;

export function writeDeflateSettings({ encoder, level, memLevel, windowBits, strategy }: DeflateSettings): Uint8Array {
  return Uint8Array.of(level * 16 + memLevel, windowBits * 16 + strategy, ENCODERS.indexOf(encoder));
}

/** @throws Error for settings that deflate does not have */
export function readDeflateSettings(bytes: Uint8Array): DeflateSettings {
  if (bytes.length < DEFLATE_SETTINGS_BYTES) throw new Error('no settings of deflate');
  const [levels, window, number] = bytes as unknown as [number, number, number];
  const encoder = ENCODERS[number];
  if (encoder === undefined) throw new Error('no encoder of deflate');
  const settings: DeflateSettings = {
    encoder,
    level: levels >> 4,
    memLevel: levels & 15,
    windowBits: window >> 4,
    strategy: window & 15,
  };
  const { level, memLevel, windowBits, strategy } = settings;
  const isKnown = level <= 9 && memLevel >= 1 && memLevel <= 9 && windowBits >= 9 && strategy <= 4;
  if (!isKnown) throw new Error('no settings of deflate');
  return settings;
}

const INFLATED_CHUNK_BYTES = 256 * 1024;
const DEFLATED_CHUNK_BYTES = 1024 * 1024;
const LEAST_CHUNK_BYTES = 1024;

/**
 * Decodes the raw deflate stream that bytes begin with.
 *
 * @returns the content and the length of the stream
 * @throws EndsEarly, Error
 */
export function inflateRaw(packed: Uint8Array, maxBytes: number): { content: Buffer; packedBytes: number } {
  try {
    const chunkSize = Math.max(LEAST_CHUNK_BYTES, Math.min(INFLATED_CHUNK_BYTES, maxBytes));
    const options = { maxOutputLength: maxBytes, info: true, chunkSize };
    // with `info`, the result is an object, which the types do not know
    const { buffer, engine } = inflateRawSync(packed, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { content: buffer, packedBytes: engine.bytesWritten };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'Z_BUF_ERROR') {
      throw new EndsEarly('the stream ends early', { cause: error });
    }
    throw error;
  }
}

/** What comes out is allocated in pieces, and a file system has thousands of streams: none is larger than it must be. */
function chunkBytes(content: Uint8Array, level: number): number {
  // what is only stored is cut by the room there is, so that this must stay as it is
  if (level === 0) return DEFLATED_CHUNK_BYTES;
  return Math.min(DEFLATED_CHUNK_BYTES, content.length + (content.length >> 8) + LEAST_CHUNK_BYTES);
}

/** Encodes raw deflate, as zlib, GNU gzip or Chromium's zlib would. */
export function deflateRaw(content: Uint8Array, settings: DeflateSettings): Uint8Array {
  const { encoder, level, memLevel, windowBits, strategy } = settings;
  const legacyHash = encoder !== 'chromium';
  const options = {
    level,
    memLevel,
    windowBits,
    strategy,
    raw: true,
    legacyHash,
    chunkSize: chunkBytes(content, level),
  };
  const deflate = new Deflate(options as ConstructorParameters<typeof Deflate>[0]);
  if (encoder === 'gnu') behaveLikeGnu((deflate as unknown as { strm: { state: DeflateState } }).strm, level);
  if (!deflate.push(content, true)) throw new Error(`deflate failed: ${deflate.msg}`);
  return deflate.result;
}

/** The part of zlib's `deflate_state` that matters here, under the names that zlib gave it. */
interface DeflateState {
  hash_bits: number;
  hash_size: number;
  hash_mask: number;
  hash_shift: number;
  head: Uint16Array;
  /** Bytes of symbols in the block so far, three for each, and how many end it. */
  sym_next: number;
  sym_end: number;
  /** Matches among them. */
  matches: number;
  dyn_dtree: Uint16Array;
  strstart: number;
  block_start: number;
}

const GNU_HASH_BITS = 15;
const SYMBOL_BYTES = 3;
/** Extra bits of each distance code. @see RFC 1951, section 3.2.5 */
const DISTANCE_EXTRA_BITS = Array.from({ length: 30 }, (_, code) => Math.max(0, (code >> 1) - 1));

/**
 * Gives zlib what GNU gzip has instead: hashes of 15 bits beside blocks of 32,768 symbols, and, from level 3 on, a
 * look after each 4,096 symbols whether the block is so dense already that a new one should begin.
 *
 * zlib has that look under the name TRUNCATE_BLOCK, and leaves it out.
 */
function behaveLikeGnu(stream: { state: DeflateState }, level: number): void {
  const { state } = stream;
  state.hash_bits = GNU_HASH_BITS;
  state.hash_size = 1 << GNU_HASH_BITS;
  state.hash_mask = state.hash_size - 1;
  state.hash_shift = GNU_HASH_BITS / 3;
  state.head = new Uint16Array(state.hash_size);
  if (level >= 3) stream.state = lookingState(state);
}

/**
 * The same state, whose `sym_end`, which is asked for after each symbol, ends the block where it is the bytes so far.
 *
 * The getter stands in a prototype, one for all: in place of the state's own field it makes everything three times slower.
 */
function lookingState({ sym_end, ...fields }: DeflateState): DeflateState {
  return Object.setPrototypeOf({ ...fields, full: sym_end }, LOOKING) as DeflateState;
}

const LOOKING = {
  get sym_end(): number {
    const state = this as unknown as DeflateState & { full: number };
    return isDenseEnough(state) ? state.sym_next : state.full;
  },
};

const LOOK_MASK = 0xfff;

function isDenseEnough(state: DeflateState): boolean {
  const symbols = state.sym_next / SYMBOL_BYTES;
  if ((symbols & LOOK_MASK) !== 0 || symbols === 0) return false;
  let bits = symbols * 8;
  for (let code = 0; code < 30; code++) bits += state.dyn_dtree[code * 2]! * (5 + DISTANCE_EXTRA_BITS[code]!);
  const from = state.strstart - state.block_start;
  return state.matches < symbols >> 1 && Math.floor(bits / 8) < from >> 1;
}

/**
 * Whether the beginning of a content packs to the beginning of a stream.
 *
 * @param stream the raw deflate data
 */
export function beginsAlike(settings: DeflateSettings, content: Uint8Array, stream: Uint8Array): boolean {
  const made = deflateRaw(content, settings);
  // the last block is another one where the content goes on; a block has at most 32,767 symbols of three bytes
  const length = Math.max(Math.min(made.length, 4096), made.length - 3 * 32_768);
  return Buffer.compare(made.subarray(0, length), stream.subarray(0, length)) === 0;
}

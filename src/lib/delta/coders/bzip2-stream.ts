import type { RandomAccess } from '../../core/random-access.js';
import type { PatchStream } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import { readExactly } from '../read-exactly.js';
import { BitReader } from './bzip2-bits.js';
import { Bzip2Error, decodeBlock } from './bzip2-block.js';
import { RunExpander } from './bzip2-runs.js';

const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;
const LEVEL_BYTES = 100_000;
const OUTPUT_CHUNK_BYTES = 128 * 1024;

/** No block is longer than this: 900,000 symbols of 20 bits, and its tables. */
const LONGEST_BLOCK_BYTES = 2_400_000;

/**
 * Decodes one bzip2 stream of a patch, a block at a time.
 *
 * It holds one block (at most 3.6 MB of links, 2.4 MB of input) and one chunk
 * of output, and decodes the next block only when it is asked for.
 *
 * @throws OtaError PATCH_INVALID: damaged or truncated data, a wrong checksum, bytes after the end
 * @see docs/decisions/0006-bzip2.md for why this is not a library
 */
export async function* bzip2Stream(
  patch: RandomAccess,
  stream: PatchStream,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new InputWindow(patch, stream);
  try {
    yield* decode(input);
  } catch (error) {
    if (!(error instanceof Bzip2Error)) throw error;
    throw invalidPatch(patch.name, `the ${stream.name} stream is not valid bzip2 data: ${error.message}`, {
      cause: error,
    });
  }
}

async function* decode(input: InputWindow): AsyncGenerator<Uint8Array, void, undefined> {
  const { reader } = input;
  await input.refill();
  const blockBytes = readStreamHeader(reader) * LEVEL_BYTES;
  const links = new Uint32Array(blockBytes);
  const out = new Uint8Array(OUTPUT_CHUNK_BYTES);
  let streamCrc = 0;
  while (true) {
    await input.refill();
    const magic = [reader.read(24), reader.read(24)];
    const crc = readCrc(reader);
    if (magic[0] === END_MAGIC[0] && magic[1] === END_MAGIC[1]) {
      if (reader.overrun) throw new Bzip2Error('the data ends early');
      if (crc !== streamCrc) throw new Bzip2Error('the checksum of the whole stream is wrong');
      input.requireEnd();
      return;
    }
    if (magic[0] !== BLOCK_MAGIC[0] || magic[1] !== BLOCK_MAGIC[1]) {
      throw new Bzip2Error(reader.overrun ? 'the data ends early' : 'a block does not start with its magic number');
    }
    const { count, first } = decodeBlock(reader, links);
    if (reader.overrun) throw new Bzip2Error('the data ends inside a block');
    const expander = new RunExpander(links, count, first);
    for (let length = expander.read(out); length > 0; length = expander.read(out)) yield out.subarray(0, length);
    if (expander.crc !== crc) throw new Bzip2Error('the checksum of a block is wrong');
    streamCrc = ((streamCrc << 1) | (streamCrc >>> 31)) ^ crc;
    streamCrc >>>= 0;
  }
}

function readStreamHeader(reader: BitReader): number {
  const magic = reader.read(24);
  const level = reader.read(8) - 0x30;
  if (reader.overrun || magic !== 0x425a68 || level < 1 || level > 9)
    throw new Bzip2Error('it does not start with BZh1 to BZh9');
  return level;
}

function readCrc(reader: BitReader): number {
  const high = reader.read(16);
  return ((high << 16) | reader.read(16)) >>> 0;
}

/** The next bytes of a stream: enough for the longest block, or all that is left. */
class InputWindow {
  readonly reader: BitReader;
  readonly #patch: RandomAccess;
  readonly #stream: PatchStream;
  readonly #bytes: Uint8Array;
  /** Bytes of the stream read so far. */
  #read = 0;

  constructor(patch: RandomAccess, stream: PatchStream) {
    this.#patch = patch;
    this.#stream = stream;
    this.#bytes = new Uint8Array(Math.min(stream.size, LONGEST_BLOCK_BYTES));
    this.reader = new BitReader(this.#bytes.subarray(0, 0));
  }

  async refill(): Promise<void> {
    const { reader } = this;
    const missing = this.#stream.size - this.#read;
    if (missing === 0) return;
    const kept = reader.bytes.length - reader.at;
    this.#bytes.copyWithin(0, reader.at, reader.bytes.length);
    const room = this.#bytes.subarray(kept, kept + missing);
    await readExactly(this.#patch, room, this.#stream.offset + this.#read);
    this.#read += room.length;
    reader.bytes = this.#bytes.subarray(0, kept + room.length);
    reader.at = 0;
  }

  /** Checks that the stream has no byte after the one the reader is in. */
  requireEnd(): void {
    const after = this.reader.bytes.length - this.reader.alignToByte() + this.#stream.size - this.#read;
    if (after > 0) throw new Bzip2Error(`${after} bytes follow its end`);
  }
}

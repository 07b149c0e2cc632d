import type { RandomAccess } from '../../core/random-access.js';
import type { PatchStream } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import { LzmaDecoder } from './lzma-decoder.js';
import { LzmaError, type LzmaParameters } from './lzma-model.js';
import { patchBytes } from './patch-bytes.js';

/** One byte of properties, one of the dictionary's size. */
export const LZMA_PREFIX_BYTES = 2;

/** The largest dictionary that a patch may ask for, as a power of two: 64 MiB. */
export const MAX_DICTIONARY_BITS = 26;

/** As xz has it, so that the probabilities take 28 KiB. */
const MOST_LITERAL_BITS = 4;

const READ_BYTES = 64 * 1024;

/** An LZMA stream does not say how much it makes, the container does. */
export interface LzmaPatchStream extends PatchStream {
  /** Bytes. */
  decodedBytes: number;
}

/**
 * Reads what an LZMA stream of a patch begins with: (pb × 5 + lp) × 9 + lc, as .lzma files do, then the power of two
 * that its dictionary has.
 *
 * @returns undefined when these are no such bytes, or ask for more than an applier has to hold
 */
export function parseLzmaPrefix(prefix: Uint8Array, decodedBytes: number): LzmaParameters | undefined {
  const [properties, dictionaryBits] = prefix;
  if (properties === undefined || dictionaryBits === undefined) return undefined;
  const lc = properties % 9;
  const lp = Math.floor(properties / 9) % 5;
  const pb = Math.floor(properties / 45);
  if (pb > 4 || lc + lp > MOST_LITERAL_BITS || dictionaryBits > MAX_DICTIONARY_BITS) return undefined;
  return { lc, lp, pb, dictionaryBytes: 2 ** dictionaryBits, decodedBytes };
}

/**
 * Decodes one LZMA stream of a patch: {@link LZMA_PREFIX_BYTES}, then raw LZMA1.
 *
 * @yields chunks of at most 64 KiB; each is valid until the next is asked for
 * @throws OtaError PATCH_INVALID: damaged or truncated data, bytes after its end
 */
export async function* lzmaStream(
  patch: RandomAccess,
  stream: LzmaPatchStream,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* decode(patch, stream);
  } catch (error) {
    if (!(error instanceof LzmaError)) throw error;
    throw invalidPatch(patch.name, `the ${stream.name} stream is not valid LZMA data: ${error.message}`, {
      cause: error,
    });
  }
}

async function* decode(patch: RandomAccess, stream: LzmaPatchStream): AsyncGenerator<Uint8Array, void, undefined> {
  let decoder: LzmaDecoder | undefined;
  for await (const chunk of patchBytes(patch, stream)) {
    let input = chunk;
    if (decoder === undefined) {
      const parameters = parseLzmaPrefix(input, stream.decodedBytes);
      if (parameters === undefined) throw new LzmaError('its properties are unknown');
      decoder = new LzmaDecoder(parameters);
      input = input.subarray(LZMA_PREFIX_BYTES);
    }
    while (input.length > 0) {
      const taken = decoder.push(input);
      input = input.subarray(taken);
      let made = decoder.read(READ_BYTES);
      if (made.length === 0 && taken === 0) throw new LzmaError('it goes on after its last byte');
      for (; made.length > 0; made = decoder.read(READ_BYTES)) yield made;
    }
  }
  if (decoder === undefined) throw new LzmaError('the data ends early');
  decoder.end();
  for (let made = decoder.read(READ_BYTES); made.length > 0; made = decoder.read(READ_BYTES)) yield made;
  decoder.finish();
}

import { LzmaDecoder } from './lzma-decoder.js';
import type { LzmaParameters } from './lzma-model.js';

const READ_BYTES = 64 * 1024;

/**
 * Takes the end marker off a raw LZMA1 stream, about five bytes: liblzma always writes one, and a stream whose decoded
 * size is known needs none.
 *
 * What is left after the last symbol, read as one number, is lowered to the least that decodes to the same. There the
 * range coder's code is zero, so that decoders can tell that the stream is whole.
 *
 * @param packed of exactly `decodedBytes` bytes
 * @throws LzmaError when it is not
 */
export function trimLzma(packed: Uint8Array, parameters: LzmaParameters): Uint8Array {
  const decoder = new LzmaDecoder(parameters);
  let pushed = decoder.push(packed);
  if (pushed === packed.length) decoder.end();
  while (decoder.read(READ_BYTES).length > 0 || decoder.left > 0) {
    if (pushed === packed.length) continue;
    pushed += decoder.push(packed.subarray(pushed));
    if (pushed === packed.length) decoder.end();
  }
  const trimmed = new Uint8Array(packed.subarray(0, pushed - decoder.unused)); // a Buffer's slice is no copy
  lower(trimmed, decoder.excess);
  return trimmed;
}

/** Subtracts a number of 32 bits from one of any length, the most significant byte first. */
function lower(bytes: Uint8Array, by: number): void {
  let left = by;
  for (let at = bytes.length - 1; left > 0; at--) {
    const difference = bytes[at]! - (left % 256);
    bytes[at] = difference;
    left = Math.floor(left / 256) + (difference < 0 ? 1 : 0);
  }
}

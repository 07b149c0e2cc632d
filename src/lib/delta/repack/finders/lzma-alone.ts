import { type ImageBytes, MAX_VIEW_BYTES } from '../../image/image-bytes.js';
import { EndsEarly } from '../codec.js';
import { ALONE_HEADER_BYTES, readAloneHeader } from '../lzma-parse/alone-header.js';
import { decodeLzma } from '../lzma-parse/decode-lzma.js';
import type { FoundStream, StreamFinder } from '../stream-finder.js';

/** lc 3, lp 0, pb 2, which encoders set unless they are told otherwise; and lc 1, lp 2, pb 2, which OpenWrt tells them. */
const USUAL_PROPERTIES = [0x5d, 0x6d];
/** The least that a file of a firmware is compressed for, and the most. */
const MIN_CONTENT_BYTES = 4096;
const MAX_CONTENT_BYTES = 2 ** 29;
/** How much of a stream must make sense; bytes that are none mostly fail within five. */
const SAMPLE_BYTES = 256;
const BEGINNING_BYTES = ALONE_HEADER_BYTES + SAMPLE_BYTES;

/**
 * Streams of `.lzma` files that stand somewhere in an image: kernels behind the header of a uImage, parts of firmware.
 *
 * Their header has no magic number, so all of its fields must speak for it: usual properties, a dictionary of a usual
 * size, from 64 KiB on, and a size of the content that is unknown or sensible; and what follows must decode.
 */
export const lzmaAlone = {
  name: 'lzma-alone',
  *find(image: ImageBytes): Generator<FoundStream> {
    const step = MAX_VIEW_BYTES - BEGINNING_BYTES + 1;
    for (let start = 0; start < image.size; start += step) {
      const view = image.view(start, Math.min(MAX_VIEW_BYTES, image.size - start));
      const places = [...beginningsIn(view)]; // the view is gone once somebody else looks at the image
      for (const place of places) {
        const at = start + place;
        yield { codec: 'lzma-sdk', otherwise: 'lzma-parse', at, packedBytes: image.size - at, isExact: false };
      }
    }
  },
} satisfies StreamFinder;

function* beginningsIn(view: Uint8Array): Generator<number> {
  const [first, second] = USUAL_PROPERTIES;
  for (let at = 0; at + BEGINNING_BYTES <= view.length; at++) {
    const byte = view[at];
    if (byte !== first && byte !== second) continue;
    // the lowest bytes of the dictionary and the first one of the stream, before more is looked at
    if (view[at + 1] !== 0 || view[at + 2] !== 0 || view[at + ALONE_HEADER_BYTES] !== 0) continue;
    if (isBeginning(view.subarray(at, at + BEGINNING_BYTES))) yield at;
  }
}

function isBeginning(bytes: Uint8Array): boolean {
  try {
    const { properties, dictionaryBytes, contentBytes = MAX_CONTENT_BYTES } = readAloneHeader(bytes);
    if (!isUsual(dictionaryBytes) || contentBytes < MIN_CONTENT_BYTES || contentBytes > MAX_CONTENT_BYTES) return false;
    const size = { contentBytes: undefined, maxBytes: contentBytes };
    decodeLzma(bytes.subarray(ALONE_HEADER_BYTES), properties, size);
    return true;
  } catch (error) {
    if (error instanceof EndsEarly) return true; // as far as the sample goes, it is a stream
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A power of two, or one and a half times one. */
function isUsual(dictionaryBytes: number): boolean {
  const top = dictionaryBytes === 0 ? 0 : 2 ** (31 - Math.clz32(dictionaryBytes));
  return top > 0 && (dictionaryBytes === top || dictionaryBytes === top * 1.5);
}

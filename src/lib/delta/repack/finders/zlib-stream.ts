import { constants, inflateSync } from 'node:zlib';
import { type ImageBytes, MAX_VIEW_BYTES } from '../../image/image-bytes.js';
import type { FoundStream, StreamFinder } from '../stream-finder.js';

/** Deflate in a window of 32 KiB, which all but special encoders use, and the four levels a header can tell. */
const METHOD = 0x78;
const FLAGS = [0x01, 0x5e, 0x9c, 0xda];
const HEADER_BYTES = 2;
/** How much of a stream must make sense; bytes that are none mostly fail within the first block's header. */
const SAMPLE_BYTES = 512;
/** Deflate packs at most 1,032 times, so a sample never unpacks to more. */
const MAX_SAMPLE_CONTENT_BYTES = 1040 * SAMPLE_BYTES;

/**
 * Bare zlib streams that stand somewhere in an image: pictures, resources, compressed sections.
 *
 * One place of 16,384 has such a header by chance, so what follows must decode. @see RFC 1950
 */
export const zlibStream = {
  name: 'zlib-stream',
  *find(image: ImageBytes): Generator<FoundStream> {
    const step = MAX_VIEW_BYTES - SAMPLE_BYTES;
    for (let start = 0; start < image.size; start += step) {
      const view = image.view(start, Math.min(MAX_VIEW_BYTES, image.size - start));
      const places = [...beginningsIn(view, step)]; // the view is gone once somebody else looks at the image
      for (const place of places) {
        const at = start + place;
        yield { codec: 'zlib', at, packedBytes: image.size - at, isExact: false };
      }
    }
  },
} satisfies StreamFinder;

function* beginningsIn(view: Uint8Array, step: number): Generator<number> {
  for (let at = view.indexOf(METHOD); at >= 0 && at < step; at = view.indexOf(METHOD, at + 1)) {
    if (FLAGS.includes(view[at + 1]!) && isBeginning(view.subarray(at, at + SAMPLE_BYTES))) yield at;
  }
}

function isBeginning(sample: Uint8Array): boolean {
  if (sample.length <= HEADER_BYTES) return false;
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_SAMPLE_CONTENT_BYTES, chunkSize: 4096 };
    inflateSync(sample, options);
    return true;
  } catch {
    return false;
  }
}

import { type ImageBytes, MAX_VIEW_BYTES } from '../../image/image-bytes.js';
import type { FoundStream, StreamFinder } from '../stream-finder.js';

/** Beginnings of streams that are long enough not to be met by chance, and the codecs they belong to. */
const MAGICS: [codec: string, magic: number[]][] = [
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];
const LONGEST_MAGIC_BYTES = 8;

const MAGICS_BY_BYTE: (typeof MAGICS | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  const beginning = MAGICS.filter(([, magic]) => magic[0] === byte);
  return beginning.length === 0 ? undefined : beginning;
});

/** Streams that stand somewhere in an image: files in an uncompressed file system, parts of a boot image. */
export const streamMagic: StreamFinder = {
  name: 'magic',
  *find(image) {
    for (let start = 0; start < image.size; start += MAX_VIEW_BYTES - LONGEST_MAGIC_BYTES) {
      const view = image.view(start, Math.min(MAX_VIEW_BYTES, image.size - start));
      const found = [...magicsIn(view)]; // the view is gone once somebody else looks at the image
      for (const [at, codec] of found) yield stream(image, start + at, codec);
    }
  },
};

function* magicsIn(view: Uint8Array): Generator<[at: number, codec: string]> {
  for (let at = 0; at < view.length; at++) {
    const magics = MAGICS_BY_BYTE[view[at]!];
    if (magics === undefined) continue;
    const codec = codecOf(magics, view, at);
    if (codec !== undefined) yield [at, codec];
  }
}

function stream(image: ImageBytes, at: number, codec: string): FoundStream {
  return { codec, at, packedBytes: image.size - at, isExact: false };
}

/** @returns the codec of the stream that bytes begin with, if it is known */
export function codecOfMagic(bytes: Uint8Array): string | undefined {
  return codecOf(MAGICS, bytes, 0);
}

function codecOf(magics: typeof MAGICS, bytes: Uint8Array, at: number): string | undefined {
  return magics.find(([, magic]) => magic.every((byte, i) => bytes[at + i] === byte))?.[0];
}

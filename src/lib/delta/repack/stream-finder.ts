import type { ImageBytes } from '../image/image-bytes.js';

/** A place where a compressed stream lies, or seems to. */
export interface FoundStream {
  /** Name of its codec. */
  codec: string;
  /**
   * Codec for streams that no settings of the first one make. What it unpacks to begins with what
   * the first one unpacks to.
   */
  otherwise?: string;
  /** First byte of the stream in the image. */
  at: number;
  /** Bytes it takes: exactly, where its container says so, else the most it can. */
  packedBytes: number;
  /** Whether `packedBytes` is exact; a stream that ends elsewhere is then left alone. */
  isExact: boolean;
  /** Set where searching the content would find nothing: pieces of files, tables. */
  isLeaf?: boolean;
}

/** Unpacks a part of a container. @returns undefined when it does not unpack, or to more than `maxBytes` */
export type DecodePart = (codec: string, packed: Uint8Array, maxBytes: number) => Promise<Uint8Array | undefined>;

/**
 * Knows a container (a kernel, a file system, a firmware volume) or the beginnings of streams themselves.
 *
 * An image is searched anew inside everything that was unpacked from it.
 */
export interface StreamFinder {
  readonly name: string;
  /**
   * Finds streams, in the order of the image or not; streams that overlap one found before are ignored, and
   * finders asked earlier win. The work must be bounded by the size of the image, whatever it holds: each number
   * read from it is checked before it is followed.
   *
   * @param image  a view is valid until the next one is asked for, also by others: copy before you wait
   * @param decode for containers whose tables are packed themselves
   */
  find(image: ImageBytes, decode: DecodePart): AsyncIterable<FoundStream> | Iterable<FoundStream>;
}

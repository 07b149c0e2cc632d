import { writeSync } from 'node:fs';
import { type ImageBytes, MAX_VIEW_BYTES } from '../image/image-bytes.js';

/** Writes an unpacked image from start to end, in a thread that may wait. */
export interface ImageSink {
  write(bytes: Uint8Array): void;
  /** Bytes so far. */
  readonly size: number;
}

export function sinkToFile(descriptor: number): ImageSink {
  let size = 0;
  return {
    write(bytes) {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done);
      size += bytes.length;
    },
    get size() {
      return size;
    },
  };
}

/** @returns the sink, and what was written so far */
export function sinkToMemory(): ImageSink & { bytes(): Uint8Array } {
  const pieces: Uint8Array[] = [];
  let size = 0;
  return {
    write(bytes) {
      pieces.push(bytes.slice());
      size += bytes.length;
    },
    get size() {
      return size;
    },
    bytes: () => Buffer.concat(pieces, size),
  };
}

/** Copies a stretch of an image as it is. */
export function copyStretch(image: ImageBytes, from: number, to: number, sink: ImageSink): void {
  for (let at = from; at < to; at += MAX_VIEW_BYTES) sink.write(image.view(at, Math.min(MAX_VIEW_BYTES, to - at)));
}

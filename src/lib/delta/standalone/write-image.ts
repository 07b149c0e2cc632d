import { throwIfAborted } from '../../core/abort.js';
import type { Storage } from '../storage.js';

/** What a power cut can cost: bytes that were written and have to be made again. */
const SYNC_BYTES = 4 * 1024 * 1024;

export interface WrittenImage {
  writtenBytes: number;
  /** Found right already. */
  keptBytes: number;
}

/**
 * Writes an image from its first byte on, and syncs it.
 *
 * @param keep what is right already is not written again; memory: a second piece of the image
 */
export async function writeImage(
  image: AsyncIterable<Uint8Array>,
  out: Storage,
  { keep, signal }: { keep: boolean; signal: AbortSignal },
): Promise<WrittenImage> {
  const written = { writtenBytes: 0, keptBytes: 0 };
  let present = Buffer.alloc(0);
  let position = 0;
  let unsynced = 0;
  for await (const piece of image) {
    throwIfAborted(signal);
    if (keep && present.length < piece.length) present = Buffer.alloc(piece.length);
    const there = present.subarray(0, keep ? await out.read(present.subarray(0, piece.length), position) : 0);
    if (keep && there.equals(piece)) {
      written.keptBytes += piece.length;
    } else {
      await out.write(piece, position);
      written.writtenBytes += piece.length;
    }
    position += piece.length;
    unsynced += piece.length;
    if (unsynced >= SYNC_BYTES) {
      await out.sync(); // also what was there: perhaps only the system remembers it
      unsynced = 0;
    }
  }
  await out.sync();
  return written;
}

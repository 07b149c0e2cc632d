import { CodecError, type CodecPool } from './codec-pool.js';
import type { ContentStore } from './content-store.js';
import type { MissingLibraries } from './missing-libraries.js';
import { MAX_CONTENT_BYTES, MAX_RATIO } from './recipe.js';

/** What the steps of unpacking a pair share. */
export interface Unpacking {
  readonly pool: CodecPool;
  /** Takes what codecs lack; their streams stay packed. */
  readonly missing: MissingLibraries;
  readonly contents: ContentStore;
}

/** Unpacks a stream, unless the survey has done it. */
export async function unpackSurveyed(
  { pool, contents }: Unpacking,
  codec: string,
  { hash }: { hash: string },
  packed: Uint8Array,
): Promise<{ unpacked: Uint8Array; packedBytes: number } | CodecError> {
  const unpacked = contents.take(codec, hash);
  return unpacked === undefined ? unpack(pool, codec, packed) : { unpacked, packedBytes: packed.length };
}

/** @returns the error when it is no stream of the codec, or more than the limits allow */
export async function unpack(
  pool: CodecPool,
  codec: string,
  packed: Uint8Array,
  maxBytes = Math.min(MAX_CONTENT_BYTES, packed.length * MAX_RATIO),
  handOver: readonly Uint8Array[] = [],
): Promise<{ unpacked: Uint8Array; packedBytes: number } | CodecError> {
  try {
    const { unpacked, packedBytes } = await pool.run({ kind: 'decode', codec, packed, maxBytes }, handOver);
    return { unpacked, packedBytes };
  } catch (error) {
    if (error instanceof CodecError) return error;
    throw error;
  }
}

import type { RandomAccess } from '../core/random-access.js';
import { explainBsdiff } from './bsdiff/explain-bsdiff.js';
import type { DeltaFormat, StreamCompression, StreamName } from './formats.js';
import { explainOtad } from './otad/explain-otad.js';
import { isOtad } from './otad/otad-layout.js';
import type { Machine } from './predict/address-space.js';

/** Where the bytes of the new image (of `otad-repack`, the unpacked one) come from. They add up to its size. */
export interface ByteShares {
  /** As in the old image, where they come from. */
  equalBytes: number;
  /** Otherwise, but foretold by where references went. */
  predictedBytes: number;
  /** Old bytes that the patch corrects. */
  differingBytes: number;
  /** In the patch itself. */
  addedBytes: number;
}

/** What a patch is made of. Nothing of it is verified. */
export interface PatchExplanation {
  format: DeltaFormat;
  /** Of the patch, bytes. */
  size: number;
  /** Of the new image, bytes. */
  targetBytes: number;
  /** Of the old image, bytes, where the patch says so. */
  baseBytes?: number;
  /** In the order of the patch; what is left of its size is its header. */
  streams: { name: StreamName | 'recipe'; coder: StreamCompression; packedBytes: number; decodedBytes?: number }[];
  /** Pieces of the old image that pieces of the new one are made from. */
  covers: number;
  /** Bytes of the new image that these make. */
  coveredBytes: number;
  /** Absent where only the old image can tell. */
  shares?: ByteShares;
  /** Absent where the format predicts nothing. */
  prediction?: { machine: Machine; oldSegments: number; newSegments: number; blockBytes: number };
  /** Of `otad-repack`: the images that are compared, and what is packed again in the new one. */
  unpacked?: {
    /** Sizes, bytes. */
    baseBytes: number;
    targetBytes: number;
    codecs: { name: string; version: string; streams: number; unpackedBytes: number }[];
  };
  /** Pieces with a hash each, absent where the format has none. */
  chunks?: { count: number; bytes: number; isReordered: boolean };
}

/**
 * Tells what a patch is made of, by decoding it within the memory that applying it takes.
 *
 * @param base the old image, for the shares of formats that need it
 * @throws OtaError PATCH_INVALID, LIMIT_EXCEEDED as `applyDelta`, INTERRUPTED, TERMINATED
 */
export async function explainPatch(
  format: DeltaFormat,
  patch: RandomAccess,
  { base, signal }: { base?: RandomAccess; signal?: AbortSignal } = {},
): Promise<PatchExplanation> {
  return isOtad(format) ? await explainOtad(format, patch, base, signal) : await explainBsdiff(format, patch, signal);
}

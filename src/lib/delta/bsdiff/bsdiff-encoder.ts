import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type BrotliSetting, brotliEncoder, spanning } from '../coders/brotli-encoder.js';
import { packBzip2 } from '../coders/bzip2-encoder.js';
import type { BsdiffFormat, Effort } from '../formats.js';
import type { ImageBytes } from '../image/image-bytes.js';
import { TRIPLE_COSTS } from '../match/cost-model.js';
import { findCovers } from '../match/find-covers.js';
import { bsdiffPlan } from '../plan/bsdiff-plan.js';
import { coverTriples } from './cover-triples.js';
import { patchHeader } from './patch-header.js';
import { patchStreams, type UnpackedStream } from './patch-streams.js';

export interface BsdiffChoices {
  format: BsdiffFormat;
  /** How much time packing may take. */
  effort?: Effort;
  /** What matching may use, bytes. */
  maxMemoryBytes?: number;
}

type Packer = (
  chunks: Iterable<Uint8Array>,
  size: number,
  effort: Effort,
  largest: BrotliSetting,
) => Promise<Uint8Array>;

const PACKERS: Record<BsdiffFormat, Packer> = {
  bsdf2: (chunks, size, _effort, largest) => pipeline(chunks, brotliEncoder(spanning(largest, size), size), buffer),
  bsdiff40: packBzip2,
};

/** Share of the time that finding the matches takes; packing takes the rest. */
const MATCHING_SHARE: Record<BsdiffFormat, Record<Effort, number>> = {
  bsdf2: { fast: 0.7, normal: 0.5, best: 0.1 },
  bsdiff40: { fast: 0.8, normal: 0.7, best: 0.4 },
};

/**
 * Encodes bsdiff's triples for the covers that make the patch smallest, in three packed streams.
 *
 * The same images give the same bytes wherever the same versions of the packers run.
 *
 * @param onProgress called with the share that is done, 0 to 1
 * @returns the patch in pieces: header, control, diff, extra
 * @throws OtaError TOOL_MISSING for `bsdiff40` without 7z-wasm; LIMIT_EXCEEDED as `findCovers`
 */
export async function encodeBsdiff(
  old: ImageBytes,
  target: ImageBytes,
  { format, effort = 'best', maxMemoryBytes }: BsdiffChoices,
  onProgress: (doneFraction: number) => void,
): Promise<Uint8Array[]> {
  const matchingShare = MATCHING_SHARE[format][effort];
  const sizes = { baseBytes: old.size, targetBytes: target.size };
  const { matchBytes, packing } = bsdiffPlan(format, sizes, { effort, ...(maxMemoryBytes && { maxMemoryBytes }) });
  const covers = findCovers(old, target, {
    memoryBytes: matchBytes,
    costs: TRIPLE_COSTS,
    onProgress: (done) => onProgress(done * matchingShare),
  });
  const streams = patchStreams(coverTriples(covers, target.size), old, target);
  const total = streams.reduce((sum, { size }) => sum + size, 0);
  let packed = 0;
  function* counted(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
    for (const chunk of chunks) {
      yield chunk;
      packed += chunk.length;
      onProgress(matchingShare + (1 - matchingShare) * (packed / total));
    }
  }
  const pack = ({ chunks, size }: UnpackedStream) => PACKERS[format](counted(chunks), size, effort, packing.setting);
  const [control, diff, extra] = packing.atOnce
    ? await Promise.all([pack(streams[0]), pack(streams[1]), pack(streams[2])])
    : [await pack(streams[0]), await pack(streams[1]), await pack(streams[2])];
  return [patchHeader(format, [control.length, diff.length], target.size), control, diff, extra];
}

import { createHash } from 'node:crypto';
import { MAX_IMAGE_BYTES } from '../formats.js';
import type { ImageBytes } from '../image/image-bytes.js';
import type { CodecPool } from './codec-pool.js';
import { findCodec, loadFinders } from './codecs.js';
import { type ContentStore, NO_CONTENTS } from './content-store.js';
import type { ImageSink } from './image-sink.js';
import { MissingLibraries } from './missing-libraries.js';
import type { ProvenStream } from './proven-streams.js';
import { CHECK_BYTES, type RecipeCodec, streamGroups } from './recipe.js';
import { writeRecipe } from './recipe-writer.js';
import { copyBytes, type SurveyedStream, Surveyor } from './survey.js';
import { unpackBase } from './unpack-base.js';
import { type TargetCounts, TargetUnpacker } from './unpack-target.js';

/** How a pair was unpacked. */
export interface UnpackedPair {
  recipe: Uint8Array;
  counts: TargetCounts;
  /** Streams of the old image that were unpacked, those inside others not counted. */
  baseStreams: number;
  /** Its streams, in the order of the recipe. */
  proven: ProvenStream[];
  /** Libraries without which some streams stay packed, or take more: a sentence for each. */
  missing: string[];
}

/** An unpacked image has at most so many times its image's size, and so much in any case, bytes. */
const MAX_GROWTH = 64;
const FREE_BYTES = 256 * 1024 * 1024;
/** Shares of the time: finding streams in both images, then proving those of the new one. */
const FINDING_SHARE = 0.1;
const PROVING_SHARE = 0.85;

/**
 * Unpacks two images into sinks, so that a delta between them is small.
 *
 * @param onProgress called with the share that is done, 0 to 1, never falling
 * @returns undefined when no stream of the new image can be packed again
 * @throws OtaError TOOL_MISSING when no stream can be packed again, and the library of a codec is not installed
 */
export async function unpackImages(
  pool: CodecPool,
  images: { base: ImageBytes; target: ImageBytes },
  sinks: { base: ImageSink; target: ImageSink },
  onProgress: (doneFraction: number) => void,
  contents: ContentStore = NO_CONTENTS,
): Promise<UnpackedPair | undefined> {
  const { base, target } = images;
  const finders = await loadFinders();
  const missing = new MissingLibraries();
  const unpacking = { pool, missing, contents };
  const baseStreams = await new Surveyor(unpacking, finders, base.size).survey(base, new Set(), 1);
  onProgress(FINDING_SHARE / 2);
  const known = new Set(allHashes(baseStreams));
  const targetStreams = await new Surveyor(unpacking, finders, target.size).survey(target, known, 1);
  onProgress(FINDING_SHARE);

  const codecs = new Map<string, number>();
  const codecNumber = (name: string) => codecs.get(name) ?? codecs.set(name, codecs.size).size - 1;
  const total = targetStreams.reduce((sum, { packedBytes }) => sum + packedBytes, 1);
  let doneBytes = 0;
  const unpacker = new TargetUnpacker(unpacking, known, codecNumber, (bytes) => {
    doneBytes = Math.min(total, doneBytes + bytes);
    onProgress(FINDING_SHARE + PROVING_SHARE * (doneBytes / total));
  });
  const unpackedTarget = await unpacker.unpack(target, targetStreams, sinks.target, allowance(target.size));
  if (unpackedTarget.length === 0) {
    missing.requireNone();
    return undefined;
  }

  // where most new streams stay packed, they match old ones that stay packed as well
  const helps = (name: string) => (unpacker.gain.get(name) ?? 0) > 0;
  const choice = {
    shared: unpacker.shared,
    codecNumber: (name: string) => (helps(name) ? codecs.get(name) : undefined),
  };
  const unpackedBase = await unpackBase(unpacking, base, baseStreams, choice, sinks.base, allowance(base.size));
  const checks = streamGroups(unpackedTarget).map((group) => {
    const hash = createHash('sha256');
    for (const stream of group) {
      const { at, packedBytes } = unpacker.proven.get(stream)!;
      hash.update(copyBytes(target, at, packedBytes));
    }
    return hash.digest().subarray(0, CHECK_BYTES);
  });
  const recipe = writeRecipe({ codecs: await named(codecs), base: unpackedBase, target: unpackedTarget, checks });
  onProgress(1);
  const proven = unpackedTarget.map((stream) => unpacker.proven.get(stream)!);
  const { counts } = unpacker;
  return { recipe, counts, baseStreams: unpackedBase.length, proven, missing: missing.sentences() };
}

async function named(codecs: ReadonlyMap<string, number>): Promise<RecipeCodec[]> {
  return Promise.all([...codecs.keys()].map(async (name) => ({ name, version: (await findCodec(name))!.version })));
}

function allHashes(streams: readonly SurveyedStream[]): string[] {
  return streams.flatMap(({ hash, inner }) => [hash, ...allHashes(inner)]);
}

function allowance(imageBytes: number): number {
  return Math.min(MAX_IMAGE_BYTES, FREE_BYTES + MAX_GROWTH * imageBytes);
}

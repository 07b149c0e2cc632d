import type { ImageBytes } from '../image/image-bytes.js';
import { releaseBytes } from '../release-bytes.js';
import { chooseCovers } from './choose-covers.js';
import { Content } from './content.js';
import { type CostModel, LARGE_MASKED_COSTS, MASKED_COSTS, TYPICAL_COSTS } from './cost-model.js';
import { CoverList } from './cover-list.js';
import type { Covers } from './covers.js';
import { findSegments } from './find-segments.js';
import { imageCovers } from './image-covers.js';
import { matchBlocks } from './match-blocks.js';
import { matchPlan, usualMemoryBytes } from './match-plan.js';
import { type Normalise, outside, type Pieces } from './pieces.js';
import { SeedIndex } from './seed-index.js';
import { Stretches } from './stretches.js';

export interface FindCoversOptions {
  /** Where the images are code: what masks references in either; matches are then searched in masked copies. */
  normalise?: { old: Normalise; target: Normalise };
  /** By which covers are chosen; those of otad, with or without masks, unless given. */
  costs?: CostModel;
  /** What may be used beyond the runtime, bytes; six times the old image, or 192 MiB, unless said. */
  memoryBytes?: number;
  /** Called with the share that is done, 0 to 1, never falling. */
  onProgress?: (doneFraction: number) => void;
}

/** From this size on, long equal stretches are taken beforehand. */
const BLOCKS_FROM_BYTES = 8 * 1024 * 1024;
/** Up to this size the old image is searched as a whole nevertheless: parts that were taken may be needed again. */
const WHOLE_UP_TO_BYTES = 96 * 1024 * 1024;
/** So much of the new image's rest is held at once where the old one is larger. No cover crosses the borders. */
const MOST_PART_BYTES = 8 * 1024 * 1024;
/** Shares of the time that taking stretches beforehand and finding segments take. */
const BLOCKS_SHARE = 0.1;
const SEARCH_SHARE = 0.85;

/**
 * Finds which parts of the new image come from which parts of the old one, so that the patch becomes small.
 *
 * Long equal stretches are taken first. In what is left, places that resemble each other are found
 * by an index of the old image, and covers are chosen among them by what they cost when coded. The
 * same images and options give the same covers everywhere.
 *
 * @throws OtaError LIMIT_EXCEEDED when `memoryBytes` are too few for any matching
 */
export function findCovers(old: ImageBytes, target: ImageBytes, options: FindCoversOptions = {}): Covers {
  const { normalise, onProgress = () => undefined, memoryBytes = usualMemoryBytes(old.size) } = options;
  const isLarge = Math.min(old.size, target.size) >= BLOCKS_FROM_BYTES;
  const maskedCosts = isLarge ? LARGE_MASKED_COSTS : MASKED_COSTS;
  const { costs = normalise === undefined ? TYPICAL_COSTS : maskedCosts } = options;
  const stretches = new Stretches(
    isLarge ? matchBlocks(old, target, (done) => onProgress(done * BLOCKS_SHARE)) : new CoverList().covers(),
  );
  const targetRest = stretches.restOfTarget(target.size);
  const oldWhole = outside(old.size, []);
  const fitsWhole = old.size <= WHOLE_UP_TO_BYTES && planOf(oldWhole, targetRest, memoryBytes).oldBytes === old.size;
  const oldRest = fitsWhole ? oldWhole : stretches.restOfOld(old.size);
  const plan = planOf(oldRest, targetRest, memoryBytes);
  const partBytes = fitsWhole ? plan.targetBytes : Math.min(plan.targetBytes, MOST_PART_BYTES);
  const list = new CoverList();
  let indexed: IndexedPieces | undefined;
  for (let at = 0; at < targetRest.size; at += partBytes) {
    const end = Math.min(at + partBytes, targetRest.size);
    const expected = oldRest.placeNear(stretches.expectedAt(targetRest.partFrom(at).imageAt));
    if (indexed === undefined || plan.oldBytes < oldRest.size) {
      if (indexed !== undefined) release(indexed); // before the next one is made
      const pieces = oldRest.partAround(expected + (end - at) / 2, plan.oldBytes);
      indexed = indexedPieces(pieces, old, normalise?.old, plan.step);
    }
    const part = targetRest.part(at, end);
    const share = (end - at) / targetRest.size;
    const done = at / targetRest.size;
    const onPart = (partDone: number) => onProgress(BLOCKS_SHARE + (1 - BLOCKS_SHARE) * (done + share * partDone));
    list.addAll(closerLook(indexed, part, { target, normalise: normalise?.target, costs }, stretches, onPart));
  }
  if (indexed !== undefined) release(indexed);
  onProgress(1);
  return stretches.joined(list.covers());
}

const planOf = (old: Pieces, target: Pieces, memoryBytes: number) => matchPlan(old.size, target.size, memoryBytes);

/** Pieces of the old image in which matches are searched. */
interface IndexedPieces {
  pieces: Pieces;
  content: Content;
  index: SeedIndex;
}

function indexedPieces(pieces: Pieces, old: ImageBytes, normalise: Normalise | undefined, step: number): IndexedPieces {
  const content = new Content(pieces.collect(old, normalise));
  return { pieces, content, index: new SeedIndex(content, step) };
}

function release({ content, index }: IndexedPieces): void {
  index.release();
  releaseBytes(content.bytes);
}

/** Covers between pieces of both images, as covers of the images. */
function closerLook(
  old: IndexedPieces,
  pieces: Pieces,
  { target, normalise, costs }: { target: ImageBytes; normalise: Normalise | undefined; costs: CostModel },
  stretches: Stretches,
  onProgress: (doneFraction: number) => void,
): Covers {
  const content = new Content(pieces.collect(target, normalise));
  const hints = stretches.hints(old.pieces, pieces);
  const segments = findSegments(old.content, content, old.index, hints, (done) => onProgress(done * SEARCH_SHARE));
  const covers = chooseCovers(segments, old.content, content, costs);
  releaseBytes(content.bytes, segments.start, segments.end, segments.diagonal);
  onProgress(1);
  return imageCovers(covers, old.pieces, pieces);
}

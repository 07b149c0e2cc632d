import type { Coder } from '../formats.js';
import { WORKING_BYTES } from '../match/match-plan.js';
import { MAX_WORDS } from '../predict/detect/base-address.js';
import { refinedTargetBytes } from '../predict/refined-covers.js';
import { type Coding, codings, firstThatFits, type Way } from './coding-plan.js';
import type { ImageSizes, MakingPlan, PlanChoices } from './making-plan.js';
import { matchStage } from './match-stage.js';
import { PROCESS_BYTES } from './process-memory.js';
import { requireWithin } from './within-limit.js';

/** How an otad patch is made. */
export interface OtadPlan extends MakingPlan {
  /** Words of an image that may tell where it is loaded, at most. */
  mostWords: number;
  /** What the matcher is given, bytes. */
  matchBytes: number;
  /** Whether covers are chosen anew by predicted bytes. */
  refines: boolean;
  coding: Coding;
}

const MIB = 1024 * 1024;
/** Mixing packs best, but takes the applier some 150 ns for each bit that it cannot foresee: too long for larger images. */
const MOST_MIXED_BYTES = 64 * MIB;
/** What a word takes that may tell where an image is loaded, bytes; and at most for each byte of an image, about. */
const BYTES_A_WORD = 64;
const BYTES_OF_IMAGE = 6;
/** Windows of both images, predictors, and a chunk's differences before they are packed. */
const CODING_BYTES = 24 * MIB;
/** Edges and covers for each block of storage that is ordered. */
const BYTES_A_BLOCK = 256;
/** The new image, what is predicted for it, and what covers may grow by. */
const REFINING_TIMES = 2.25;

/** @throws OtaError LIMIT_EXCEEDED when the cheapest ways do not fit */
export function otadPlan(
  format: 'otad' | 'otad-inplace' | 'otad-repack',
  sizes: ImageSizes,
  choices: PlanChoices,
): OtadPlan {
  const { baseBytes, targetBytes } = sizes;
  const { inPlace, effort = 'best', maxMemoryBytes = Number.POSITIVE_INFINITY } = choices;
  const roomBytes = maxMemoryBytes - PROCESS_BYTES;
  const match = matchStage(baseBytes, targetBytes, roomBytes);
  const detection = firstThatFits(detections(Math.max(baseBytes, targetBytes)), roomBytes - CODING_BYTES);
  const coder = codings(coderFor(targetBytes, choices), effort, targetBytes);
  const coding = firstThatFits(coder, roomBytes - CODING_BYTES);
  const refiningBytes = WORKING_BYTES + REFINING_TIMES * targetBytes;
  const wouldRefine = effort === 'best' && targetBytes <= refinedTargetBytes;
  const refines = wouldRefine && refiningBytes <= roomBytes;
  const stages = [
    CODING_BYTES + detection.memoryBytes,
    match.memoryBytes,
    refines ? refiningBytes : 0,
    inPlace === undefined ? 0 : WORKING_BYTES + BYTES_A_BLOCK * Math.ceil(targetBytes / inPlace.blockBytes),
    CODING_BYTES + coding.memoryBytes,
  ];
  const memoryBytes = Math.ceil(PROCESS_BYTES + Math.max(...stages));
  requireWithin(format, sizes, memoryBytes, maxMemoryBytes);
  const economies = [
    detection.told,
    match.told,
    wouldRefine && !refines ? 'covers are not refined' : '',
    coding.told,
  ].filter(Boolean);
  return { memoryBytes, economies, mostWords: detection.how, matchBytes: match.how, refines, coding: coding.how };
}

function coderFor(targetBytes: number, { coder, inPlace }: PlanChoices): Coder {
  // what is packed by mixing needs the old bytes of everything before, which a power cut in place takes away
  return coder ?? (inPlace === undefined && targetBytes <= MOST_MIXED_BYTES ? 'mix' : 'lzma');
}

function detections(imageBytes: number): Way<number>[] {
  return [1, 4, 16].map((part) => {
    const mostWords = MAX_WORDS / part;
    const told = `the address of an image is voted on by ${mostWords} words at most`;
    return { how: mostWords, memoryBytes: Math.min(BYTES_A_WORD * mostWords, BYTES_OF_IMAGE * imageBytes), told };
  });
}

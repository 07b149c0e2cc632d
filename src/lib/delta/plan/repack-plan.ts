import type { ImageSizes, MakingPlan, PlanChoices } from './making-plan.js';
import { otadPlan } from './otad-plan.js';
import { CODEC_THREAD_BYTES, PROCESS_BYTES, SHARED_BYTES } from './process-memory.js';
import { requireWithin } from './within-limit.js';

const MIB = 1024 * 1024;
/** What unpacking and packing again take unless something else is said: in any case, for each byte of both images, at most. */
const USUAL_BYTES = 256 * MIB;
const USUAL_TIMES = 32;
const MOST_USUAL_BYTES = 1536 * MIB;
/** The least that is worth a try: threads with their libraries, streams of the images with their contents. */
const THREADS = 3;
const LEAST_TIMES = 8;

/**
 * Plans a patch of unpacked images before they are unpacked. How large they become is not known by then: what is
 * announced is what is allowed, which the later stages keep to, or else what suffices for firmware as it is known.
 *
 * @throws OtaError LIMIT_EXCEEDED when it is not worth a try in the memory that is allowed
 */
export function repackPlan(sizes: ImageSizes, choices: PlanChoices): MakingPlan {
  const bothBytes = sizes.baseBytes + sizes.targetBytes;
  const usual = PROCESS_BYTES + Math.min(MOST_USUAL_BYTES, USUAL_BYTES + USUAL_TIMES * bothBytes);
  const { maxMemoryBytes = Number.POSITIVE_INFINITY } = choices;
  const leastBytes = PROCESS_BYTES + THREADS * CODEC_THREAD_BYTES + Math.min(USUAL_BYTES, LEAST_TIMES * bothBytes);
  requireWithin('otad-repack', sizes, leastBytes, maxMemoryBytes);
  const { memoryBytes, economies } = otadPlan('otad-repack', sizes, choices);
  return { memoryBytes: Math.max(memoryBytes, leastBytes, Math.min(usual, maxMemoryBytes)), economies };
}

/**
 * Asks, before a patch is proven, whether packing the new image again is possible in the memory that is allowed.
 *
 * @param repackingBytes what it states to take, beyond the runtime
 * @throws OtaError LIMIT_EXCEEDED
 */
export function requireRepackingWithin(
  sizes: ImageSizes,
  repackingBytes: number,
  { maxMemoryBytes = Number.POSITIVE_INFINITY }: PlanChoices,
): void {
  requireWithin('otad-repack', sizes, SHARED_BYTES + repackingBytes, maxMemoryBytes);
}

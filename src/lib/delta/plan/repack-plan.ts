import type { ImageSizes, MakingPlan, PlanChoices } from './making-plan.js';
import { otadPlan } from './otad-plan.js';
import { PROCESS_BYTES, SHARED_BYTES } from './process-memory.js';
import { requireWithin } from './within-limit.js';

const MIB = 1024 * 1024;
/** What unpacking and packing again take: in any case, for each byte of both images, at most. */
const REPACKING_BYTES = 256 * MIB;
const REPACKING_TIMES = 32;
const MOST_REPACKING_BYTES = 1536 * MIB;

/**
 * Plans a patch of unpacked images before they are unpacked. How large they become, and with which settings they were
 * packed, is not known by then: what is announced is an estimate that suffices for firmware as it is known, and less than
 * that is not tried. Later stages, for which the sizes are known, keep to what is allowed.
 *
 * @throws OtaError LIMIT_EXCEEDED when less is allowed
 */
export function repackPlan(sizes: ImageSizes, choices: PlanChoices): MakingPlan {
  const { maxMemoryBytes = Number.POSITIVE_INFINITY } = choices;
  const timesBytes = REPACKING_TIMES * (sizes.baseBytes + sizes.targetBytes);
  const repackingBytes = PROCESS_BYTES + Math.min(MOST_REPACKING_BYTES, REPACKING_BYTES + timesBytes);
  requireWithin('otad-repack', sizes, repackingBytes, maxMemoryBytes);
  const { memoryBytes, economies } = otadPlan('otad-repack', sizes, choices);
  return { memoryBytes: Math.max(memoryBytes, repackingBytes), isEstimate: true, economies };
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

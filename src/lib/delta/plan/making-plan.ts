import type { CreateDeltaOptions, DeltaFormat } from '../formats.js';
import { bsdiffPlan } from './bsdiff-plan.js';
import { otadPlan } from './otad-plan.js';
import { repackPlan } from './repack-plan.js';

/** Images between which a delta is made, bytes. */
export interface ImageSizes {
  baseBytes: number;
  targetBytes: number;
}

export type PlanChoices = Pick<CreateDeltaOptions, 'coder' | 'effort' | 'inPlace' | 'maxMemoryBytes'>;

/** What making one delta takes, known before it begins. */
export interface MakingPlan {
  /** The most memory that the process has meanwhile, bytes: all stages, Node and `ota` themselves among it. */
  memoryBytes: number;
  /** Whether that is what suffices for firmware as it is known, as it depends on what images are found to hold. */
  isEstimate?: boolean;
  /** What is done in a cheaper way for want of memory, a clause each. */
  economies: string[];
}

/**
 * Plans making a delta within the memory that is allowed.
 *
 * Stages come one after another and give their memory back, so each has all of it. In each the usual way is taken
 * if it fits, else the next cheaper one: matching with a sparser index, then by parts; covers as they were found,
 * not refined; coders with smaller tables, then at a lower level.
 *
 * @throws OtaError LIMIT_EXCEEDED when the cheapest ways do not fit
 */
export function makingPlan(format: DeltaFormat, sizes: ImageSizes, choices: PlanChoices): MakingPlan {
  if (format === 'otad-repack') return repackPlan(sizes, choices);
  return format === 'bsdf2' || format === 'bsdiff40'
    ? bsdiffPlan(format, sizes, choices)
    : otadPlan(format, sizes, choices);
}

import { errorSentence } from '../core/error-sentence.js';
import { OtaError } from '../core/errors.js';
import type { DeltaFormat } from '../delta/formats.js';
import { type ImageSizes, type MakingPlan, makingPlan } from '../delta/plan/making-plan.js';
import { SHARED_BYTES } from '../delta/plan/process-memory.js';
import { candidateFormats, DEFAULT_IN_PLACE, type DeltaSettings } from './delta-settings.js';

/** A format worth making, and what making it takes. */
export interface PlannedCandidate {
  format: DeltaFormat;
  plan: MakingPlan;
}

/**
 * Plans the formats that are worth making, before any is made. Those that do not fit into the memory that the user
 * allows are left out where another does.
 *
 * @returns at least one candidate; a sentence for each that was left out
 * @throws OtaError LIMIT_EXCEEDED with what the last of them needs, when none fits; as `candidateFormats`
 */
export function planCandidates(
  settings: DeltaSettings,
  sizes: ImageSizes,
): { candidates: PlannedCandidate[]; notes: string[] } {
  const candidates: PlannedCandidate[] = [];
  const refusals: OtaError[] = [];
  for (const format of candidateFormats(settings, sizes.targetBytes)) {
    try {
      candidates.push({ format, plan: planOf(format, sizes, settings) });
    } catch (error) {
      if (!(error instanceof OtaError) || error.code !== 'LIMIT_EXCEEDED') throw error;
      refusals.push(error);
    }
  }
  const last = refusals.at(-1);
  if (candidates.length === 0 && last !== undefined) throw last;
  return { candidates, notes: refusals.map((refusal) => `Left out: ${errorSentence(refusal)}`) };
}

/** What making a delta takes beside others that are made at the same time, bytes; 0 for one that will be refused. */
export function ownMemoryBytes(format: DeltaFormat, sizes: ImageSizes, settings: DeltaSettings): number {
  try {
    return planOf(format, sizes, settings).memoryBytes - SHARED_BYTES;
  } catch (error) {
    if (!(error instanceof OtaError) || error.code !== 'LIMIT_EXCEEDED') throw error;
    return 0;
  }
}

function planOf(format: DeltaFormat, sizes: ImageSizes, settings: DeltaSettings): MakingPlan {
  const inPlace = settings.inPlace ?? DEFAULT_IN_PLACE;
  return makingPlan(format, sizes, { ...settings, ...(format === 'otad-inplace' && { inPlace }) });
}

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorSentence } from '../core/error-sentence.js';
import { type ErrorCode, OtaError } from '../core/errors.js';
import type { CreatedDelta, DeltaFormat } from '../delta/formats.js';
import { createCandidate, type ImageHints } from './create-candidate.js';
import type { PlannedCandidate } from './delta-memory.js';
import { type DeltaSettings, isWorthMaking } from './delta-settings.js';

export interface MakeDeltaJob {
  basePath: string;
  targetPath: string;
  hints?: ImageHints;
  settings: DeltaSettings;
  /** Formats that may be the smallest. */
  candidates: readonly PlannedCandidate[];
  targetBytes: number;
  /** An empty folder for patches. */
  workDirectory: string;
  /** What the patch is called there and in messages. */
  fileName: (format: DeltaFormat) => string;
  signal?: AbortSignal;
  /** Called before each is made. */
  onPlan?: (candidate: PlannedCandidate) => void;
  /** @param doneFraction of everything that is made for this pair, 0 to 1; never falls */
  onProgress?: (doneFraction: number) => void;
}

/** A delta that was made, whether or not it was chosen. */
export interface MadeDelta extends CreatedDelta {
  format: DeltaFormat;
}

export interface DeltaChoice {
  /** Every delta that was made, the smallest first. */
  made: MadeDelta[];
  /** The one to pack and where it lies; absent where the full image is no larger than any of them. */
  chosen?: MadeDelta & { path: string };
  /** What was passed over and why, a sentence each. */
  notes: string[];
  /** The most that was announced for one of those that were tried, also where it was passed over, bytes. */
  makingMemoryBytes: number;
}

/**
 * Makes the deltas that may be the smallest for a pair of images, and keeps the one that is.
 *
 * @throws OtaError as `createDelta`
 */
export async function makeDelta(job: MakeDeltaJob): Promise<DeltaChoice> {
  const { settings, candidates, targetBytes, workDirectory, fileName, onPlan, onProgress } = job;
  const made: MadeDelta[] = [];
  const notes: string[] = [];
  let done = 0;
  let makingMemoryBytes = 0;
  for (const [at, candidate] of candidates.entries()) {
    const { format } = candidate;
    if (!isWorthMaking(format, made, settings)) continue;
    const share = workOf(format) / candidates.slice(at).reduce((sum, next) => sum + workOf(next.format), 0);
    onPlan?.(candidate);
    makingMemoryBytes = Math.max(makingMemoryBytes, candidate.plan.memoryBytes);
    const begun = done;
    const advance = (fraction: number) => {
      done = begun + fraction * share * (1 - begun);
      onProgress?.(done);
    };
    const created = await createOrPassOver(job, format, { notes, onProgress: advance });
    if (created === undefined) continue;
    const { notes: told = [], ...delta } = created;
    notes.push(...told.map((note) => `${format}: ${note}`)); // of those that are not chosen too: they might have been
    made.push({ format, ...delta });
  }
  onProgress?.(1);
  made.sort((a, b) => a.size - b.size);
  const [smallest, ...others] = made;
  for (const { format } of others) await rm(join(workDirectory, fileName(format)));
  const tried = { made, notes, makingMemoryBytes };
  const isFullSmaller = settings.format === 'auto' && settings.deviceFormats.includes('full');
  if (smallest === undefined || (isFullSmaller && smallest.size >= targetBytes)) return tried;
  return { ...tried, chosen: { ...smallest, path: join(workDirectory, fileName(smallest.format)) } };
}

/** How long a format takes beside another, about: what it finds packed is unpacked and packed again. */
function workOf(format: DeltaFormat): number {
  return format === 'otad-repack' ? 3 : 1;
}

const PASSED_OVER: ReadonlySet<ErrorCode> = new Set(['USAGE', 'TOOL_MISSING', 'LIMIT_EXCEEDED']);

/** @returns undefined where images have nothing in them that this format is for */
async function createOrPassOver(
  job: MakeDeltaJob,
  format: DeltaFormat,
  { notes, onProgress }: { notes: string[]; onProgress: (doneFraction: number) => void },
): Promise<CreatedDelta | undefined> {
  const outPath = join(job.workDirectory, job.fileName(format));
  try {
    return await createCandidate({ ...job, format, outPath, onProgress });
  } catch (error) {
    const isChoice = job.settings.format === 'auto' && format === 'otad-repack';
    // nothing to repack, or the encoders for it are not installed, or they take too much memory
    if (!isChoice || !(error instanceof OtaError) || !PASSED_OVER.has(error.code)) throw error;
    if (error.code !== 'USAGE') notes.push(`Compressed parts stay packed: ${errorSentence(error)}`);
    return undefined;
  }
}

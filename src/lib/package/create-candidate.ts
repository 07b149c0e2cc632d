import { createDelta } from '../delta/create-delta.js';
import type { CreateDeltaOptions, CreatedDelta, DeltaFormat } from '../delta/formats.js';
import { DEFAULT_IN_PLACE, type DeltaSettings } from './delta-settings.js';

/** What is known of images, and need not be found in them. */
export type ImageHints = Pick<CreateDeltaOptions, 'machine' | 'baseAddress'>;

interface CandidateJob
  extends Pick<CreateDeltaOptions, 'basePath' | 'targetPath' | 'outPath' | 'signal' | 'onProgress'> {
  format: DeltaFormat;
  hints?: ImageHints;
  settings: DeltaSettings;
}

/** Makes a delta of one format with the settings that concern it. @throws OtaError as `createDelta` */
export async function createCandidate({
  settings,
  hints,
  format,
  basePath,
  targetPath,
  outPath,
  signal,
  onProgress,
}: CandidateJob): Promise<CreatedDelta> {
  const { coder, effort, maxMemoryBytes, inPlace } = settings;
  const isOurs = format !== 'bsdf2' && format !== 'bsdiff40';
  return await createDelta({
    format,
    basePath,
    targetPath,
    outPath,
    effort,
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
    ...(maxMemoryBytes !== undefined && { maxMemoryBytes }),
    ...(isOurs && hints),
    ...(isOurs && coder && { coder }),
    ...(format === 'otad-inplace' && { inPlace: inPlace ?? DEFAULT_IN_PLACE }),
  });
}

import { OtaError } from '../core/errors.js';

const SUGGESTIONS = [
  'Download the package again; if it still fails, ask its publisher for a new patch.',
  'Run `ota inspect PACKAGE` to see whether it carries a full image as well.',
];

/** A patch that no encoder made, or that was damaged since. */
export function invalidPatch(patchName: string, fact: string, options?: ErrorOptions): OtaError {
  return new OtaError('PATCH_INVALID', `${patchName}: ${fact}`, SUGGESTIONS, options);
}

/** A patch that would keep the applier busy out of all proportion to the image. */
export function endlessPatch(patchName: string, fact: string): OtaError {
  return new OtaError('LIMIT_EXCEEDED', `${patchName}: ${fact}`, SUGGESTIONS);
}

/** A chunk of the new image came out wrong. */
export function damagedChunk(patchName: string, baseName: string, number: number, from: number, to: number): OtaError {
  return new OtaError(
    'PATCH_INVALID',
    `${patchName}: chunk ${number} of the new image (bytes ${from} to ${to}) came out with a wrong hash: ${baseName} is another base than the patch was made for, or the patch is damaged`,
    [
      'Compare the SHA-256 of the base with the one that `ota inspect PACKAGE` shows.',
      'If they agree, download the package again.',
    ],
  );
}

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

import { OtaError } from '../core/errors.js';

const SUGGESTIONS = [
  'Download the package again; if it still fails, ask its publisher for a new patch.',
  'Run `ota inspect PACKAGE` to see whether it carries a full image as well.',
];

/** A patch that no encoder made, or that was damaged since. */
export function invalidPatch(patchName: string, fact: string, options?: ErrorOptions): OtaError {
  return new OtaError('PATCH_INVALID', `${patchName}: ${fact}`, SUGGESTIONS, options);
}

/** What a file is instead of a patch of the format it was given as, by its first bytes. */
const STARTS: readonly (readonly [magic: string, what: string, next: string])[] = [
  ['OTAD', 'an otad patch', 'Name the format of the patch.'],
  ['BSDIFF40', 'a bsdiff40 patch', 'Name the format of the patch.'],
  ['BSDF2', 'a bsdf2 patch', 'Name the format of the patch.'],
  ['metadata.json\0', 'a package', 'Take the patch out of the package with `tar -xf`.'],
];

/**
 * A file that is no patch of the format it was given as.
 *
 * @param magic what such a patch starts with
 * @param start the first bytes of the file, 14 if it has as many
 */
export function notThisPatch(patchName: string, expected: string, magic: string, start: Uint8Array): OtaError {
  const text = Buffer.from(start).toString('latin1');
  const known = STARTS.find(([other]) => text.startsWith(other));
  if (known !== undefined) {
    return new OtaError('PATCH_INVALID', `${patchName}: not ${expected} but ${known[1]}`, [known[2]]);
  }
  const hex = (bytes: string) => Buffer.from(bytes, 'latin1').toString('hex');
  const got = hex(text.slice(0, magic.length)) || 'nothing';
  return invalidPatch(patchName, `not ${expected}, it starts with ${got}, expected ${hex(magic)}`);
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

import { OtaError } from '../../core/errors.js';

/** What a wrong base looks like: the coders read numbers by what the base has. */
const LOOKS_LIKE_A_WRONG_BASE: readonly string[] = ['PATCH_INVALID', 'LIMIT_EXCEEDED', 'TARGET_MISMATCH'];

/** A failure with a base that nothing was known of: the base may be what is wrong. */
export function doubtingBase(error: unknown, baseName: string): unknown {
  if (!(error instanceof OtaError) || !LOOKS_LIKE_A_WRONG_BASE.includes(error.code)) return error;
  return new OtaError(
    error.code,
    `${error.message}; ${baseName} was not checked and may be another base than the patch needs`,
    ['Add --base-sha256, which tells a wrong base from a damaged patch.', ...error.suggestions],
    { cause: error },
  );
}

/** What to do next, on a device that has this applier alone. */
export function deviceAdvice({ suggestions }: OtaError): string[] {
  const possible = suggestions.filter((next) => !next.includes('`ota '));
  if (possible.length === suggestions.length) return possible;
  return [...possible, 'Compare the hashes and sizes with the metadata of the package.'];
}

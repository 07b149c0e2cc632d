import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { parseStrictJson } from '../core/strict-json.js';
import { CONTAINER_LIMITS } from './container.js';
import { checkOptions, PACKAGE_SPEC } from './metadata.js';

/** Fields of a release as a person gave them, not checked yet; `undefined` where nothing was given. */
export type ReleaseDraft = Record<string, unknown>;

/**
 * Joins the fields of a metadata file with those given one by one, which win.
 *
 * @param path strict JSON, an object with fields of metadata.json; `payloads` are made, not given
 * @throws OtaError USAGE (a field given one by one is wrong), JSON_INVALID, METADATA_INVALID, LIMIT_EXCEEDED and the
 *   failures of reading
 */
export async function releaseDraft(path: string | undefined, given: ReleaseDraft): Promise<ReleaseDraft> {
  checkOptions(given);
  const fromFile = path === undefined ? {} : await readDraft(path);
  const draft: ReleaseDraft = { spec: PACKAGE_SPEC, securityCounter: 0, ...fromFile };
  for (const [field, value] of Object.entries(given)) {
    const known = draft[field];
    if (isObject(value) && isObject(known)) draft[field] = { ...known, ...value };
    else if (value !== undefined) draft[field] = value;
  }
  return draft;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readDraft(path: string): Promise<ReleaseDraft> {
  const maxBytes = CONTAINER_LIMITS.metadataBytes;
  const value = parseStrictJson(await readBounded(path, maxBytes, 'metadata file'), { name: path, maxBytes });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OtaError('METADATA_INVALID', `${path}: is not an object, expected fields of metadata.json`);
  }
  if ('payloads' in value) {
    throw new OtaError('METADATA_INVALID', `${path}: has payloads, which are made from --from and --to`, [
      'Remove the field.',
    ]);
  }
  return value;
}

/**
 * Time of the build, never from the clock: the same inputs give the same bytes.
 *
 * @param given `--created-at`, RFC 3339
 * @param sourceDateEpoch seconds since 1970
 * @throws OtaError CONFIG_INVALID: SOURCE_DATE_EPOCH is no whole number of seconds
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function createdAt(given: string | undefined, sourceDateEpoch: string | undefined): string | undefined {
  if (given !== undefined || sourceDateEpoch === undefined || sourceDateEpoch === '') return given;
  if (/^\d{1,11}$/.test(sourceDateEpoch))
    return `${new Date(Number(sourceDateEpoch) * 1000).toISOString().slice(0, 19)}Z`;
  throw new OtaError('CONFIG_INVALID', 'SOURCE_DATE_EPOCH is not a whole number of seconds since 1970');
}

/**
 * End of a release: a date means midnight UTC, everything else is left to the checks of metadata. Never relative to the
 * clock, see {@link createdAt}.
 */
export function expiresAt(given: string | undefined): string | undefined {
  return given !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(given) ? `${given}T00:00:00Z` : given;
}

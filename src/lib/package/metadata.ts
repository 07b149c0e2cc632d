import parseVersion from 'semver/functions/parse.js';
import validRange from 'semver/ranges/valid.js';
import * as z from 'zod/mini';
import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { DELTA_FORMATS } from '../delta/formats.js';
import { PRODUCT_NAME } from '../trust/role-name.js';
import { CONTAINER_LIMITS } from './container.js';
import { MAX_ENTRY_BYTES } from './ustar.js';

/** The format version that this release writes and reads. */
export const PACKAGE_SPEC = 'ota-fleet/1';

/** `full` is the image itself, the others are patches against a base image. */
export const PAYLOAD_FORMATS = ['full', ...DELTA_FORMATS] as const;

/** Sizes of the chunks whose hashes metadata carries, bytes: powers of two. */
export const MIN_CHUNK_BYTES = 4096;
export const MAX_CHUNK_BYTES = 16 * 1024 ** 2;

const UINT32_MAX = 2 ** 32 - 1;

const text = (maxLength: number) => z.string().check(z.minLength(1), z.maxLength(maxLength));
const uint = z.int().check(z.minimum(0));
const bytes = z.int().check(z.minimum(1), z.maximum(MAX_ENTRY_BYTES));
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hex digits'));
/** Strictly as semver.org has it: the version of a release or an image. */
export const semver = text(256).check(z.refine(isSemver, 'expected a semantic version such as 2.1.0'));
const semverRange = text(256).check(
  z.refine((value) => validRange(value) !== null, 'expected a semver range such as ">=1.4.0 <3"'),
);
const rfc3339 = z.iso
  .datetime({ offset: true, error: 'expected an RFC 3339 time such as 2027-01-31T12:00:00Z' })
  .check(z.maxLength(64));
/** Also a part of a file name, hence the narrow alphabet. */
export const componentName = z
  .string()
  .check(z.regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'expected at most 32 lowercase letters, digits and hyphens'));
/** Also the name of a signing role, `release:<product>`. */
export const productName = z
  .string()
  .check(z.regex(PRODUCT_NAME, 'expected at most 64 lowercase letters, digits, dots, hyphens and underscores'));

const image = z.object({ version: semver, size: bytes, sha256 });

const payload = z.object({
  component: componentName,
  format: z.enum(PAYLOAD_FORMATS),
  file: z.string(),
  size: bytes,
  sha256,
  chunkBytes: z.int().check(
    z.minimum(MIN_CHUNK_BYTES),
    z.maximum(MAX_CHUNK_BYTES),
    z.refine((value) => (value & (value - 1)) === 0, 'expected a power of two'),
  ),
  chunkSha256: z.array(sha256).check(z.minLength(1)),
  target: image,
  base: z.optional(z.extend(image, { version: z.optional(semver) })),
  applyMemoryBytes: uint,
  storageBytes: uint,
});

const release = z.object({
  spec: z.literal(PACKAGE_SPEC),
  critical: z.optional(z.array(text(64)).check(z.maxLength(32))),
  product: productName,
  vendor: z.optional(text(256)),
  compatible: z.object({
    models: z.array(text(128)).check(z.minLength(1), z.maxLength(1024)),
    hardwareRevisions: z.optional(z.array(text(128)).check(z.minLength(1), z.maxLength(1024))),
  }),
  version: semver,
  buildId: z.optional(text(256)),
  sequence: uint,
  securityCounter: uint.check(z.maximum(UINT32_MAX)),
  createdAt: z.optional(rfc3339),
  expiresAt: z.optional(rfc3339),
  dependsOn: z.optional(z.array(z.object({ component: componentName, range: semverRange })).check(z.maxLength(256))),
  confirm: z.optional(
    z.object({ timeoutSeconds: z.optional(uint), bootAttempts: z.optional(uint.check(z.minimum(1), z.maximum(255))) }),
  ),
  rollback: z.optional(z.object({ allowed: z.boolean(), minVersion: z.optional(semver) })),
  provenance: z.optional(
    z.object({ commit: z.optional(text(256)), builder: z.optional(text(1024)), sbomSha256: z.optional(sha256) }),
  ),
  releaseNotes: z.optional(z.string().check(z.maxLength(65_536))),
  annotations: z.optional(z.record(z.string(), z.string())),
});

const metadata = z.extend(release, {
  payloads: z.array(payload).check(z.minLength(1), z.maxLength(CONTAINER_LIMITS.payloads)),
});

/** All that metadata says but its payloads. */
export type ReleaseFields = z.output<typeof release>;
export type Metadata = z.output<typeof metadata>;
export type PayloadEntry = Metadata['payloads'][number];
export type PayloadFormat = PayloadEntry['format'];
/** What an image is known by: version for people, size in bytes and SHA-256 for machines. */
export type ImageDigest = PayloadEntry['target'];

/**
 * Parses and checks `metadata.json`, whose signatures were checked over these very bytes.
 *
 * Unknown fields are ignored unless `critical` names them (RFC 7515 §4.1.11 has the idea).
 *
 * @param raw  exact bytes from the container
 * @param name what to call the package in errors
 * @throws OtaError LIMIT_EXCEEDED (above 1 MiB or nested deeper than 32), JSON_INVALID (not strict
 *   JSON), METADATA_INVALID (not canonical, a field missing, of the wrong type, or contradicting
 *   another), METADATA_CRITICAL (an extension that must be understood and is not)
 * @see docs/package-format.md, "metadata.json"
 */
export function parseMetadata(raw: Uint8Array, name: string): Metadata {
  const label = `${name}:metadata.json`;
  const value = parseStrictJson(raw, { name: label, maxBytes: CONTAINER_LIMITS.metadataBytes });
  // Two readers that see different values in the same signed bytes is the attack: only one spelling is allowed.
  if (!canonicalJson(value).equals(raw)) {
    throw invalid(label, 'the bytes are not the canonical form of RFC 8785');
  }
  return checkMetadata(value, label);
}

/** Checks a metadata document that was built or edited here, before it is signed. Errors as {@link parseMetadata}. */
export function checkMetadata(value: unknown, label: string): Metadata {
  refuseUnknownCritical(value, label);
  const parsed: Metadata = checkSchema(metadata, value, { code: 'METADATA_INVALID', name: label });
  checkPayloads(parsed.payloads, label);
  return parsed;
}

/**
 * Checks what a release says of itself before any payload is made for it. A field that this release
 * of the toolkit does not know is refused here: it would be signed by mistake.
 * Errors as {@link parseMetadata}.
 */
export function checkRelease(value: unknown, label: string): ReleaseFields {
  refuseUnknownCritical(value, label);
  return checkSchema(z.strictObject(release.shape), value, { code: 'METADATA_INVALID', name: label });
}

/** Fields of a release that have an option of their own. */
const OPTION_OF = {
  product: '--product',
  version: '--version',
  sequence: '--sequence',
  securityCounter: '--security-counter',
  expiresAt: '--expires',
  createdAt: '--created-at',
  buildId: '--build-id',
} as const;

/**
 * Checks fields that were given as options, so that a wrong one is known by the name it was typed with.
 * @throws OtaError USAGE
 */
export function checkOptions(given: Partial<Record<keyof typeof OPTION_OF, unknown>>): void {
  for (const [field, option] of Object.entries(OPTION_OF) as [keyof typeof OPTION_OF, string][]) {
    if (given[field] !== undefined)
      checkSchema<unknown>(release.shape[field], given[field], { code: 'USAGE', name: option });
  }
}

/** The one name that a payload may have inside the container; nothing else reaches a file system. */
export function payloadFileName({
  component,
  format,
  base,
}: Pick<PayloadEntry, 'component' | 'format' | 'base'>): string {
  return `${component}-${base?.sha256.slice(0, 8) ?? 'full'}.${format}`;
}

/** Components of a package with the image each becomes, in the order of metadata. */
export function targetsOf({ payloads }: Pick<Metadata, 'payloads'>): Map<string, ImageDigest> {
  return new Map(payloads.map(({ component, target }) => [component, target]));
}

/** Strictly: the library also takes `v2.1.0` and `=2.1.0` for version 2.1.0. */
export function isSemver(value: string): boolean {
  const parsed = parseVersion(value);
  return parsed !== null && value === [parsed.version, parsed.build.join('.')].filter(Boolean).join('+');
}

/** This release knows no extension, so every critical one stops it; `encryption` must be declared critical. */
function refuseUnknownCritical(value: unknown, label: string): void {
  if (typeof value !== 'object' || value === null) return;
  const { critical, encryption } = value as { critical?: unknown; encryption?: unknown };
  const named = Array.isArray(critical) ? critical.filter((entry) => typeof entry === 'string') : [];
  if (encryption !== undefined && !named.includes('encryption')) {
    throw invalid(label, 'it has "encryption" without naming it in "critical"');
  }
  if (named[0] !== undefined) {
    throw new OtaError(
      'METADATA_CRITICAL',
      `${label}: needs the extension ${JSON.stringify(named[0])}, which this release does not know`,
      ['Update ota-fleet, or ask the publisher for a package without that extension.'],
    );
  }
}

function checkPayloads(payloads: PayloadEntry[], label: string): void {
  const files = new Set<string>();
  const targets = new Map<string, ImageDigest>();
  for (const [index, entry] of payloads.entries()) {
    const at = `${label}: payloads[${index}]`;
    const expectedFile = payloadFileName(entry);
    if (entry.file !== expectedFile)
      throw invalid(at, `file is ${JSON.stringify(entry.file)}, expected "${expectedFile}"`);
    if (files.has(entry.file)) throw invalid(at, `a second payload for "${entry.file}"`);
    files.add(entry.file);
    const chunks = Math.ceil(entry.size / entry.chunkBytes);
    if (entry.chunkSha256.length !== chunks) {
      throw invalid(at, `${entry.chunkSha256.length} chunk hashes for ${entry.size} bytes, expected ${chunks}`);
    }
    if (entry.format === 'full') checkFull(entry, at);
    else if (entry.base === undefined) throw invalid(at, `format ${entry.format} needs a base`);
    const known = targets.get(entry.component);
    if (
      known !== undefined &&
      (known.sha256 !== entry.target.sha256 ||
        known.size !== entry.target.size ||
        known.version !== entry.target.version)
    ) {
      throw invalid(at, `component ${entry.component} has another target in an earlier payload`);
    }
    targets.set(entry.component, entry.target);
  }
}

function checkFull({ base, size, sha256, target }: PayloadEntry, at: string): void {
  if (base !== undefined) throw invalid(at, 'format full has a base');
  if (size !== target.size || sha256 !== target.sha256) throw invalid(at, 'format full differs from its target');
}

function invalid(label: string, fact: string): OtaError {
  return new OtaError('METADATA_INVALID', `${label}: ${fact}`);
}

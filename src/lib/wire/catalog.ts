import * as z from 'zod/mini';

/**
 * The catalogue: releases, channels, ways to a release and back, as `/api/v1` tells them. Times are RFC 3339, sizes bytes.
 * Ways and refusals are those of `catalog/`; a test keeps the two equal.
 */

/** Releases of one page. */
export const MAX_RELEASES_PAGE = 200;
/** Fewest digits of a digest that name a release. */
export const MIN_DIGEST_PREFIX = 8;

/** A digest of a package, or enough of its beginning. */
export const digestPrefix = z
  .string()
  .check(z.regex(/^[0-9a-f]{8,64}$/, 'expected 8 to 64 lowercase hex digits of a package digest'));
export const channelName = z
  .string()
  .check(z.regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'expected a channel: at most 32 lowercase letters, digits and hyphens'));

const list = <T extends z.ZodMiniType>(item: T) => z.readonly(z.array(item));
const text = z.string();
const texts = list(text);
const uint = z.int().check(z.minimum(0));
const rollbackRule = z.object({ allowed: z.boolean(), minVersion: z.optional(text) });

/** What a release is called. */
export const releaseRef = z.object({ digest: text, version: text, sequence: uint });

/** A published release. */
export const release = z.extend(releaseRef, {
  product: text,
  securityCounter: uint,
  vendor: z.nullable(text),
  buildId: z.nullable(text),
  models: texts,
  /** Null: any. */
  hardwareRevisions: z.nullable(texts),
  /** By its metadata. */
  createdAt: z.nullable(text),
  expiresAt: z.nullable(text),
  /** Null: nothing is said, so a device goes back to nothing before it. */
  rollback: z.nullable(rollbackRule),
  dependsOn: list(z.object({ component: text, range: text })),
  components: list(z.object({ component: text, version: text, bytes: uint, sha256: text })),
  filename: text,
  /** Of the file that was published. */
  bytes: uint,
  /** Parts of it that devices fetch; `label` is the beginning of the base's SHA-256, `full`, or `whole`. */
  cuts: list(z.object({ label: text, baseVersions: texts, bytes: uint })),
  channels: list(z.object({ name: text, enteredAt: text })),
  publishedAt: text,
  publishedBy: text,
  /** Offered to no device any more. */
  yanked: z.nullable(z.object({ reason: text, at: text })),
  /** What devices are assigned. */
  distributionSet: z.object({ id: z.int(), name: text, version: text }),
});
export type ReleaseJson = z.output<typeof release>;

/** One release with all that is told of it. */
export const releaseDetail = z.extend(release, {
  releaseNotes: z.nullable(text),
  payloads: list(
    z.object({
      component: text,
      format: text,
      file: text,
      bytes: uint,
      targetVersion: text,
      targetBytes: uint,
      base: z.nullable(z.object({ version: z.nullable(text), sha256: text })),
      applyMemoryBytes: uint,
      storageBytes: uint,
    }),
  ),
  /** Does it verify under the trust root of today? */
  verifies: z.boolean(),
  /** How many devices it is assigned to, and how many have it, as far as the server knows. */
  devices: z.object({ assigned: uint, installed: uint }),
});
export type ReleaseDetail = z.output<typeof releaseDetail>;

export const releasePage = z.object({
  items: list(release),
  /** Of all pages, as of now. */
  total: uint,
  /** For the query `cursor` of the next page; null: there is none. */
  next: z.nullable(text),
});
export type ReleasePage = z.output<typeof releasePage>;

/** What became of an upload. */
export const publication = z.object({
  isDryRun: z.boolean(),
  /** False: it was there already. */
  published: z.boolean(),
  /** Channels that it was not in before. */
  entered: texts,
  /** Of a dry run: as it would be, without what only publishing gives it. */
  release: z.extend(release, { distributionSet: z.nullable(release.shape.distributionSet) }),
});
export type Publication = z.output<typeof publication>;

/** The content of a trust root file, which packages are verified by. */
export const rootFile = z.record(z.string(), z.json());

export const yankRequest = z.strictObject({ reason: text.check(z.minLength(1), z.maxLength(512)) });

/** After a release was withdrawn or offered again. */
export const yankResult = z.object({
  release,
  /** Updates under way that were cancelled; the devices are asked. */
  cancelled: uint,
});
export type YankResult = z.output<typeof yankResult>;

/** A channel of a product. */
export const channel = z.object({
  product: text,
  name: text,
  releases: uint,
  /** The newest that is offered to whoever follows it, also one of a more careful channel; null: none. */
  head: z.nullable(releaseRef),
});
export const channelList = z.object({
  /** From the most careful to the most eager. Whoever follows one is also given what is in those before it. */
  order: texts,
  items: list(channel),
});
export type ChannelList = z.output<typeof channelList>;

const refusalOf = <C extends string, S extends z.core.$ZodShape>(code: C, shape: S) =>
  z.object({ code: z.literal(code), ...shape });
const sequences = { sequence: uint, running: uint };

/** Why a device does not get a release. */
export const refusal = z.union([
  refusalOf('PRODUCT_MISMATCH', { product: text, device: text }),
  refusalOf('MODEL_INCOMPATIBLE', { models: texts, device: texts }),
  refusalOf('HARDWARE_INCOMPATIBLE', { hardwareRevisions: texts, device: texts }),
  refusalOf('SEQUENCE_ROLLBACK', sequences),
  refusalOf('SEQUENCE_CONFLICT', sequences),
  refusalOf('COUNTER_ROLLBACK', { securityCounter: uint, stored: uint }),
  refusalOf('PACKAGE_EXPIRED', { expiresAt: text, judgedAt: text }),
  refusalOf('BASE_MISMATCH', {
    bases: list(z.object({ component: text, needed: texts, installed: z.optional(text) })),
  }),
  refusalOf('FULL_FALLBACK_FORBIDDEN', {}),
  refusalOf('DOES_NOT_FIT', {
    shortages: list(
      z.object({
        of: z.enum(['slot', 'memory', 'storage']),
        component: z.optional(text),
        needed: uint,
        available: uint,
      }),
    ),
  }),
  refusalOf('DEPENDENCY_UNMET', {
    unmet: list(z.object({ component: text, range: text, version: z.optional(text) })),
  }),
  refusalOf('COMPONENT_MISSING', { components: texts }),
  z.object({
    code: z.literal('ROLLBACK_FORBIDDEN'),
    why: z.enum(['never-ran', 'not-allowed', 'below-minimum']),
    minVersion: z.optional(text),
  }),
  refusalOf('YANKED', { reason: text }),
  refusalOf('SIGNATURE_REFUSED', {}),
  refusalOf('NO_ARTIFACT', {}),
  refusalOf('NO_IMAGE', { components: texts }),
  refusalOf('OUTSIDE_CHANNEL', { channel: text }),
]);
export type RefusalJson = z.output<typeof refusal>;

const step = z.object({
  release: releaseRef,
  cut: text,
  kind: z.enum(['delta', 'full', 'mixed']),
  fullFallback: z.boolean(),
  downloadBytes: uint,
  applyMemoryBytes: uint,
  storageBytes: uint,
  payloads: list(
    z.object({
      component: text,
      file: text,
      bytes: uint,
      targetSha256: text,
      baseSha256: z.optional(text),
    }),
  ),
  reason: z.union([
    z.object({ kind: z.literal('target') }),
    z.object({ kind: z.literal('required'), for: releaseRef, refusals: list(refusal) }),
    z.object({ kind: z.literal('cheaper'), savedBytes: z.int() }),
  ]),
});
export type StepJson = z.output<typeof step>;

const passedOver = list(z.object({ release: releaseRef, refusals: list(refusal) }));
const obstacle = z.object({
  release: releaseRef,
  after: z.optional(z.object({ digest: text, version: text })),
  refusals: list(refusal),
});

/** A way, or why there is none. What is asked for and is not there is 404, a version of several releases 409. */
export const upgradePath = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('found'),
    from: z.optional(z.object({ digest: text, version: text })),
    to: releaseRef,
    steps: list(step),
    downloadBytes: uint,
    kinds: z.object({ models: z.optional(texts), hardwareRevisions: z.optional(texts) }),
  }),
  z.object({ outcome: z.enum(['blocked', 'undecided']), to: releaseRef, obstacles: list(obstacle) }),
  z.object({ outcome: z.literal('no-head'), channel: text, passedOver }),
]);
export type UpgradePathJson = z.output<typeof upgradePath>;

/** Facts about a device that it has not told, and that were taken from elsewhere. */
export const ASSUMED_FACTS = ['product', 'model', 'running', 'components', 'securityCounter'] as const;
const assumed = list(z.enum(ASSUMED_FACTS));
export type AssumedFact = (typeof ASSUMED_FACTS)[number];

export const pathAnswer = z.object({
  product: text,
  /** As they were asked for. */
  asked: z.object({ from: text, to: text }),
  /** Of a device: what was taken from what the server knows instead of what the device tells. */
  assumed,
  path: upgradePath,
});
export type PathAnswer = z.output<typeof pathAnswer>;

const outcome = z.enum(['passed', 'refused', 'unknown']);
const answer = z.object({ outcome, refusals: list(refusal) });
export type RollbackAnswerJson = z.output<typeof answer>;

const candidate = z.object({
  release: releaseRef,
  inCatalogue: z.boolean(),
  outcome,
  continuity: answer,
  signature: answer,
  counter: answer,
  compatibility: answer,
  storage: z.extend(answer, {
    kept: texts,
    fetched: list(z.object({ component: text, file: text, kind: z.enum(['delta', 'full']), bytes: uint })),
    download: z.optional(z.object({ cut: text, bytes: uint })),
    slotsUnknown: z.optional(z.literal(true)),
  }),
});
export type RollbackCandidateJson = z.output<typeof candidate>;

/** What a device would go back to. */
export const rollbackAnswer = z.object({
  device: text,
  product: text,
  running: releaseRef,
  assumed,
  /** Digest of the newest candidate that passes every question; null: none. */
  target: z.nullable(text),
  /** No newer candidate is unknown: the device cannot choose otherwise. */
  certain: z.boolean(),
  /** The newest first. */
  candidates: list(candidate),
});
export type RollbackAnswer = z.output<typeof rollbackAnswer>;

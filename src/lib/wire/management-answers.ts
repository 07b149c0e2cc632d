import * as z from 'zod/mini';

/**
 * What hawkBit's Management API answers, as far as this program reads it: members nobody needs are dropped, and what some
 * versions leave out may be absent.
 *
 * @see https://eclipse.dev/hawkbit/apis/management_api/
 */

const id = z.int().check(z.minimum(0));
const count = z.int().check(z.minimum(0));
const maybe = <T extends z.core.SomeType>(schema: T) => z.optional(z.nullable(schema));

/** A page of a list. `total` is of all pages. */
export const pageOf = <T extends z.ZodMiniType>(item: T) => z.object({ content: z.array(item), total: count });

export const tagAnswer = z.object({ id, name: z.string(), description: maybe(z.string()) });
export type TagAnswer = z.output<typeof tagAnswer>;

export const targetAnswer = z.object({
  controllerId: z.string(),
  group: maybe(z.string()),
  /** Milliseconds since 1970. */
  lastControllerRequestAt: maybe(z.number()),
  pollStatus: maybe(z.object({ overdue: maybe(z.boolean()) })),
});

export const moduleAnswer = z.object({ id, name: z.string(), version: z.string() });
export const artifactAnswer = z.object({
  id,
  providedFilename: maybe(z.string()),
  size: maybe(z.number()),
  hashes: maybe(z.object({ sha256: maybe(z.string()) })),
});

export const setAnswer = z.object({
  id,
  name: z.string(),
  version: z.string(),
  description: maybe(z.string()),
  complete: maybe(z.boolean()),
  modules: maybe(z.array(z.object({ id }))),
});
export type SetAnswer = z.output<typeof setAnswer>;

export const rolloutAnswer = z.object({
  id,
  name: z.string(),
  status: z.string(),
  distributionSetId: maybe(id),
  targetFilterQuery: maybe(z.string()),
  totalTargets: maybe(count),
  totalTargetsPerStatus: maybe(
    z.object({
      notstarted: z._default(count, 0),
      scheduled: z._default(count, 0),
      running: z._default(count, 0),
      finished: z._default(count, 0),
      error: z._default(count, 0),
      cancelled: z._default(count, 0),
    }),
  ),
  /** Ours tells it; in hawkBit these are `finished`. */
  alreadyAssigned: maybe(count),
});
export type RolloutAnswer = z.output<typeof rolloutAnswer>;

export const groupAnswer = z.object({ id });

export const actionAnswer = z.object({
  id,
  /** `pending` or `finished` in hawkBit, where `detailStatus` says more. */
  status: maybe(z.string()),
  detailStatus: maybe(z.string()),
  active: maybe(z.boolean()),
  /** Milliseconds since 1970. */
  createdAt: maybe(z.number()),
  lastModifiedAt: maybe(z.number()),
  /** The device stands in the address alone. */
  _links: z.object({ self: z.object({ href: z.string() }) }),
});
export type ActionAnswer = z.output<typeof actionAnswer>;

export const actionStatusAnswer = z.object({
  type: maybe(z.string()),
  messages: maybe(z.array(z.string())),
  /** Milliseconds since 1970. */
  reportedAt: maybe(z.number()),
});

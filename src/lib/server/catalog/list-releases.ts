import satisfies from 'semver/functions/satisfies.js';
import validRange from 'semver/ranges/valid.js';
import * as z from 'zod/mini';
import { channelName, MAX_RELEASES_PAGE, type ReleasePage } from '../../wire/catalog.js';
import type { Queryable } from '../database/database.js';
import { badRequest } from '../http/server-failure.js';
import { releaseView } from './release-view.js';
import { storedReleases } from './stored-release.js';

const DEFAULT_LIMIT = 100;
const text = z.string().check(z.minLength(1), z.maxLength(256));

export const releasesQuery = z.strictObject({
  product: z.optional(text),
  /** Those that are in it themselves. */
  channel: z.optional(channelName),
  version: z.optional(text),
  /** Of semantic versions: `>=1.4 <3`. */
  versionRange: z.optional(
    text.check(z.refine((range) => validRange(range) !== null, 'expected a range like ">=1.4 <3"')),
  ),
  limit: z.optional(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(MAX_RELEASES_PAGE))),
  cursor: z.optional(text),
});

/** A page of releases, by product and then the newest first. @throws ServerFailure 400: the cursor is none */
export async function listReleases(
  db: Queryable,
  tenantId: number,
  query: z.output<typeof releasesQuery>,
): Promise<ReleasePage> {
  const { product, channel, version, versionRange, limit = DEFAULT_LIMIT, cursor } = query;
  // A catalogue has hundreds of releases, not millions: ranges of versions are judged here, by a few columns.
  const rows = await db
    .selectFrom('release')
    .select(['id', 'version', 'digest'])
    .where('tenant_id', '=', tenantId)
    .$if(product !== undefined, (some) => some.where('product', '=', product!))
    .$if(version !== undefined, (some) => some.where('version', '=', version!))
    .$if(channel !== undefined, (some) =>
      some.where('id', 'in', (from) =>
        from.selectFrom('release_channel').select('release_id').where('channel', '=', channel!),
      ),
    )
    .orderBy('product')
    .orderBy('sequence', 'desc')
    .orderBy('id', 'desc')
    .execute();
  const found = rows.filter(
    (row) => versionRange === undefined || satisfies(row.version, versionRange, { includePrerelease: true }),
  );
  const last = cursor === undefined ? -1 : found.findIndex(({ digest }) => digest === cursor);
  if (cursor !== undefined && last === -1) throw badRequest('the cursor is none of this list; begin again without one');
  const page = found.slice(last + 1, last + 1 + limit);
  const ids = page.map(({ id }) => id);
  const releases =
    ids.length === 0 ? [] : await storedReleases(db, tenantId, (some) => some.where('release.id', 'in', ids));
  return {
    items: releases.map(releaseView),
    total: found.length,
    next: last + 1 + limit < found.length ? page.at(-1)!.digest : null,
  };
}

import type { Release } from '../../catalog/release.js';
import type { Destination, UpgradePath } from '../../catalog/upgrade-path.js';
import { upgradePath } from '../../catalog/upgrade-path.js';
import { escapeText } from '../../core/text.js';
import type { AssumedFact, PathAnswer, UpgradePathJson } from '../../wire/catalog.js';
import { readSettings } from '../access/tenant-settings.js';
import type { Queryable } from '../database/database.js';
import { badRequest, conflict, notFound, ServerFailure } from '../http/server-failure.js';
import { catalogueRules } from './catalogue-rules.js';
import { type DeviceStanding, deviceStanding } from './device-standing.js';
import { findByDigest } from './find-release.js';
import { type KnownDevice, knownDevice } from './known-device.js';
import { releasesOf } from './stored-release.js';

/** What a search may cost: polls of devices wait for it, so no longer than about 100 ms. */
const MAX_JUDGEMENTS = 1_000;

export interface PathQuery {
  readonly product?: string | undefined;
  /** A version, a digest or its beginning, `device:ID`. */
  readonly from: string;
  /** A version, a digest or its beginning, `channel:NAME`. */
  readonly to: string;
}

/**
 * The way of a device, or of any that runs a release, to another release or a channel's newest.
 *
 * @throws ServerFailure 400 the product has to be said, 404 there is no such product, release, channel or device, or
 *   nothing is known of what the device runs; 409 a version or the beginning of a digest means several releases
 */
export async function findPath(
  db: Queryable,
  query: PathQuery,
  { tenantId, now }: { tenantId: number; now: number },
): Promise<PathAnswer> {
  const deviceId = /^device:(.*)$/su.exec(query.from)?.[1];
  const device = deviceId === undefined ? undefined : await knownDevice(db, tenantId, deviceId);
  const product = await productOf(db, query, { tenantId, device });
  const releases = await releasesOf(db, tenantId, product);
  if (releases.length === 0) throw notFound(`release of a product ${escapeText(product)}`);
  const standing = device && deviceStanding(device, releases);
  if (device !== undefined && standing === undefined) throw unknownStanding(device.controllerId);
  const path = upgradePath({
    releases,
    from: standing?.origin ?? namedRelease(query.from, releases),
    to: destination(query.to, releases),
    ...(standing && { device: standing.facts }),
    channels: (await readSettings(db, tenantId))['catalog.channels'],
    maxJudgements: MAX_JUDGEMENTS,
    ...(await catalogueRules(db, { tenantId, product, now }, releases)),
  });
  const assumed: readonly AssumedFact[] = standing?.assumed ?? [];
  return { product, asked: { from: query.from, to: query.to }, assumed, path: told(path, query) };
}

/** @throws ServerFailure 404 */
export function requireStanding(device: KnownDevice, releases: readonly Release[]): DeviceStanding {
  const standing = deviceStanding(device, releases);
  if (standing === undefined) throw unknownStanding(device.controllerId);
  return standing;
}

function unknownStanding(controllerId: string): ServerFailure {
  return new ServerFailure(
    404,
    'NOT_FOUND',
    `nothing is known of what ${escapeText(controllerId)} runs: it tells of no image, and no release was seen to be installed`,
    { suggestions: ['Let it tell `ota.COMPONENT.sha256` in its attributes (docs/device-attributes.md).'] },
  );
}

async function productOf(
  db: Queryable,
  { product, from, to }: PathQuery,
  { tenantId, device }: { tenantId: number; device: KnownDevice | undefined },
): Promise<string> {
  const known = product ?? device?.told.product ?? device?.installedProduct;
  if (known !== undefined) return known;
  const digest = [from, to].find(isDigest);
  if (digest !== undefined) return (await findByDigest(db, tenantId, digest)).metadata.product;
  const rows = await db
    .selectFrom('release')
    .select('product')
    .distinct()
    .where('tenant_id', '=', tenantId)
    .orderBy('product')
    .execute();
  const [only, ...others] = rows.map((row) => row.product);
  if (only === undefined) throw notFound('release yet');
  if (others.length === 0) return only;
  throw badRequest(`say which product is meant: ${[only, ...others].slice(0, 20).join(', ')}`);
}

function destination(to: string, releases: readonly Release[]): Destination {
  const channel = /^channel:(.*)$/su.exec(to)?.[1];
  return channel === undefined ? namedRelease(to, releases) : { channel };
}

/** @throws ServerFailure 404, 409: of a digest's beginning */
function namedRelease(name: string, releases: readonly Release[]): { version: string } | { digest: string } {
  if (!isDigest(name)) return { version: name };
  const [found, ...others] = releases.filter(({ digest }) => digest.startsWith(name));
  if (found === undefined) throw notFound(`release ${name} of this product`);
  if (others.length === 0) return { digest: found.digest };
  throw conflict(`several releases begin with ${name}`, ['Give more digits.']);
}

function isDigest(name: string): boolean {
  return /^[0-9a-f]{8,64}$/.test(name);
}

/** What is not there is a failure, whatever else is an answer. */
function told(path: UpgradePath, query: PathQuery): UpgradePathJson {
  switch (path.outcome) {
    case 'unknown':
      throw new ServerFailure(404, 'NOT_FOUND', `there is no release ${escapeText(query[path.which].slice(0, 256))}`, {
        suggestions: ['`fleet catalog list` shows what is published.'],
      });
    case 'unknown-channel':
      throw new ServerFailure(404, 'NOT_FOUND', `there is no channel ${escapeText(path.channel.slice(0, 64))}`, {
        suggestions: ['`fleet catalog channel list` shows those that there are.'],
      });
    case 'ambiguous':
      throw conflict(
        `${escapeText(query[path.which])} was published several times: ${path.releases.map(({ digest }) => digest.slice(0, 12)).join(', ')}`,
        ['Say which by its digest.'],
      );
    default:
      return path;
  }
}

import type { Transaction } from 'kysely';
import { publishedRelease, type Release } from '../../catalog/release.js';
import { escapeText } from '../../core/text.js';
import { versionOrderKey } from '../../query/version-order.js';
import type { Publication, ReleaseJson } from '../../wire/catalog.js';
import { packageMark } from '../../wire/package-mark.js';
import { readSettings } from '../access/tenant-settings.js';
import {
  type IncomingArtifact,
  keepArtifact,
  type ReceivedArtifact,
  receiveArtifact,
  type StagedCuts,
  stageCuts,
} from '../artifacts/store-artifact.js';
import type { VerifiedPackage } from '../artifacts/verify-package.js';
import { audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { ServerFailure } from '../http/server-failure.js';
import { type CatalogueChange, enterChannel, lockCatalogue } from './channel-entry.js';
import { checkEntry, checkPublication } from './check-publication.js';
import { findById } from './find-release.js';
import { proofText, recordText } from './release-record.js';
import { releaseView } from './release-view.js';
import { releasesOf, type StoredRelease } from './stored-release.js';

export interface PublicationRequest extends CatalogueChange, IncomingArtifact {
  /** To enter; none: it is published, and nobody who follows a channel gets it. */
  readonly channels: readonly string[];
  /** It may enter channels below their newest. */
  readonly allowsOlder: boolean;
  readonly isDryRun: boolean;
}

/**
 * Publishes a package: its file and its cuts, a distribution set that devices can be assigned, its place in the
 * catalogue and in channels, all of it or nothing. Publishing what is there already changes nothing but its channels.
 *
 * @throws ServerFailure as `receiveArtifact`, `checkPublication`, `checkEntry`; 422 it is no package
 */
export async function publishRelease(server: ServerContext, request: PublicationRequest): Promise<Publication> {
  const { database } = server;
  await using received = await receiveArtifact(server, request);
  const { verified } = received;
  if (verified === undefined) {
    throw new ServerFailure(422, 'CONTAINER_INVALID', `${escapeText(request.filename)}: it is no .ota package`, {
      suggestions: ['Only packages of `ota pack` are releases; other formats are uploaded as artifacts of a module.'],
    });
  }
  const release = publishedRelease(verified.pkg, received.blob.size);
  // Judged before the cuts are made, which takes longer than anything else, and again when nobody else can change it.
  const { known, entering } = await judge(database.sql, release, request);
  if (request.isDryRun) {
    const view = known === undefined ? foreseen(release, request) : releaseView(known);
    return { isDryRun: true, published: known === undefined, entered: entering, release: view };
  }
  if (known !== undefined && entering.length === 0) {
    return { isDryRun: false, published: false, entered: [], release: releaseView(known) };
  }
  await using cuts = known === undefined ? await stageCuts(server, received, request.signal) : NO_CUTS;
  return await database.transaction((tx) => publish(tx, server, { request, release, received, verified, cuts }));
}

/** For what is published already, and is not taken away any more. */
const NO_CUTS: StagedCuts = { list: [], [Symbol.asyncDispose]: async () => undefined };

interface Judgement {
  readonly known: StoredRelease | undefined;
  /** Channels that it is not in. */
  readonly entering: readonly string[];
}

async function judge(db: Queryable, release: Release, request: PublicationRequest): Promise<Judgement> {
  const { tenantId, channels, allowsOlder } = request;
  const published = await releasesOf(db, tenantId, release.metadata.product);
  const known = checkPublication(release, published);
  const isIn = new Set(known?.channels.map(({ name }) => name));
  const entering = [...new Set(channels)].filter((channel) => !isIn.has(channel));
  const order = (await readSettings(db, tenantId))['catalog.channels'];
  for (const channel of entering) checkEntry(known ?? release, channel, published, { order, allowsOlder });
  return { known, entering };
}

interface Prepared {
  readonly request: PublicationRequest;
  readonly release: Release;
  readonly received: ReceivedArtifact;
  readonly verified: VerifiedPackage;
  readonly cuts: StagedCuts;
}

async function publish(tx: Transaction<Schema>, server: ServerContext, prepared: Prepared): Promise<Publication> {
  const { request, release } = prepared;
  await lockCatalogue(tx, request.tenantId);
  const { known, entering } = await judge(tx, release, request);
  const id = known?.id ?? (await insertRelease(tx, server, prepared));
  for (const channel of entering) await enterChannel(tx, { ...release, id }, channel, request);
  const view = releaseView(await findById(tx, request.tenantId, id));
  return { isDryRun: false, published: known === undefined, entered: entering, release: view };
}

async function insertRelease(tx: Transaction<Schema>, server: ServerContext, prepared: Prepared): Promise<number> {
  const { request, release, received, verified, cuts } = prepared;
  const { tenantId, actor, now } = request;
  const { digest, metadata } = release;
  const { product, version, vendor, sequence, securityCounter } = metadata;
  const made = { tenant_id: tenantId, version, created_at: now, created_by: actor };
  const name = await freeSetName(tx, release, tenantId);
  const { id: moduleId } = await tx
    .insertInto('software_module')
    .values({ ...made, type_key: 'os', name, vendor: vendor ?? null })
    .returning('id')
    .executeTakeFirstOrThrow();
  const artifact = await keepArtifact(tx, server, { received, cuts, place: { moduleId, actor } });
  const { id: setId } = await tx
    .insertInto('distribution_set')
    .values({
      ...{ ...made, type_key: 'os', name, version_order: versionOrderKey(version) ?? '', is_migration_required: 0 },
      // Whoever knows this server as a hawkBit finds the package by it.
      description: packageMark(digest),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('distribution_set_module')
    .values({ set_id: setId, module_id: moduleId, tenant_id: tenantId })
    .execute();
  const { id } = await tx
    .insertInto('release')
    .values({
      ...{ ...made, set_id: setId, artifact_id: artifact.id, product, sequence, digest },
      ...{ security_counter: securityCounter, metadata: verified.container.metadataBytes.toString('utf8') },
      ...{ record: recordText(verified.pkg, received.blob.size), proof: proofText(verified.container) },
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const detail = { product, version, sequence, filename: request.filename, distributionSet: setId };
  await audit(tx, { tenantId, actor, action: 'release.published', object: `release:${digest}`, detail, now });
  return id;
}

/** The product where no other set of this version has that name: it may be published for several kinds of device. */
async function freeSetName(tx: Transaction<Schema>, { digest, metadata }: Release, tenantId: number): Promise<string> {
  const { product, version, compatible } = metadata;
  const taken = await tx
    .selectFrom('distribution_set')
    .select('name')
    .where('tenant_id', '=', tenantId)
    .where('version', '=', version)
    .where('deleted_at', 'is', null)
    .execute();
  const names = new Set(taken.map(({ name }) => name));
  const models = `${product} for ${compatible.models.join(', ')}`;
  const free = [product, models].find((name) => name.length <= MAX_SET_NAME && !names.has(name));
  return free ?? `${product} ${digest.slice(0, 12)}`;
}

/** As in hawkBit. */
const MAX_SET_NAME = 128;

/** What would be published, without what only publishing gives it. */
function foreseen(
  release: Release,
  { filename, channels, actor, now }: PublicationRequest,
): Omit<ReleaseJson, 'distributionSet'> & { distributionSet: null } {
  const unsaved = { id: 0, setId: 0, setName: '', setVersion: '', proof: '' };
  const entered = [...new Set(channels)].map((name) => ({ name, enteredAtMs: now }));
  const stored = { ...release, ...unsaved, filename, channels: entered, publishedAt: now, publishedBy: actor };
  return { ...releaseView(stored), distributionSet: null };
}

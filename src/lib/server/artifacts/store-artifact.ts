import type { Transaction } from 'kysely';
import { openFile } from '../../core/file-access.js';
import { ResourceStack } from '../../core/resource-stack.js';
import type { JsonObject } from '../../core/strict-json.js';
import { escapeText } from '../../core/text.js';
import { targetsOf } from '../../package/metadata.js';
import { containerBytes } from '../../package/write-container.js';
import { readSettings } from '../access/tenant-settings.js';
import { audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import type { Schema } from '../database/schema.js';
import { badRequest, conflict, notFound, ServerFailure } from '../http/server-failure.js';
import type { BlobDigests, StagedBlob } from './blob-store.js';
import { cutFilename, packageCuts } from './package-cuts.js';
import { looksLikePackage, type VerifiedPackage, verifyPackage } from './verify-package.js';

/** Longest name of an artifact, characters; what is added for a cut has room beside it. */
export const MAX_FILENAME_LENGTH = 200;

/** Bytes on their way to the server. */
export interface IncomingArtifact {
  readonly tenantId: number;
  readonly filename: string;
  /** The bytes, read once. */
  readonly source: AsyncIterable<Uint8Array>;
  /** Digests that the sender has computed, hexadecimal. */
  readonly expected?: {
    readonly md5?: string | undefined;
    readonly sha1?: string | undefined;
    readonly sha256?: string | undefined;
  };
  readonly signal?: AbortSignal;
}

/** Where an artifact is put, and by whom. */
export interface ArtifactPlace {
  readonly moduleId: number;
  readonly actor: string;
}

export type ArtifactUpload = IncomingArtifact & ArtifactPlace;

/** An artifact that has arrived and may be kept. Disposed of, it is gone unless it was kept. */
export interface ReceivedArtifact extends AsyncDisposable {
  readonly tenantId: number;
  readonly filename: string;
  readonly blob: StagedBlob;
  /** `ota`, or the ending of a format that the server cannot verify. */
  readonly format: string;
  /** Absent: of a format that cannot be verified. */
  readonly verified: VerifiedPackage | undefined;
}

export interface StoredArtifact extends BlobDigests {
  readonly id: number;
  readonly moduleId: number;
  readonly filename: string;
  /** As of what was received. */
  readonly format: string;
  readonly verification: 'verified' | 'unverified';
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/**
 * Takes an artifact into a software module: streamed, hashed, capped, verified, cut for its devices. When it throws,
 * nothing was kept.
 *
 * @throws ServerFailure 404 no such module; 409 the module has the filename; 413 over a quota; as {@link receiveArtifact}
 */
export async function storeArtifact(server: ServerContext, upload: ArtifactUpload): Promise<StoredArtifact> {
  checkFilename(upload.filename);
  await requireFreeName(server.database.sql, upload, [upload.filename]);
  await using received = await receiveArtifact(server, upload);
  await using cuts = await stageCuts(server, received, upload.signal);
  return await server.database.transaction((tx) => keepArtifact(tx, server, { received, cuts, place: upload }));
}

/**
 * Takes bytes in and verifies them, before it is decided whether they are kept.
 *
 * A package is known by its bytes: whatever its name, it must verify under the tenant's trust root.
 *
 * @throws ServerFailure 400 filename, digests; 422 a format that the tenant does not accept, or no trust root;
 *   OtaError as `BlobStore.receive` and `verifyPackage`
 */
export async function receiveArtifact(server: ServerContext, incoming: IncomingArtifact): Promise<ReceivedArtifact> {
  const { blobs, database, clock, settings } = server;
  const { tenantId, filename, source, signal } = incoming;
  checkFilename(filename);
  await using open = new ResourceStack();
  const limits = { maxBytes: settings.maxArtifactBytes, ...(signal && { signal }) };
  const blob = open.use(await blobs.receive(source, limits));
  requireDigests(incoming, blob);
  const { acceptedFormats, trustRoot } = await readSettings(database.sql, tenantId);
  const file = open.use(await openFile(blob.path));
  const start = Buffer.alloc(16);
  const data = { name: escapeText(filename), size: file.size, read: file.read };
  const format = looksLikePackage(start.subarray(0, await data.read(start, 0))) ? 'ota' : endingOf(filename);
  if (!acceptedFormats.includes(format)) {
    const accepted = acceptedFormats.map((ending) => `.${ending}`).join(', ') || 'none';
    throw new ServerFailure(422, 'FORMAT_REFUSED', `${data.name}: this tenant accepts ${accepted}`, {
      suggestions: ['Upload an .ota package, or let an administrator change acceptedFormats.'],
    });
  }
  const verified =
    format === 'ota'
      ? await verifyPackage(data, {
          trustRoot: trustRoot as JsonObject | null,
          now: clock.now(),
          ...(signal && { signal }),
        })
      : undefined;
  const kept = open.move();
  const dispose = () => kept[Symbol.asyncDispose]();
  return { tenantId, filename, blob, format, verified, [Symbol.asyncDispose]: dispose };
}

interface StagedCut {
  readonly label: string;
  readonly filename: string;
  readonly bases: Readonly<Record<string, string>>;
  readonly blob: StagedBlob;
}

/** The parts of a package that devices fetch, as files that belong to nobody yet. */
export interface StagedCuts extends AsyncDisposable {
  readonly list: readonly StagedCut[];
}

/** Writes the cuts of a package beside it; one that holds everything is the upload itself. */
export async function stageCuts(
  { blobs, settings }: ServerContext,
  { filename, blob, verified }: ReceivedArtifact,
  signal?: AbortSignal,
): Promise<StagedCuts> {
  await using open = new ResourceStack();
  const list: StagedCut[] = [];
  const { container, pkg } = verified ?? {};
  for (const { label, bases, payloads } of pkg === undefined ? [] : packageCuts(pkg.payloads)) {
    if (payloads.length === pkg?.payloads.length) {
      list.push({ label, filename, bases, blob });
      continue;
    }
    const files = payloads.map(({ entry, data }) => ({ file: entry.file, data }));
    const bytes = containerBytes({ ...container!, payloads: files }, signal);
    const cut = open.use(await blobs.receive(bytes, { maxBytes: settings.maxArtifactBytes }));
    list.push({ label, filename: cutFilename(filename, label), bases, blob: cut });
  }
  const kept = open.move();
  return { list, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

export interface ArtifactToKeep {
  readonly received: ReceivedArtifact;
  readonly cuts: StagedCuts;
  readonly place: ArtifactPlace;
}

/**
 * Keeps an artifact and its cuts, in the caller's transaction.
 *
 * @throws ServerFailure 404 no such module, 409 the module has the filename, 413 over a quota
 */
export async function keepArtifact(
  tx: Transaction<Schema>,
  { blobs, clock }: ServerContext,
  { received, cuts: { list: cuts }, place: { moduleId, actor } }: ArtifactToKeep,
): Promise<StoredArtifact> {
  const { tenantId, filename, blob, format, verified } = received;
  const now = clock.now().getTime();
  await requireFreeName(tx, { tenantId, moduleId }, [filename, ...cuts.map((cut) => cut.filename)]);
  await requireQuota(tx, tenantId, blob.size);
  const verification = verified === undefined ? 'unverified' : 'verified';
  const targets = verified && [...targetsOf(verified.pkg.metadata)].map(([name, { sha256 }]) => [name, sha256]);
  const { id } = await tx
    .insertInto('artifact')
    .values({
      ...{ tenant_id: tenantId, module_id: moduleId, filename, ...digestsOf(blob), format, verification },
      package_digest: verified?.pkg.digest ?? null,
      targets: targets === undefined ? null : JSON.stringify(Object.fromEntries(targets)),
      ...{ created_at: now, created_by: actor },
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  for (const { label, filename: cutName, bases, blob: cut } of cuts) {
    await tx
      .insertInto('artifact_cut')
      .values({
        ...{ tenant_id: tenantId, artifact_id: id, label, filename: cutName, bases: JSON.stringify(bases) },
        ...digestsOf(cut),
      })
      .execute();
  }
  const stored: StoredArtifact = {
    ...{ id, moduleId, filename, ...digestsOf(blob), format, verification, createdAt: now },
  };
  await audit(tx, {
    ...{ tenantId, actor, action: 'artifact.uploaded', object: `module:${moduleId}` },
    ...{ detail: { artifact: id, filename, sha256: blob.sha256, size: blob.size, format, verification }, now },
  });
  for (const one of new Set([blob, ...cuts.map((cut) => cut.blob)])) await blobs.claim(tx, one, now);
  return stored;
}

function digestsOf({ size, md5, sha1, sha256 }: BlobDigests): BlobDigests {
  return { size, md5, sha1, sha256 };
}

/** @throws ServerFailure 404 for a module that the tenant does not have, 409 for a name that something in it has */
async function requireFreeName(
  db: ServerContext['database']['sql'],
  { tenantId, moduleId }: Pick<ArtifactUpload, 'tenantId' | 'moduleId'>,
  filenames: readonly string[],
): Promise<void> {
  const module = await db
    .selectFrom('software_module')
    .select('id')
    .where('id', '=', moduleId)
    .where('tenant_id', '=', tenantId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (module === undefined) throw notFound(`software module ${moduleId}`);
  const taken = await db
    .selectFrom('artifact')
    .leftJoin('artifact_cut', 'artifact_cut.artifact_id', 'artifact.id')
    .select('artifact.filename')
    .where('module_id', '=', moduleId)
    .where((where) =>
      where.or([where('artifact.filename', 'in', filenames), where('artifact_cut.filename', 'in', filenames)]),
    )
    .executeTakeFirst();
  if (taken === undefined) return;
  throw conflict(`software module ${moduleId} has an artifact "${escapeText(taken.filename)}" already`, [
    'Delete it first, or make another version of the module.',
  ]);
}

async function requireQuota(tx: Transaction<Schema>, tenantId: number, size: number): Promise<void> {
  const allowed = (await readSettings(tx, tenantId))['artifacts.maxBytes'];
  const { used } = await tx
    .selectFrom('artifact')
    .select(({ fn }) => fn.sum<string | number | null>('size').as('used'))
    .where('tenant_id', '=', tenantId)
    .executeTakeFirstOrThrow();
  if (Number(used ?? 0) + size <= allowed) return;
  throw new ServerFailure(
    413,
    'QUOTA_EXCEEDED',
    `the tenant's artifacts may have ${allowed} bytes together; they have ${Number(used ?? 0)}, this one has ${size}`,
    { suggestions: ['Delete artifacts that no device needs, or let an administrator raise artifacts.maxBytes.'] },
  );
}

function checkFilename(filename: string): void {
  // It becomes a part of an address, and of a path on devices.
  if (filename.length > MAX_FILENAME_LENGTH || !/^[^\p{C}/\\]+$/u.test(filename) || /^\.{1,2}$/.test(filename)) {
    throw badRequest(
      `"${escapeText(filename.slice(0, 64))}" is no name for an artifact, expected at most ${MAX_FILENAME_LENGTH} characters without / or \\`,
    );
  }
}

function requireDigests({ expected = {} }: IncomingArtifact, got: BlobDigests): void {
  for (const name of ['md5', 'sha1', 'sha256'] as const) {
    const wanted = expected[name]?.toLowerCase();
    if (wanted === undefined || wanted === '' || wanted === got[name]) continue;
    throw badRequest(`${name} of the upload is ${got[name]}, expected ${escapeText(wanted.slice(0, 128))}`);
  }
}

function endingOf(filename: string): string {
  return /\.([A-Za-z0-9]{1,16})$/.exec(filename)?.[1]?.toLowerCase() ?? '';
}

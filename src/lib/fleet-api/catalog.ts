import { Readable } from 'node:stream';
import { OtaError } from '../core/errors.js';
import { chunksOf } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { escapeText } from '../core/text.js';
import {
  MAX_RELEASES_PAGE,
  MIN_DIGEST_PREFIX,
  type Publication,
  publication,
  type ReleaseDetail,
  type ReleaseJson,
  releaseDetail,
  releasePage,
} from '../wire/catalog.js';
import type { FleetClient } from './fleet-client.js';
import { RepeatedPages } from './repeated-pages.js';

export interface ReleaseFilter {
  readonly product?: string | undefined;
  readonly channel?: string | undefined;
  readonly version?: string | undefined;
  readonly versionRange?: string | undefined;
}

/** Releases by product, the newest first. @param most how many at most */
export async function listReleases(
  client: FleetClient,
  filter: ReleaseFilter,
  { most, signal }: { most: number; signal?: AbortSignal },
): Promise<{ releases: ReleaseJson[]; total: number }> {
  const releases: ReleaseJson[] = [];
  let cursor: string | undefined;
  const cursors = new RepeatedPages(`${client.server}/api/v1/releases`);
  for (;;) {
    const limit = Math.min(MAX_RELEASES_PAGE, most - releases.length);
    const query = { ...filter, limit, cursor };
    const page = await client.call('GET', '/api/v1/releases', { query, answer: releasePage, signal });
    releases.push(...page.items);
    if (page.next === null || releases.length >= most) return { releases, total: page.total };
    cursor = cursors.next(page.next, page.items[0]?.digest ?? '');
  }
}

/**
 * The one release that a digest, its beginning or a version names.
 *
 * @throws OtaError NOT_FOUND; CONFLICT where several have the version
 */
export async function findRelease(
  client: FleetClient,
  name: string,
  { product, signal }: { product?: string | undefined; signal?: AbortSignal },
): Promise<ReleaseDetail> {
  if (isDigest(name)) return releaseByDigest(client, name, signal);
  const { releases } = await listReleases(client, { product, version: name }, { most: 20, ...(signal && { signal }) });
  const [found, ...others] = releases;
  if (found === undefined) {
    throw new OtaError('NOT_FOUND', `there is no release ${escapeText(name)}`, [
      `Name it by version or by ${MIN_DIGEST_PREFIX} digits or more of its digest; \`fleet catalog list\` shows both.`,
    ]);
  }
  if (others.length === 0) return releaseByDigest(client, found.digest, signal);
  const called = releases.map((release) => `${release.product} ${release.digest.slice(0, 12)}`).join(', ');
  throw new OtaError('CONFLICT', `several releases have the version ${escapeText(name)}: ${escapeText(called)}`, [
    'Say which by its digest, or add --product.',
  ]);
}

/** @param file a package */
export interface PublishRequest {
  readonly file: RandomAccess;
  readonly filename: string;
  readonly channels: readonly string[];
  readonly allowsOlder: boolean;
  readonly isDryRun: boolean;
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Sends a package to be published. */
export async function publishPackage(client: FleetClient, request: PublishRequest): Promise<Publication> {
  const { file, onBytes, signal } = request;
  const body = Readable.from(copies(file, onBytes, signal), { objectMode: false });
  return sendPackage(client, { ...request, size: file.size, body });
}

/** The same for bytes that come from anywhere. @param request `size` of the body, bytes */
export function sendPackage(
  client: FleetClient,
  request: Omit<PublishRequest, 'file' | 'onBytes' | 'signal'> & {
    readonly size: number;
    readonly body: Readable;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Publication> {
  const { filename, size, body, channels, allowsOlder, isDryRun, signal } = request;
  const query = new URLSearchParams({ filename, older: String(allowsOlder), dryRun: String(isDryRun) });
  for (const channel of channels) query.append('channel', channel);
  return client.call('POST', `/api/v1/releases?${query}`, {
    body,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
    answer: publication,
    signal,
  });
}

/** The release with this digest, if it is published. */
export async function knownRelease(
  client: FleetClient,
  digest: string,
  signal?: AbortSignal,
): Promise<ReleaseDetail | undefined> {
  try {
    return await releaseByDigest(client, digest, signal);
  } catch (error) {
    if (error instanceof OtaError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

function releaseByDigest(client: FleetClient, digest: string, signal: AbortSignal | undefined): Promise<ReleaseDetail> {
  return client.call('GET', `/api/v1/releases/${digest}`, { answer: releaseDetail, signal });
}

function isDigest(name: string): boolean {
  return /^[0-9a-f]{8,64}$/.test(name);
}

/** `chunksOf` uses its buffers again, while a request holds several of them. */
async function* copies(
  file: RandomAccess,
  onBytes: ((bytes: number) => void) | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of chunksOf(file, { signal })) {
    yield Buffer.from(chunk);
    sent += chunk.byteLength;
    onBytes?.(sent);
  }
}

import { createHash, type Hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { strongEtag } from '../net/answer.js';
import type { Pacing } from '../net/pacing.js';
import type { DdiArtifact } from '../wire/ddi.js';
import type { DdiClient } from './ddi-client.js';
import type { Outcome } from './device.js';
import type { Filling, SharedFiles } from './shared-files.js';

/** What a device has of an artifact so far: all its bytes went through the hash, they are kept once for all devices. */
export interface Partial {
  hash: Hash;
  receivedBytes: number;
  etag: string | undefined;
  filling: Filling | undefined;
}

export interface DownloadRequest {
  artifact: DdiArtifact;
  url: URL;
  authorization: string;
  /** Stop there, bytes. */
  stopAt: number | undefined;
  bytesPerSecond: number | undefined;
  /** Where the bytes are kept; absent where nobody needs them. */
  files: SharedFiles | undefined;
  client: DdiClient;
  time: Pacing;
  signal: AbortSignal;
  onBytes(bytes: number): void;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Being ahead of a rate by less than this is not worth a timer. */
const AHEAD_MS = 20;

export function beginPartial({ hashes }: DdiArtifact): Partial {
  return { hash: createHash(algorithmOf(hashes)), receivedBytes: 0, etag: undefined, filling: undefined };
}

/** Some servers tell nothing better than SHA-1: good against accidents, and nothing that is verified relies on it. */
function algorithmOf({ sha256, sha1 }: DdiArtifact['hashes']): 'sha256' | 'sha1' {
  return sha256 === undefined && sha1 !== undefined ? 'sha1' : 'sha256';
}

/**
 * Downloads an artifact, or goes on with it by Range where the server still has the same one, and checks its hash.
 *
 * @param partial what was received before; kept up to date, to be handed in again after a failure
 * @throws OtaError INTERRUPTED, TERMINATED; of status 6 when the disk is full
 */
export async function downloadArtifact(partial: Partial, request: DownloadRequest): Promise<Outcome> {
  const { artifact, client, time, stopAt, files } = request;
  const { sha256, sha1 } = artifact.hashes;
  const expected = sha256 ?? sha1;
  if (expected === undefined) return { type: 'refused', detail: `the server tells no hash of ${artifact.filename}` };
  if (stopAt !== undefined && partial.receivedBytes >= stopAt) return stopped(partial);
  const startedMs = time.monotonicMs();
  const begun = await beginAnswer(partial, request);
  if ('type' in begun) {
    client.end({ kind: 'download', status: begun.status, error: begun.error }, startedMs);
    return begun;
  }
  const { status, headers, body } = begun;
  try {
    if (status !== 206) await restart(partial, artifact, headers);
    else if (!continues(headers, partial.receivedBytes, artifact.size)) {
      client.end({ kind: 'download', error: 'wrong range' }, startedMs);
      await restart(partial, artifact, {});
      return { type: 'failed' };
    }
    if (sha256 !== undefined && partial.receivedBytes === 0) partial.filling ??= files?.begin(sha256);
    const end = await receive(body, partial, request);
    client.end({ kind: 'download', status }, startedMs);
    return end ?? (await checked(partial, artifact, expected));
  } catch (error) {
    if (!isOfConnection(error)) throw error;
    const failed = client.connectionFailed(error);
    client.end({ kind: 'download', error: failed.error }, startedMs);
    return failed;
  } finally {
    body.destroy();
  }
}

/** The whole file, or the rest of it; redirects are followed, errors are counted by the caller. */
async function beginAnswer(
  { receivedBytes, etag }: Partial,
  { url: first, authorization, client }: DownloadRequest,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Readable } | Extract<Outcome, { type: 'failed' }>> {
  const range = { range: `bytes=${receivedBytes}-`, ...(etag !== undefined && { 'if-range': etag }) };
  const headers = { accept: '*/*', 'accept-encoding': 'identity', ...(receivedBytes > 0 && range) };
  let url = first;
  for (let followed = 0; ; followed++) {
    const answer = await client.begin({ kind: 'download', method: 'GET', url, authorization, headers });
    if ('type' in answer || answer.status === 200 || answer.status === 206) return answer;
    answer.body.on('error', () => {}).resume();
    const to = REDIRECTS.has(answer.status) ? URL.parse(answer.headers.location ?? '', url.href) : null;
    const isAllowed = to?.protocol === 'https:' || (to?.protocol === 'http:' && url.protocol === 'http:');
    // 416: what we hold is no prefix of what the server has now.
    if (answer.status === 416) return { type: 'failed' };
    if (to === null || !isAllowed || followed === MAX_REDIRECTS) return client.failure(answer.status, answer.headers);
    url = to;
  }
}

/** @returns how it ended early; undefined at the end of the body */
async function receive(body: Readable, partial: Partial, request: DownloadRequest): Promise<Outcome | undefined> {
  const { artifact, stopAt = Number.POSITIVE_INFINITY, bytesPerSecond, time, signal, onBytes } = request;
  const [startMs, startBytes] = [time.monotonicMs(), partial.receivedBytes];
  for await (const chunk of body as AsyncIterable<Buffer>) {
    partial.receivedBytes += chunk.length;
    onBytes(chunk.length);
    if (partial.receivedBytes > artifact.size) {
      await abandon(partial);
      return { type: 'refused', detail: `the server sends more than the ${artifact.size} bytes it announced` };
    }
    partial.hash.update(chunk);
    await partial.filling?.write(chunk);
    if (partial.receivedBytes >= stopAt) return stopped(partial);
    if (bytesPerSecond === undefined) continue;
    const dueMs = startMs + ((partial.receivedBytes - startBytes) * 1000) / bytesPerSecond;
    const aheadMs = dueMs - time.monotonicMs();
    if (aheadMs > AHEAD_MS) await time.delay(aheadMs, signal);
  }
  return partial.receivedBytes < artifact.size ? { type: 'failed', error: 'truncated' } : undefined;
}

async function checked(partial: Partial, { filename, hashes }: DdiArtifact, expected: string): Promise<Outcome> {
  const got = partial.hash.digest('hex');
  if (got === expected) {
    await partial.filling?.commit();
    partial.filling = undefined;
    return { type: 'done' };
  }
  await abandon(partial);
  const name = algorithmOf(hashes) === 'sha1' ? 'SHA-1' : 'SHA-256';
  return { type: 'refused', detail: `PAYLOAD_MISMATCH: ${filename} has ${name} ${got}, expected ${expected}` };
}

function stopped({ receivedBytes }: Partial): Outcome {
  return { type: 'stopped', receivedBytes };
}

/** Nothing more will come of it. */
export async function abandon(partial: Partial): Promise<void> {
  await partial.filling?.discard();
  partial.filling = undefined;
}

async function restart(partial: Partial, { hashes }: DdiArtifact, headers: IncomingHttpHeaders): Promise<void> {
  partial.hash = createHash(algorithmOf(hashes));
  partial.receivedBytes = 0;
  partial.etag = strongEtag(headers);
  await partial.filling?.restart();
}

/** RFC 9110, section 14.4 */
function continues(headers: IncomingHttpHeaders, from: number, total: number): boolean {
  const [, first, size] = /^bytes (\d{1,16})-\d{1,16}\/(\d{1,16})$/.exec(headers['content-range'] ?? '') ?? [];
  return Number(first) === from && Number(size) === total;
}

/** What `undici` and sockets throw has a code; a full disk has one of ours. */
function isOfConnection(error: unknown): boolean {
  return error instanceof Error && error.name !== 'OtaError' && 'code' in error;
}

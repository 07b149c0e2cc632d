import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { checkFraming, checkStatus, contentLength, overLimit, strongEtag } from './answer.js';
import { AttemptFailure, connectionFailure } from './attempt-failure.js';
import { parseContentRange } from './content-range.js';
import { openDispatcher } from './dispatcher.js';
import { type Answer, exchange } from './exchange.js';
import { type HttpLimits, type HttpPolicy, limitsOf } from './http-policy.js';
import { MinimumRate } from './minimum-rate.js';
import { type Pacing, systemPacing } from './pacing.js';
import { PartialFile } from './partial-file.js';
import { representationSha256 } from './representation-digest.js';
import { retryDelayMs } from './retry-delay.js';
import { printableUrl } from './source-url.js';

export interface DownloadOptions {
  /** Largest acceptable file, bytes. */
  maxBytes: number;
  policy?: HttpPolicy | undefined;
  pacing?: Pacing | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((receivedBytes: number, totalBytes: number | undefined) => void) | undefined;
}

/** What the first answer told about the whole file; an answer that resumes must agree with it. */
interface Expected {
  etag: string | undefined;
  totalBytes: number | undefined;
  sha256: string | undefined;
}

/** One download: what stays the same from one attempt to the next, and what was learnt so far. */
interface Transfer {
  url: URL;
  source: string;
  file: PartialFile;
  dispatcher: Dispatcher;
  limits: HttpLimits;
  pacing: Pacing;
  options: DownloadOptions;
  expected: Expected | undefined;
}

/**
 * Downloads an address into a new private file.
 *
 * A failure that may pass is retried after a while; what was received is kept when the server has a strong ETag, and
 * thrown away whenever the server seems to serve something else. On any failure the file is removed.
 *
 * @param url    from `parseSourceUrl`
 * @param toPath a file that does not exist yet
 * @returns its size, bytes
 * @throws OtaError of status 7; 9 beyond `maxBytes`; 15 and 16 for what the server refuses or lacks
 */
export async function download(url: URL, toPath: string, options: DownloadOptions): Promise<{ size: number }> {
  const policy = options.policy ?? {};
  const dispatcher = await openDispatcher(policy);
  try {
    const file = await PartialFile.create(toPath);
    try {
      const transfer: Transfer = {
        url,
        source: printableUrl(url),
        file,
        dispatcher,
        limits: limitsOf(policy),
        pacing: options.pacing ?? systemPacing,
        options,
        expected: undefined,
      };
      await untilDone(transfer);
      await file.close();
      return { size: file.size };
    } catch (error) {
      await file.discard();
      throw error;
    }
  } finally {
    await dispatcher.destroy();
  }
}

async function untilDone(transfer: Transfer): Promise<void> {
  const { limits, pacing, options } = transfer;
  for (let attempt = 1; ; attempt++) {
    try {
      return await receiveOnce(transfer);
    } catch (failure) {
      if (!(failure instanceof AttemptFailure)) throw failure;
      if (attempt === limits.attempts) throw exhausted(failure.reason, attempt);
      if ((failure.retryAfterMs ?? 0) > limits.retryAfterLimitMs) throw failure.reason;
      if (failure.restart) transfer.expected = undefined;
      await pause(retryDelayMs(attempt, failure.retryAfterMs, limits, pacing), pacing, options.signal);
    }
  }
}

async function pause(durationMs: number, pacing: Pacing, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pacing.delay(durationMs, signal);
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}

async function receiveOnce(transfer: Transfer): Promise<void> {
  const { url, source, file, dispatcher, limits, pacing, options } = transfer;
  const { etag } = transfer.expected ?? {};
  if (etag === undefined) await file.clear();
  const resume: Record<string, string> =
    etag === undefined || file.size === 0 ? {} : { range: `bytes=${file.size}-`, 'if-range': etag };
  const answer = await exchange(url, {
    dispatcher,
    // Only the file's own bytes can be resumed and counted: no compression on the way.
    headers: { 'accept-encoding': 'identity', 'want-repr-digest': 'sha-256=10', 'user-agent': 'ota-fleet', ...resume },
    credential: options.policy?.credential,
    redirects: limits.redirects,
    signal: options.signal,
  });
  try {
    checkStatus(answer.status, answer.headers, source, pacing.now());
    checkFraming(answer.headers, source);
    if (answer.status === 206) checkContinuation(answer, transfer);
    else transfer.expected = await startOver(answer, file);
    if ((transfer.expected?.totalBytes ?? 0) > options.maxBytes) throw overLimit(source, options.maxBytes);
    await receiveBody(answer.body, transfer);
  } finally {
    answer.body.destroy();
  }
  checkWhole(transfer);
}

async function startOver(answer: Answer, file: PartialFile): Promise<Expected> {
  await file.clear();
  return {
    etag: strongEtag(answer.headers),
    totalBytes: contentLength(answer.headers),
    sha256: representationSha256(headerText(answer.headers['repr-digest'])),
  };
}

/** A 206 must be the rest of exactly what was begun; anything else could splice two files into one. */
function checkContinuation(answer: Answer, { expected, file, source }: Transfer): void {
  const range = parseContentRange(answer.headers['content-range']);
  const length = contentLength(answer.headers);
  const continues =
    expected?.etag !== undefined &&
    range !== undefined &&
    range.first === file.size &&
    range.totalBytes !== undefined &&
    range.last === range.totalBytes - 1 &&
    (expected.totalBytes ?? range.totalBytes) === range.totalBytes &&
    (length ?? range.totalBytes - range.first) === range.totalBytes - range.first &&
    (answer.headers.etag ?? expected.etag) === expected.etag;
  if (continues) return;
  const reason = new OtaError('NETWORK_FAILED', `${source}: the server answered with another part than was asked for`, [
    'Try again; if it stays, tell the operator of the server.',
  ]);
  throw new AttemptFailure(reason, { restart: true });
}

async function receiveBody(body: Readable, transfer: Transfer): Promise<void> {
  const { source, file, limits, pacing, options } = transfer;
  const rate = new MinimumRate(limits.minimumBytesPerSecond, limits.rateWindowMs);
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  for (;;) {
    const askedMs = pacing.monotonicMs();
    const next = await chunks.next().catch((error: unknown) => {
      throwIfAborted(options.signal);
      throw cutOff(error, transfer);
    });
    if (next.done) return;
    const tooSlow = rate.tooSlowAfter(next.value.byteLength, pacing.monotonicMs() - askedMs);
    if (tooSlow !== undefined) {
      throw new OtaError(
        'NETWORK_FAILED',
        `${source}: ${Math.floor(tooSlow)} bytes a second, at least ${limits.minimumBytesPerSecond} are required`,
        ['Use a faster mirror.'],
      );
    }
    if (file.size + next.value.byteLength > options.maxBytes) throw overLimit(source, options.maxBytes);
    await file.append(next.value);
    options.onProgress?.(file.size, transfer.expected?.totalBytes);
  }
}

function cutOff(error: unknown, transfer: Transfer): AttemptFailure | OtaError {
  const failure = connectionFailure(error, transfer.source);
  return failure instanceof OtaError && failure.code === 'TLS_FAILED' ? failure : truncated(transfer);
}

function checkWhole(transfer: Transfer): void {
  const { expected, file, source } = transfer;
  if (expected?.totalBytes !== undefined && file.size !== expected.totalBytes) throw truncated(transfer);
  if (expected?.sha256 === undefined || expected.sha256 === file.sha256()) return;
  const reason = new OtaError(
    'NETWORK_FAILED',
    `${source}: SHA-256 is ${file.sha256()}, the server announced ${expected.sha256}`,
    ['Try again; if it stays, tell the operator of the server.'],
  );
  throw new AttemptFailure(reason, { restart: true });
}

function truncated({ source, file, expected }: Transfer): AttemptFailure {
  const total = expected?.totalBytes === undefined ? '' : ` of ${expected.totalBytes}`;
  return new AttemptFailure(
    new OtaError('DOWNLOAD_TRUNCATED', `${source}: the connection ended after ${file.size}${total} bytes`, [
      'Try again.',
    ]),
  );
}

function exhausted(reason: OtaError, attempts: number): OtaError {
  return new OtaError(reason.code, `${reason.message} (attempt ${attempts} of ${attempts})`, reason.suggestions);
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

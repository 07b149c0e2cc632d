import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { checkFraming, checkStatus, contentLength, overLimit, strongEtag } from './answer.js';
import { AttemptFailure, connectionFailure } from './attempt-failure.js';
import {
  checkContinuation,
  checkUnchanged,
  continuationHeaders,
  type Resumable,
  resumableFrom,
} from './continuation.js';
import { openDispatcher } from './dispatcher.js';
import type { DownloadTarget, KnownFile } from './download-target.js';
import { type Answer, exchange } from './exchange.js';
import { type HttpLimits, type HttpPolicy, limitsOf } from './http-policy.js';
import { MinimumRate } from './minimum-rate.js';
import { type Pacing, systemPacing } from './pacing.js';
import { PartialFile } from './partial-file.js';
import { repeatAttempts } from './repeated-attempts.js';
import { representationSha256 } from './representation-digest.js';
import { printableUrl } from './source-url.js';

export interface DownloadOptions {
  /** Largest acceptable file, bytes. */
  maxBytes: number;
  policy?: HttpPolicy | undefined;
  pacing?: Pacing | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((receivedBytes: number, totalBytes: number | undefined) => void) | undefined;
}

/** One download: what stays the same from one attempt to the next, and what was learnt so far. */
interface Transfer {
  url: URL;
  source: string;
  target: DownloadTarget;
  dispatcher: Dispatcher;
  limits: HttpLimits;
  pacing: Pacing;
  options: DownloadOptions;
  /** Size of the whole by the last good answer. */
  totalBytes: number | undefined;
}

/**
 * Downloads an address into a new private file. On any failure the file is removed.
 *
 * @param url    from `parseSourceUrl`
 * @param toPath a file that does not exist yet
 * @returns its size, bytes
 * @throws OtaError as `downloadInto`
 */
export async function download(url: URL, toPath: string, options: DownloadOptions): Promise<{ size: number }> {
  const file = await PartialFile.create(toPath);
  try {
    await downloadInto(url, file, options);
    await file.close();
    return { size: file.size };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/**
 * Downloads an address into `target`, going on with what that holds of it.
 *
 * A failure that may pass is retried after a while; what was received is kept when the server has a strong ETag, and
 * thrown away whenever the server seems to serve something else. On a failure `target` stays as it is then.
 *
 * @param url from `parseSourceUrl`
 * @throws OtaError of status 7; 9 beyond `maxBytes` or the announced size; 15 and 16 for what the server refuses or
 *   lacks; what `target` throws
 */
export async function downloadInto(url: URL, target: DownloadTarget, options: DownloadOptions): Promise<void> {
  const policy = options.policy ?? {};
  const dispatcher = await openDispatcher(policy);
  try {
    await untilDone({
      url,
      source: printableUrl(url),
      target,
      dispatcher,
      limits: limitsOf(policy),
      pacing: options.pacing ?? systemPacing,
      options,
      totalBytes: undefined,
    });
  } finally {
    await dispatcher.destroy();
  }
}

async function untilDone(transfer: Transfer): Promise<void> {
  const { limits, pacing, options } = transfer;
  await repeatAttempts(() => receiveOnce(transfer), {
    limits,
    pacing,
    signal: options.signal,
    beforeRetry: async ({ restart }) => {
      if (restart) await transfer.target.clear();
    },
  });
}

async function receiveOnce(transfer: Transfer): Promise<void> {
  const { url, source, target, dispatcher, limits, options } = transfer;
  const asked = resumableFrom(target, source);
  const answer = await exchange(url, {
    dispatcher,
    headers: {
      // Only the file's own bytes can be resumed and counted: no compression on the way.
      'accept-encoding': 'identity',
      'want-repr-digest': 'sha-256=10',
      'user-agent': 'ota-fleet',
      ...(asked === undefined ? {} : continuationHeaders(asked, target.size)),
    },
    credential: options.policy?.credential,
    redirects: limits.redirects,
    signal: options.signal,
  });
  try {
    await receiveAnswer(answer, asked, transfer);
  } finally {
    answer.body.destroy();
  }
  await checkWhole(transfer);
}

async function receiveAnswer(answer: Answer, asked: Resumable | undefined, transfer: Transfer): Promise<void> {
  const { source, target, pacing, options } = transfer;
  if (answer.status === 304 && asked?.totalBytes === target.size) {
    checkUnchanged(answer, asked, source);
    transfer.totalBytes = target.size;
    return;
  }
  checkStatus(answer.status, answer.headers, source, pacing.now());
  checkFraming(answer.headers, source);
  if (answer.status === 206) {
    transfer.totalBytes = checkContinuation(answer, { asked, heldBytes: target.size, source });
  } else {
    const file = fileOf(answer, source);
    await target.begin(file);
    transfer.totalBytes = file.totalBytes;
  }
  if ((transfer.totalBytes ?? 0) > options.maxBytes) throw overLimit(source, options.maxBytes);
  await receiveBody(answer.body, transfer);
}

function fileOf({ headers }: Answer, source: string): KnownFile {
  return {
    source,
    etag: strongEtag(headers),
    totalBytes: contentLength(headers),
    sha256: representationSha256(headerText(headers['repr-digest'])),
  };
}

async function receiveBody(body: Readable, transfer: Transfer): Promise<void> {
  const { source, target, limits, pacing, options } = transfer;
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
    const size = target.size + next.value.byteLength;
    if (size > options.maxBytes) throw overLimit(source, options.maxBytes);
    if (size > (transfer.totalBytes ?? size)) throw beyondTotal(transfer);
    await target.append(next.value);
    options.onProgress?.(target.size, transfer.totalBytes);
  }
}

function cutOff(error: unknown, transfer: Transfer): AttemptFailure | OtaError {
  const failure = connectionFailure(error, transfer.source);
  return failure instanceof OtaError && failure.code === 'TLS_FAILED' ? failure : truncated(transfer);
}
async function checkWhole({ target, source, totalBytes }: Transfer): Promise<void> {
  if (totalBytes !== undefined && target.size !== totalBytes) throw truncated({ target, source, totalBytes });
  const announced = target.known?.sha256;
  if (announced === undefined) return;
  const sha256 = await target.sha256();
  if (sha256 === announced) return;
  const reason = new OtaError('NETWORK_FAILED', `${source}: SHA-256 is ${sha256}, the server announced ${announced}`, [
    'Try again; if it stays, tell the operator of the server.',
  ]);
  throw new AttemptFailure(reason, { restart: true });
}

function truncated({ source, target, totalBytes }: Pick<Transfer, 'source' | 'target' | 'totalBytes'>): AttemptFailure {
  const total = totalBytes === undefined ? '' : ` of ${totalBytes}`;
  return new AttemptFailure(
    new OtaError('DOWNLOAD_TRUNCATED', `${source}: the connection ended after ${target.size}${total} bytes`, [
      'Try again.',
    ]),
  );
}

function beyondTotal({ source, totalBytes }: Transfer): OtaError {
  return new OtaError('LIMIT_EXCEEDED', `${source}: the server sends more than the ${totalBytes} bytes it announced`, [
    'Try again; if it stays, tell the operator of the server.',
  ]);
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

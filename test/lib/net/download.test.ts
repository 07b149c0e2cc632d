import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { type DownloadOptions, download } from '../../../src/lib/net/download.js';
import { type Handler, serve, testPacing } from './servers.js';

const image = Buffer.alloc(300_000, 'real firmware is longer, but not by much. ');
const ETAG = '"v1"';

let directory: string;
let target: string;
/** Called whenever the client under test has taken bytes. */
let onReceived: (receivedBytes: number) => void;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'net-test-'));
  target = join(directory, 'image.bin');
  onReceived = () => undefined;
});
afterEach(() => rm(directory, { recursive: true }));

async function fetchFrom(handler: Handler, options: Partial<DownloadOptions> = {}, path = '/image.bin') {
  const { pacing, delaysMs } = testPacing();
  await using server = await serve(handler);
  const url = new URL(path, server.origin);
  const onProgress = (receivedBytes: number) => onReceived(receivedBytes);
  const outcome = await download(url, target, { maxBytes: 1_000_000, pacing, onProgress, ...options }).catch((e) => e);
  return { outcome, delaysMs, requests: server.requests };
}

async function expectNothingLeft() {
  expect(await readdir(directory)).toEqual([]);
}

/** Announces everything, sends `bytes`, and cuts the connection when the client has them. */
function cutAfter(response: ServerResponse, bytes: Buffer, headers: Record<string, string | number> = {}) {
  response.writeHead(200, { 'content-length': image.length, ...headers });
  onReceived = (receivedBytes) => {
    if (receivedBytes >= bytes.length) response.destroy();
  };
  response.write(bytes);
}

/** Serves the rest of the image as a range request asks. */
function sendRange(range: string | undefined, response: ServerResponse, headers: Record<string, string> = {}) {
  const first = Number(/^bytes=(\d+)-$/.exec(range ?? '')![1]);
  response.writeHead(206, {
    'content-range': `bytes ${first}-${image.length - 1}/${image.length}`,
    etag: ETAG,
    ...headers,
  });
  response.end(image.subarray(first));
}

describe('a download that works', () => {
  test('writes every byte into a private file', async () => {
    const { outcome, requests } = await fetchFrom((_, response) => response.end(image));
    expect(outcome).toEqual({ size: image.length });
    expect(await readFile(target)).toEqual(image);
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    expect(requests[0]!.headers['accept-encoding']).toBe('identity');
  });

  test('accepts an empty file', async () => {
    const { outcome } = await fetchFrom((_, response) => response.end());
    expect(outcome).toEqual({ size: 0 });
  });

  test('reports progress up to the announced size', async () => {
    const seen: [number, number | undefined][] = [];
    await fetchFrom((_, response) => response.writeHead(200, { 'content-length': image.length }).end(image), {
      onProgress: (received, total) => seen.push([received, total]),
    });
    expect(seen.at(-1)).toEqual([image.length, image.length]);
  });

  test('never opens a file that exists', async () => {
    await using server = await serve((_, response) => response.end(image));
    const url = new URL('/', server.origin);
    await download(url, target, { maxBytes: 1e6 });
    await expect(download(url, target, { maxBytes: 1e6 })).rejects.toBeInstanceOf(OtaError);
    expect(await readFile(target)).toEqual(image);
  });
});

describe('a truncated body', () => {
  test('is resumed where it was cut, bound to the same ETag', async () => {
    const { outcome, requests } = await fetchFrom((request, response, count) => {
      if (count === 1) cutAfter(response, image.subarray(0, 100_000), { etag: ETAG });
      else sendRange(request.headers.range, response);
    });
    expect(outcome).toEqual({ size: image.length });
    expect(await readFile(target)).toEqual(image);
    expect(requests[1]!.headers['if-range']).toBe(ETAG);
    expect(requests[1]!.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test.each([undefined, 'W/"v1"'])('starts again from zero when the ETag is %s', async (etag) => {
    const { outcome, requests } = await fetchFrom((_, response, count) => {
      if (count === 1) cutAfter(response, image.subarray(0, 100_000), etag ? { etag } : {});
      else response.end(image);
    });
    expect(outcome).toEqual({ size: image.length });
    expect(requests[1]!.headers.range).toBeUndefined();
    expect(await readFile(target)).toEqual(image);
  });

  test('is refused after a bounded number of attempts, and nothing is left', async () => {
    const { outcome, requests } = await fetchFrom((_, response) => cutAfter(response, image.subarray(0, 10)));
    expect(outcome).toMatchObject({ code: 'DOWNLOAD_TRUNCATED', exitCode: 7 });
    expect(outcome.message).toContain('10 of 300000 bytes');
    expect(requests).toHaveLength(5);
    await expectNothingLeft();
  });

  test('is noticed in a chunked body too', async () => {
    const { outcome } = await fetchFrom((_, response) => {
      onReceived = () => response.destroy();
      response.write(image);
    });
    expect(outcome).toMatchObject({ code: 'DOWNLOAD_TRUNCATED' });
    await expectNothingLeft();
  });

  test('cannot hide behind a body without any length', async () => {
    const { outcome } = await fetchFrom((_, response) => {
      response.socket!.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf of the firm');
    });
    expect(outcome).toMatchObject({ code: 'NETWORK_FAILED' });
    expect(outcome.message).toContain('a cut would go unnoticed');
    await expectNothingLeft();
  });
});

describe('a wrong range', () => {
  const wrong: [string, Record<string, string>][] = [
    ['that starts elsewhere', { 'content-range': `bytes 5-${image.length - 1}/${image.length}` }],
    ['of a file of another size', { 'content-range': `bytes 100000-${image.length}/${image.length + 1}` }],
    ['that ends early', { 'content-range': `bytes 100000-100001/${image.length}` }],
    ['that cannot be read', { 'content-range': 'bytes */300000' }],
    ['of another ETag', { etag: '"v2"' }],
  ];
  test.each(wrong)('%s makes it start again from zero', async (_, headers) => {
    const { outcome, requests } = await fetchFrom((request, response, count) => {
      if (count === 1) cutAfter(response, image.subarray(0, 100_000), { etag: ETAG });
      else if (count === 2) sendRange(request.headers.range, response, headers);
      else response.end(image);
    });
    expect(outcome).toEqual({ size: image.length });
    expect(requests[2]!.headers.range).toBeUndefined();
    expect(await readFile(target)).toEqual(image);
  });

  test('gives way to a whole answer when the file has changed', async () => {
    const changed = Buffer.alloc(200_000, 'another build');
    const { outcome } = await fetchFrom((_, response, count) => {
      if (count === 1) cutAfter(response, image.subarray(0, 100_000), { etag: ETAG });
      else response.writeHead(200, { etag: '"v2"', 'content-length': changed.length }).end(changed);
    });
    expect(outcome).toEqual({ size: changed.length });
    expect(await readFile(target)).toEqual(changed);
  });

  test('416 makes it start again from zero', async () => {
    const { outcome } = await fetchFrom((_, response, count) => {
      if (count === 1) cutAfter(response, image.subarray(0, 100_000), { etag: ETAG });
      else if (count === 2) response.writeHead(416).end();
      else response.end(image);
    });
    expect(outcome).toEqual({ size: image.length });
  });

  test('spliced content is found by the digest of the whole', async () => {
    const digest = createHash('sha256').update(image).digest('base64');
    const { outcome, requests } = await fetchFrom((request, response, count) => {
      const headers = { etag: ETAG, 'repr-digest': `sha-256=:${digest}:` };
      if (count === 1) cutAfter(response, Buffer.alloc(100_000, 'x'), headers);
      else if (count === 2) sendRange(request.headers.range, response);
      else response.writeHead(200, headers).end(image);
    });
    expect(outcome).toEqual({ size: image.length });
    expect(requests).toHaveLength(3);
    expect(await readFile(target)).toEqual(image);
  });
});

describe('limits', () => {
  test('an announced size above the limit is refused before the body', async () => {
    let sent = 0;
    const { outcome, requests } = await fetchFrom((_, response) => {
      response.writeHead(200, { 'content-length': 1_000_001 });
      response.flushHeaders();
      response.on('drain', () => sent++);
    });
    expect(outcome).toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
    expect(requests).toHaveLength(1);
    expect(sent).toBe(0);
    await expectNothingLeft();
  });

  test('an endless body is stopped one piece after the limit', async () => {
    let received = 0;
    const { outcome, requests } = await fetchFrom(
      (_, response) => {
        const more = () => {
          while (!response.destroyed && response.write(image));
        };
        response.on('drain', more);
        more();
      },
      { onProgress: (bytes) => (received = bytes) },
    );
    expect(outcome).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(received).toBeLessThanOrEqual(1_000_000);
    expect(requests).toHaveLength(1);
    await expectNothingLeft();
  });

  test('early hints are read over, endless ones are refused', async () => {
    const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n';
    const hinted = await fetchFrom((_, response) => {
      response.socket!.write(hint.repeat(3));
      response.end(image);
    });
    expect(hinted.outcome).toEqual({ size: image.length });
    await rm(target);
    const { outcome, requests } = await fetchFrom((_, response) => void response.socket!.write(hint.repeat(100)));
    expect(outcome).toMatchObject({ code: 'NETWORK_FAILED', exitCode: 7 });
    expect(outcome.message).toContain('interim');
    expect(requests).toHaveLength(1);
    await expectNothingLeft();
  });

  test('a body exactly as long as the limit is accepted', async () => {
    const { outcome } = await fetchFrom((_, response) => response.end(image), { maxBytes: image.length });
    expect(outcome).toEqual({ size: image.length });
  });

  test('a body dripping below the minimum rate is refused', async () => {
    const { pacing } = testPacing({ stepMs: 25_000 });
    const { outcome, requests } = await fetchFrom((_, response) => response.write('drip'), { pacing });
    expect(outcome).toMatchObject({ code: 'NETWORK_FAILED', exitCode: 7 });
    expect(outcome.message).toContain('0 bytes a second, at least 512 are required');
    expect(requests).toHaveLength(1);
    await expectNothingLeft();
  });
});

describe('statuses', () => {
  test.each([
    [404, 'NOT_FOUND', 16],
    [410, 'NOT_FOUND', 16],
    [401, 'PERMISSION_DENIED', 15],
    [403, 'PERMISSION_DENIED', 15],
    [418, 'HTTP_STATUS', 7],
    [501, 'HTTP_STATUS', 7],
    [204, 'HTTP_STATUS', 7],
    [304, 'HTTP_STATUS', 7],
  ])('%i is refused at once', async (status, code, exitCode) => {
    const { outcome, requests } = await fetchFrom((_, response) => response.writeHead(status).end());
    expect(outcome).toMatchObject({ code, exitCode });
    expect(requests).toHaveLength(1);
    await expectNothingLeft();
  });

  test('a part that nobody asked for is refused', async () => {
    const { outcome } = await fetchFrom((_, response) =>
      response.writeHead(206, { 'content-range': 'bytes 0-3/4', 'content-length': 4 }).end('part'),
    );
    expect(outcome).toMatchObject({ code: 'NETWORK_FAILED' });
    await expectNothingLeft();
  });

  test('an encoded body is refused, never decoded', async () => {
    const { outcome } = await fetchFrom((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(image),
    );
    expect(outcome).toMatchObject({ code: 'NETWORK_FAILED' });
    await expectNothingLeft();
  });
});

describe('retries', () => {
  test.each([408, 429, 500, 502, 503, 504])('%i is tried again with growing, jittered delays', async (status) => {
    const { outcome, delaysMs } = await fetchFrom((_, response, count) =>
      count < 4 ? response.writeHead(status).end() : response.end(image),
    );
    expect(outcome).toEqual({ size: image.length });
    expect(delaysMs).toEqual([250, 500, 1000]); // half of 500, 1000, 2000 by a chance of 0.5
  });

  test('end after a bounded number of attempts', async () => {
    const { outcome, requests, delaysMs } = await fetchFrom((_, response) => response.writeHead(503).end());
    expect(outcome).toMatchObject({ code: 'HTTP_STATUS' });
    expect(outcome.message).toContain('attempt 5 of 5');
    expect(requests).toHaveLength(5);
    expect(delaysMs).toHaveLength(4);
  });

  test.each([
    ['seconds', '7', 7_000],
    ['a date', 'Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
    ['a date in the past', 'Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['nonsense', 'soon', 250],
  ])('honour Retry-After given as %s', async (_, header, delayMs) => {
    const { outcome, delaysMs } = await fetchFrom((_request, response, count) =>
      count === 1 ? response.writeHead(503, { 'retry-after': header }).end() : response.end(image),
    );
    expect(outcome).toEqual({ size: image.length });
    expect(delaysMs).toEqual([delayMs]);
  });

  test('do not wait for hours because a server asks for it', async () => {
    const { outcome, delaysMs } = await fetchFrom((_, response) =>
      response.writeHead(503, { 'retry-after': '86400' }).end(),
    );
    expect(outcome).toMatchObject({ code: 'HTTP_STATUS' });
    expect(delaysMs).toEqual([]);
  });

  test('cover a connection that is cut before the answer', async () => {
    const { outcome } = await fetchFrom((request, response, count) =>
      count === 1 ? request.socket.destroy() : response.end(image),
    );
    expect(outcome).toEqual({ size: image.length });
  });

  test('do not cover a port where nobody listens', async () => {
    const gone = await serve(() => undefined);
    await gone[Symbol.asyncDispose]();
    const { pacing, delaysMs } = testPacing();
    await expect(download(new URL(gone.origin), target, { maxBytes: 1, pacing })).rejects.toMatchObject({
      code: 'NETWORK_FAILED',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(delaysMs).toEqual([]);
    await expectNothingLeft();
  });
});

describe('cancelling', () => {
  test.each([
    ['before the answer', () => undefined],
    ['within the body', (response: ServerResponse) => response.write('begin')],
  ])('%s ends at once with the reason of the signal', async (_, answer) => {
    const abort = new AbortController();
    const reason = new OtaError('TERMINATED', 'ended by SIGTERM');
    const { outcome } = await fetchFrom(
      (_request, response) => {
        answer(response);
        setImmediate(() => abort.abort(reason));
      },
      { signal: abort.signal },
    );
    expect(outcome).toBe(reason);
    await expectNothingLeft();
  });

  test('while waiting for the next attempt ends at once', async () => {
    const abort = new AbortController();
    const reason = new OtaError('INTERRUPTED', 'interrupted');
    const { pacing } = testPacing();
    const { outcome, requests } = await fetchFrom((_, response) => response.writeHead(503).end(), {
      signal: abort.signal,
      pacing: {
        ...pacing,
        delay: async (_durationMs, signal) => {
          abort.abort(reason);
          signal!.throwIfAborted();
        },
      },
    });
    expect(outcome).toBe(reason);
    expect(requests).toHaveLength(1);
    await expectNothingLeft();
  });
});

describe('messages', () => {
  test('hide the query of an address', async () => {
    const { outcome } = await fetchFrom((_, response) => response.writeHead(404).end(), {}, '/image.bin?token=hunter2');
    expect(outcome.message).toContain('/image.bin?…');
    expect(JSON.stringify([outcome.message, outcome.suggestions])).not.toContain('hunter2');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HttpSinkOptions, openHttpSink } from '../../../src/lib/telemetry/http-sink.js';
import { createAuthority } from '../net/certificates.js';
import { serve, testPacing } from '../net/servers.js';
import { accepted, someLines } from './accepted.js';

const INPUT = { source: 'file:x', position: {} };
const signal = new AbortController().signal;

interface Post {
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

type Answer = (post: Post, response: ServerResponse, count: number) => void;

/** Writes the lines to a server that answers so. */
async function post(lines: readonly string[], answer: Answer, options: HttpSinkOptions = {}) {
  const posts: Post[] = [];
  await using server = await serve(async (request, response) => {
    const received = { body: await text(request).catch(() => 'cut off'), headers: request.headers };
    posts.push(received);
    answer(received, response, posts.length);
  });
  const { pacing, delaysMs } = testPacing();
  const sink = await openHttpSink(
    { kind: 'http', url: new URL('/in?key=s3cret', server.origin) },
    { pacing, ...options },
  );
  const failure = await sink.write(accepted(lines), INPUT, signal).catch((error) => error);
  const postsBefore = posts.length;
  const second = await sink.write(accepted(someLines(1)), INPUT, signal).catch((error) => error);
  if (failure !== undefined) {
    // A sink that has failed takes no more.
    expect(second).toBe(failure);
    expect(posts).toHaveLength(postsBefore);
  }
  await sink.close();
  return { failure, posts: posts.slice(0, postsBefore), delaysMs, sink };
}

const ok: Answer = (_, response) => response.end();

describe('a batch', () => {
  test('is posted as NDJSON, every line unchanged', async () => {
    const lines = ['{"messageId":"1"}', '{ "messageId" : "2" }'];
    const { failure, posts, sink } = await post(lines, (_, response) => response.writeHead(202).end('taken'));
    expect(failure).toBeUndefined();
    expect(posts).toHaveLength(1);
    expect(posts[0]!.body).toBe(`${lines.join('\n')}\n`);
    expect(posts[0]!.headers['content-type']).toBe('application/x-ndjson');
    expect(sink.guarantee).toBe('at-least-once');
  });

  test('larger than a request may be becomes several, in order', async () => {
    const lines = [...someLines(5_000), `{"pad":"${'x'.repeat(3_000_000)}"}`, `{"pad":"${'y'.repeat(3_000_000)}"}`];
    const { posts } = await post(lines, ok);
    expect(posts.map(({ body }) => body).join('')).toBe(`${lines.join('\n')}\n`);
    expect(posts.length).toBe(3);
    for (const { body } of posts) expect(body.length).toBeLessThan(4 * 1024 * 1024 + 1);
  });

  test('has one key in every attempt, and others have another', async () => {
    const { posts } = await post(someLines(6_000), (_, response, count) =>
      response.writeHead(count === 1 ? 503 : 200).end(),
    );
    const keys = posts.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^"[0-9a-f]{32}"$/);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  test('is divided as far as the server needs it', async () => {
    const lines = someLines(9);
    const taken: string[] = [];
    const { failure } = await post(lines, ({ body }, response) => {
      if (body.split('\n').length - 1 > 2) response.writeHead(413).end();
      else response.end(taken.push(body) && undefined);
    });
    expect(failure).toBeUndefined();
    expect(taken.slice(0, -1).join('')).toBe(`${lines.join('\n')}\n`);
  });

  test('of one message that is too large ends the run', async () => {
    const { failure } = await post(someLines(2), (_, response) => response.writeHead(413).end());
    expect(failure).toMatchObject({ code: 'HTTP_STATUS', message: expect.stringContaining('413') });
  });

  test('without messages is no request', async () => {
    const { posts } = await post([], ok);
    expect(posts).toEqual([]);
  });
});

describe('another attempt', () => {
  test.each([408, 425, 429, 500, 502, 503, 504])('follows %i', async (status) => {
    const { failure, posts } = await post(someLines(2), (_, response, count) =>
      response.writeHead(count < 3 ? status : 200).end(),
    );
    expect(failure).toBeUndefined();
    expect(posts).toHaveLength(3);
  });

  test('is announced with its cause, and without the secrets of an address', async () => {
    const warnings: string[] = [];
    await post(someLines(1), (_, response, count) => response.writeHead(count === 1 ? 503 : 200).end(), {
      onWarning: (code, message) => warnings.push(`${code} ${message}`),
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^POST_RETRIED http.*503; trying again$/);
    expect(warnings[0]).not.toContain('s3cret');
  });

  test('waits as long as the server asks for', async () => {
    const { delaysMs } = await post(someLines(1), (_, response, count) => {
      if (count === 1) response.writeHead(429, { 'retry-after': '7' }).end();
      else response.end();
    });
    expect(delaysMs).toEqual([7_000]);
  });

  test('is not made when the server asks for too long a wait', async () => {
    const { failure, delaysMs } = await post(someLines(1), (_, response) =>
      response.writeHead(503, { 'retry-after': '3600' }).end(),
    );
    expect(failure).toMatchObject({ code: 'HTTP_STATUS', exitCode: 7 });
    expect(delaysMs).toEqual([]);
  });

  test('follows a cut connection, and 409 while the server still works on the first', async () => {
    const { failure, posts } = await post(someLines(2), (_, response, count) => {
      if (count === 1) response.destroy();
      else response.writeHead(count === 2 ? 409 : 200).end();
    });
    expect(failure).toBeUndefined();
    expect(new Set(posts.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });

  test('is the tenth at most', async () => {
    const { failure, posts } = await post(someLines(1), (_, response) => response.writeHead(500).end());
    expect(failure).toMatchObject({ code: 'HTTP_STATUS', message: expect.stringContaining('attempt 10 of 10') });
    expect(posts).toHaveLength(10);
  });
});

describe('a refusal', () => {
  test.each([
    [400, 'HTTP_STATUS'],
    [401, 'AUTHENTICATION_FAILED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'NOT_FOUND'],
    [409, 'HTTP_STATUS'],
    [422, 'HTTP_STATUS'],
    [307, 'HTTP_STATUS'],
    [304, 'HTTP_STATUS'],
  ])('%i is final', async (status, code) => {
    const { failure, posts } = await post(someLines(2), (_, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:9/elsewhere' }).end();
    });
    expect(failure).toMatchObject({ code });
    expect(failure.message).not.toContain('s3cret');
    expect(posts).toHaveLength(1);
  });
});

describe('a hostile server', () => {
  test('that never answers is left after a while', async () => {
    const options = { requestTimeoutMs: 50, policy: { limits: { attempts: 2 } } };
    const { failure, posts } = await post(someLines(1), () => undefined, options);
    expect(failure).toMatchObject({
      code: 'NETWORK_FAILED',
      message: expect.stringContaining('no answer within 50 ms'),
    });
    expect(posts).toHaveLength(2);
  });

  test('that answers without end is not listened to: its status counts', async () => {
    const { failure } = await post(someLines(1), (_, response) => {
      response.writeHead(200);
      const babble = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) {}
      };
      response.on('drain', babble);
      babble();
    });
    expect(failure).toBeUndefined();
  });

  test('whatever it sends, a write ends with a failure of its own or is done', async () => {
    const prefix = fc.constantFrom(
      '',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
    );
    await fc.assert(
      fc.asyncProperty(prefix, fc.uint8Array({ maxLength: 40 }), async (start, bytes) => {
        const server = net.createServer((socket) => {
          socket.on('error', () => undefined);
          socket.once('data', () => socket.end(Buffer.concat([Buffer.from(start), bytes])));
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
        const { pacing } = testPacing();
        const sink = await openHttpSink({ kind: 'http', url }, { pacing, policy: { limits: { attempts: 2 } } });
        const failure = await sink.write(accepted(someLines(2)), INPUT, signal).catch((error) => error);
        await sink.close();
        await new Promise((resolve) => server.close(resolve));
        if (failure !== undefined) expect(failure.exitCode).toBeDefined();
      }),
      { numRuns: 50 },
    );
  });
});

test('an interruption ends the write, also while the server is silent', async () => {
  const abort = new AbortController();
  await using server = await serve(() => abort.abort());
  const sink = await openHttpSink({ kind: 'http', url: new URL(server.origin) });
  await expect(sink.write(accepted(someLines(1)), INPUT, abort.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await sink.close();
});

describe('credentials', () => {
  test('a user name and password are sent, and told nobody else', async () => {
    const options = { username: 'joe', password: 'hunter2' };
    const { failure, posts, sink } = await post(someLines(1), (_, response) => response.writeHead(401).end(), options);
    expect(posts[0]!.headers.authorization).toBe('Basic am9lOmh1bnRlcjI=');
    expect(JSON.stringify([failure, failure.message, sink.id])).not.toMatch(/hunter2|aHVudGVyMg|am9l|s3cret/);
  });

  test('a token is sent to its own origin alone', async () => {
    const elsewhere = { policy: { credential: { origin: 'https://other.example', token: 't0ken' } } };
    const { posts } = await post(someLines(1), ok, elsewhere);
    expect(posts[0]!.headers.authorization).toBeUndefined();
    await using server = await serve((_, response) => response.end());
    const sink = await openHttpSink(
      { kind: 'http', url: new URL(server.origin) },
      { policy: { credential: { origin: server.origin, token: 't0ken' } } },
    );
    await sink.write(accepted(someLines(1)), INPUT, signal);
    expect(server.requests[0]!.headers.authorization).toBe('Bearer t0ken');
    await sink.close();
  });

  test.each([
    { username: 'u', password: 'hunter2' },
    { policy: { credential: { origin: 'http://server.example', token: 'hunter2' } } },
    { password: 'hunter2' },
    { username: 'a:b', password: 'hunter2' },
  ])('that would travel in clear text, or mean something else, are refused (%#)', async (options) => {
    const opening = openHttpSink({ kind: 'http', url: new URL('http://server.example/') }, options);
    await expect(opening).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.not.stringContaining('hunter2'),
    });
  });
});

test('a private certificate authority is trusted when it is given, a stranger never', async () => {
  const authority = await createAuthority('Sink Authority');
  const folder = await mkdtemp(join(tmpdir(), 'http-sink-'));
  await writeFile(join(folder, 'ca.pem'), authority.pem);
  await using server = await serve((_, response) => response.end(), await authority.issue());
  const endpoint = { kind: 'http' as const, url: new URL(server.origin) };
  const trusting = await openHttpSink(endpoint, { policy: { caFile: join(folder, 'ca.pem') } });
  await trusting.write(accepted(someLines(1)), INPUT, signal);
  await trusting.close();
  const { pacing, delaysMs } = testPacing();
  const wary = await openHttpSink(endpoint, { pacing });
  await expect(wary.write(accepted(someLines(1)), INPUT, signal)).rejects.toMatchObject({ code: 'TLS_FAILED' });
  expect(delaysMs).toEqual([]);
  expect(server.requests).toHaveLength(1);
  await wary.close();
  await rm(folder, { recursive: true });
});

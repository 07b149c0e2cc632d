import { hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { downloadInto } from '../../../src/lib/net/download.js';
import { MemoryTarget } from './memory-target.js';
import { type Handler, serve, testPacing } from './servers.js';

const VERSIONS = [noise(0, 50_000), noise(1, 50_000), noise(2, 30_000)];
const OTHER_FILE = noise(3, 50_000);

type Manner =
  | 'honest'
  | 'cuts the connection'
  | 'ignores ranges'
  | 'has no ETag'
  | 'has a weak ETag'
  | 'is busy'
  | 'refuses ranges'
  | 'answers with a later range'
  | 'answers with another file'
  | 'counts another total'
  | 'sends too much';

interface Run {
  version: number;
  manner: Manner;
  /** Bytes of a body that is cut. */
  sentBytes: number;
}

const run: fc.Arbitrary<Run> = fc.record({
  // Mostly the same one, so that there is something to resume.
  version: fc.constantFrom(0, 0, 0, 0, 1, 2),
  manner: fc.oneof(
    fc.constant<Manner>('cuts the connection'),
    fc.constantFrom<Manner[]>(
      'honest',
      'ignores ranges',
      'has no ETag',
      'has a weak ETag',
      'is busy',
      'refuses ranges',
      'answers with a later range',
      'answers with another file',
      'counts another total',
      'sends too much',
    ),
  ),
  sentBytes: fc.integer({ min: 1, max: 20_000 }),
});

/** Bytes of which no two stretches are alike, so that a wrong splice shows. */
function noise(seed: number, size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, i) => hash('sha256', `${seed} ${i}`, 'buffer'));
  return Buffer.concat(blocks).subarray(0, size);
}

function serverOf({ version, manner, sentBytes }: Run): Handler {
  const bytes = VERSIONS[version]!;
  const etag = `"v${version}"`;
  return (request, response) => {
    const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = request.headers;
    if (manner === 'is busy') return void response.writeHead(503).end();
    if (manner === 'has a weak ETag') response.setHeader('etag', `W/${etag}`);
    else if (manner !== 'has no ETag') response.setHeader('etag', etag);
    if (ifNoneMatch === etag) return void response.writeHead(304).end();
    const isPart = range !== undefined && ifRange === etag && manner !== 'ignores ranges';
    if (!isPart) return send(response.writeHead(200, { 'content-length': bytes.length }), bytes);
    if (manner === 'refuses ranges') return void response.writeHead(416).end();
    const first = Number(/^bytes=(\d+)-$/.exec(range)![1]) + (manner === 'answers with a later range' ? 1 : 0);
    const total = bytes.length + (manner === 'counts another total' ? 1 : 0);
    if (manner === 'answers with another file') response.setHeader('etag', '"other"');
    const file = manner === 'answers with another file' ? OTHER_FILE : bytes;
    const rest = manner === 'sends too much' ? Buffer.concat([file, file]) : file;
    const contentRange = `bytes ${first}-${total - 1}/${total}`;
    send(
      response.writeHead(206, { 'content-range': contentRange, 'transfer-encoding': 'chunked' }),
      rest.subarray(first),
    );
  };

  function send(response: ServerResponse, body: Buffer): void {
    if (manner !== 'cuts the connection' || body.length <= sentBytes) response.end(body);
    else response.write(body.subarray(0, sentBytes), () => response.destroy());
  }
}

test('whatever servers did in runs before, what arrives in the end is one whole version', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(run, { maxLength: 6 }), fc.constantFrom(0, 0, 1), async (runs, last) => {
      const target = new MemoryTarget();
      let handler: Handler = () => undefined;
      await using server = await serve((...exchange) => handler(...exchange));
      const url = new URL('/image.bin', server.origin);
      for (const each of [...runs, { version: last, manner: 'honest' as const, sentBytes: 0 }]) {
        handler = serverOf(each);
        const policy = { limits: { attempts: each.manner === 'honest' ? 2 : 1 } };
        const failure = await downloadInto(url, target, { maxBytes: 1e6, policy, ...testPacing() }).catch((e) => e);
        if (each.manner === 'honest') expect(failure).toBeUndefined();
        if (failure === undefined) expect(target.bytes.equals(VERSIONS[each.version]!)).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
});

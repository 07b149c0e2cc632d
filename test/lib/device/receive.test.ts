import { hash } from 'node:crypto';
import { appendFile, readdir, readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ErrorCode, OtaError } from '../../../src/lib/core/errors.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import type { RandomAccess } from '../../../src/lib/core/random-access.js';
import { type NodeDeviceFs, openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { consume, type PackageAddress, receiveFrom, receivePackage } from '../../../src/lib/device/receive.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { bundleScript, type Script } from '../../support/scripts.js';
import { type Handler, serve, testPacing } from '../net/servers.js';

const ETAG = '"v1"';
const PACKAGE_BYTES = 1_000_000;
const [v1, v2] = [noise(1), noise(2)];

let folder: TestFolder;
let fs: NodeDeviceFs;

beforeEach(async () => {
  folder = await testFolder();
  fs = await openNodeDeviceFs(folder.path, 0xff);
});
afterEach(async () => {
  await fs[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Bytes of which no two stretches are alike, so that a wrong splice shows. */
function noise(seed: number): Buffer {
  const blocks = Array.from({ length: PACKAGE_BYTES / 32 }, (_, block) => hash('sha256', `${seed} ${block}`, 'buffer'));
  return Buffer.concat(blocks);
}

async function bytesOf(data: RandomAccess): Promise<Buffer> {
  const bytes = Buffer.alloc(data.size);
  expect(await data.read(bytes, 0)).toBe(data.size);
  return bytes;
}

/** A server that a test tells what to serve; it obeys Range, If-Range and If-None-Match. */
async function repository() {
  const state = { etag: ETAG as string | undefined, bytes: v1, servedBytes: 0, ranges: [] as (string | undefined)[] };
  const server = await serve((request, response) => {
    const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = request.headers;
    const { etag, bytes } = state;
    state.ranges.push(range);
    if (etag !== undefined) response.setHeader('etag', etag);
    if (ifNoneMatch !== undefined && ifNoneMatch === etag) {
      response.writeHead(304).end();
      return;
    }
    const isPart = range !== undefined && ifRange === etag;
    const first = isPart ? Number(/^bytes=(\d+)-$/.exec(range)![1]) : 0;
    const rest = bytes.subarray(first);
    state.servedBytes += rest.length;
    if (isPart) response.setHeader('content-range', `bytes ${first}-${bytes.length - 1}/${bytes.length}`);
    response.writeHead(isPart ? 206 : 200, { 'content-length': rest.length }).end(rest);
  });
  return { ...server, state, [Symbol.asyncDispose]: server[Symbol.asyncDispose] };
}

function receive(origin: string, options: Partial<PackageAddress> = {}) {
  const { pacing } = testPacing();
  return receivePackage({ fs }, { url: new URL('/app.ota', origin), pacing, ...options });
}

/** Receives about half of a package and is then interrupted. Returns what stays on the device, bytes. */
async function receiveHalf(origin: string): Promise<number> {
  const abort = new AbortController();
  const reason = new OtaError('INTERRUPTED', 'Interrupted');
  const onProgress = (receivedBytes: number) => {
    if (receivedBytes > PACKAGE_BYTES / 2) abort.abort(reason);
  };
  await expect(receive(origin, { signal: abort.signal, onProgress })).rejects.toBe(reason);
  const record = JSON.parse(await readFile(folder.file('download.json'), 'utf8').catch(() => '{"receivedBytes":0}'));
  return record.receivedBytes;
}

/** Answers a range with the headers of an honest server and with whatever `send` makes of the body. */
function rest(send: (response: ServerResponse, first: number) => void, headers: Record<string, string> = {}): Handler {
  return (request, response) => {
    const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')![1]);
    const range = `bytes ${first}-${PACKAGE_BYTES - 1}/${PACKAGE_BYTES}`;
    response.writeHead(206, { etag: ETAG, 'content-range': range, 'transfer-encoding': 'chunked', ...headers });
    send(response, first);
  };
}

function endlessly(response: ServerResponse): void {
  const more = () => {
    while (!response.destroyed && response.write(v1));
  };
  response.on('drain', more);
  more();
}

describe('a download that was interrupted', () => {
  test('asks only for the rest in the next run', async () => {
    await using server = await repository();
    const kept = await receiveHalf(server.origin);
    expect(kept).toBeGreaterThan(PACKAGE_BYTES / 2);
    server.state.servedBytes = 0;
    const { data } = await receive(server.origin);
    expect(server.state.ranges).toEqual([undefined, `bytes=${kept}-`]);
    expect(server.state.servedBytes).toBe(PACKAGE_BYTES - kept);
    expect((await bytesOf(data)).equals(v1)).toBe(true);
  });

  test('does not trust what lies beyond its record', async () => {
    await using server = await repository();
    const kept = await receiveHalf(server.origin);
    await fs[Symbol.asyncDispose]();
    await appendFile(folder.file('download.part'), 'a torn write left this');
    fs = await openNodeDeviceFs(folder.path, 0xff);
    const { data } = await receive(server.origin);
    expect(server.state.ranges[1]).toBe(`bytes=${kept}-`);
    expect((await bytesOf(data)).equals(v1)).toBe(true);
  });

  test('begins again when the ETag has changed', async () => {
    await using server = await repository();
    await receiveHalf(server.origin);
    Object.assign(server.state, { etag: '"v2"', bytes: v2 });
    const { data } = await receive(server.origin);
    expect((await bytesOf(data)).equals(v2)).toBe(true);
  });

  test.each(['W/"v1"', undefined])('begins again when the ETag is %s', async (etag) => {
    await using server = await repository();
    server.state.etag = etag;
    expect(await receiveHalf(server.origin)).toBe(0);
    const { data } = await receive(server.origin);
    expect(server.state.ranges).toEqual([undefined, undefined]);
    expect((await bytesOf(data)).equals(v1)).toBe(true);
  });

  test('begins again when the size has changed under the same ETag', async () => {
    await using server = await repository();
    await receiveHalf(server.origin);
    server.state.bytes = v2.subarray(0, 900_000);
    const { data } = await receive(server.origin);
    expect(server.state.ranges.at(-1)).toBeUndefined();
    expect((await bytesOf(data)).equals(v2.subarray(0, 900_000))).toBe(true);
  });

  test.each<[string, Record<string, string>]>([
    ['starts elsewhere', { 'content-range': `bytes 0-${PACKAGE_BYTES - 1}/${PACKAGE_BYTES}` }],
    ['is of another file', { etag: '"v2"' }],
    ['has no size', { 'content-range': 'bytes 500000-999999/*' }],
  ])('begins again when the answered range %s', async (_, headers) => {
    await using server = await repository();
    await receiveHalf(server.origin);
    server.state.etag = '"never again"';
    const wrong = rest((response, first) => response.end(v2.subarray(first)), headers);
    await using liar = await serve((request, response, count) => {
      if (count === 1) wrong(request, response, count);
      else response.writeHead(200, { 'content-length': PACKAGE_BYTES }).end(v1);
    });
    await moveTo(liar.origin);
    const { data } = await receive(liar.origin);
    expect(liar.requests.map(({ headers }) => headers.range)).toEqual([expect.any(String), undefined]);
    expect((await bytesOf(data)).equals(v1)).toBe(true);
  });

  test('goes on behind a redirect that leads to another link each time', async () => {
    await using store = await repository();
    await using front = await serve((_, response, count) =>
      response.writeHead(302, { location: `${store.origin}/blob?signature=${count}` }).end(),
    );
    const kept = await receiveHalf(front.origin);
    const { data } = await receive(front.origin);
    expect(store.requests.map(({ url }) => url)).toEqual(['/blob?signature=1', '/blob?signature=2']);
    expect(store.state.ranges).toEqual([undefined, `bytes=${kept}-`]);
    expect((await bytesOf(data)).equals(v1)).toBe(true);
  });

  test('is not resumed from another address', async () => {
    await using server = await repository();
    await using other = await repository();
    await receiveHalf(server.origin);
    other.state.bytes = v2;
    const { data } = await receive(other.origin);
    expect(other.state.ranges).toEqual([undefined]);
    expect((await bytesOf(data)).equals(v2)).toBe(true);
  });

  test('keeps nothing of what a query may hold, nor the token', async () => {
    await using server = await repository();
    const url = new URL('/app.ota?X-Amz-Signature=hunter2', server.origin);
    const abort = new AbortController();
    const credential = { origin: server.origin, token: 'hunter3' };
    const onProgress = (receivedBytes: number) => {
      if (receivedBytes > PACKAGE_BYTES / 2) abort.abort();
    };
    const options = { url, http: { credential }, signal: abort.signal, onProgress };
    await expect(receivePackage({ fs }, options)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(server.requests[0]!.headers.authorization).toContain('hunter3');
    const record = await readFile(folder.file('download.json'), 'utf8');
    expect(record).toContain(`${server.origin}/app.ota?…`);
    for (const file of await readdir(folder.path))
      expect(await readFile(folder.file(file), 'utf8')).not.toContain('hunter');
    // Another signature, the same file: a presigned link is a new one each time.
    url.search = '?X-Amz-Signature=hunter4';
    const { data } = await receivePackage({ fs }, { url });
    expect(server.state.ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
    expect((await bytesOf(data)).equals(v1)).toBe(true);
  });
});

/** Makes the device believe that what it holds came from another server. */
async function moveTo(origin: string): Promise<void> {
  const record = JSON.parse(await readFile(folder.file('download.json'), 'utf8'));
  const bytes = Buffer.from(JSON.stringify({ ...record, source: `${origin}/app.ota` }));
  await fs.remove('download.json');
  await fs.write('download.json', 0, bytes);
}

describe('a package that has arrived', () => {
  test('is asked for again without a byte being sent', async () => {
    await using server = await repository();
    await receive(server.origin);
    const { data } = await receive(server.origin);
    expect(server.requests).toHaveLength(2);
    expect(server.state.servedBytes).toBe(PACKAGE_BYTES);
    expect((await bytesOf(data)).equals(v1)).toBe(true);
  });

  test('gives way to a new one at the same address', async () => {
    await using server = await repository();
    await receive(server.origin);
    Object.assign(server.state, { etag: '"v2"', bytes: v2 });
    const { data } = await receive(server.origin);
    expect((await bytesOf(data)).equals(v2)).toBe(true);
  });

  test.each<[ErrorCode | undefined, 'removed' | 'kept']>([
    [undefined, 'removed'],
    ['SIGNATURE_INVALID', 'removed'],
    ['CONTAINER_INVALID', 'removed'],
    ['SEQUENCE_ROLLBACK', 'removed'],
    ['LIMIT_EXCEEDED', 'removed'],
    ['NO_SPACE', 'kept'],
    ['NETWORK_FAILED', 'kept'],
    ['LOCKED', 'kept'],
    ['INTERRUPTED', 'kept'],
  ])('and is worked on with the outcome %s is %s', async (code, fate) => {
    const received = await receiveFrom({ fs }, memoryAccess(v1, 'app.ota'));
    const failure = code && new OtaError(code, 'what came of it');
    const outcome = await consume(received, async (data) => {
      if (failure !== undefined) throw failure;
      return data.size;
    }).catch((error) => error);
    expect(outcome).toBe(failure ?? PACKAGE_BYTES);
    expect(await readdir(folder.path)).toEqual(fate === 'kept' ? ['download.json', 'download.part'] : []);
  });
});

test.each([undefined, new OtaError('SIGNATURE_INVALID', 'signed by nobody')])(
  'a disk that does not let a package go does not hide what came of it: %s',
  async (failure) => {
    const discard = () => Promise.reject(new OtaError('IO_FAILED', 'download.part: EIO'));
    const work = async () => {
      if (failure !== undefined) throw failure;
      return 'installed';
    };
    const outcome = await consume({ data: memoryAccess(v1, 'app.ota'), discard }, work).catch((error) => error);
    expect(outcome).toBe(failure ?? 'installed');
  },
);

describe('a server that lies about the size', () => {
  test('by cutting the body short leaves what has arrived for the next run', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { etag: ETAG, 'content-length': PACKAGE_BYTES + 1 });
      response.write(v1, () => response.destroy());
    });
    const limits = { attempts: 1 };
    await expect(receive(server.origin, { http: { limits } })).rejects.toMatchObject({ code: 'DOWNLOAD_TRUNCATED' });
    expect(await readdir(folder.path)).toEqual(['download.json', 'download.part']);
  });

  test.each<[string, (response: ServerResponse, first: number) => void]>([
    ['a byte more', (response, first) => response.end(Buffer.concat([v1.subarray(first), Buffer.from('!')]))],
    ['an endless body', endlessly],
  ])('by sending %s than it announced is stopped (9), and nothing stays', async (_, send) => {
    await using server = await repository();
    await receiveHalf(server.origin);
    await using liar = await serve(rest(send));
    await moveTo(liar.origin);
    await expect(receive(liar.origin)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
    expect(liar.requests).toHaveLength(1);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('by announcing none and sending without an end is stopped at the room of the device (9)', async () => {
    await using server = await serve((_, response) => endlessly(response.writeHead(200, { etag: ETAG })));
    let received = 0;
    const onProgress = (bytes: number) => (received = bytes);
    await expect(receive(server.origin, { roomBytes: 700_000, onProgress })).rejects.toMatchObject({ exitCode: 9 });
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThanOrEqual(700_000);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('is not believed to the last byte: more than there is room for is refused before it is sent (5)', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { etag: ETAG, 'content-length': PACKAGE_BYTES }).flushHeaders();
    });
    await expect(receive(server.origin, { roomBytes: PACKAGE_BYTES - 1 })).rejects.toMatchObject({
      code: 'DOES_NOT_FIT',
      exitCode: 5,
    });
    expect(await readdir(folder.path)).toEqual([]);
  });
});

test('a body dripping below the minimum rate ends in time (7), and is resumed where it ended', async () => {
  await using server = await repository();
  const kept = await receiveHalf(server.origin);
  await using slow = await serve(rest((response, first) => void response.write(v1.subarray(first, first + 4))));
  await moveTo(slow.origin);
  const { pacing } = testPacing({ stepMs: 25_000 });
  const refusal = await receive(slow.origin, { pacing }).catch((error) => error);
  expect(refusal).toMatchObject({ code: 'NETWORK_FAILED', exitCode: 7 });
  expect(refusal.message).toContain('at least 512 are required');
  expect(slow.requests).toHaveLength(1);
  await moveTo(server.origin);
  const { data } = await receive(server.origin);
  const resumedAt = Number(/\d+/.exec(server.state.ranges[1]!)![0]);
  expect(resumedAt).toBeGreaterThanOrEqual(kept);
  expect((await bytesOf(data)).equals(v1)).toBe(true);
});

describe('a process that is killed in the middle', () => {
  let script: Script;
  beforeAll(async () => {
    script = await bundleScript('receive-package');
  });
  afterAll(() => script[Symbol.asyncDispose]());

  test('is followed by one that fetches the rest only', async () => {
    const sentBytes = 700_000;
    await using server = await serve((request, response) => {
      if (request.headers.range === undefined) {
        response.writeHead(200, { etag: ETAG, 'content-length': PACKAGE_BYTES }).write(v1.subarray(0, sentBytes));
      } else {
        rest((answer, first) => answer.end(v1.subarray(first)))(request, response, 0);
      }
    });
    const address = `${server.origin}/app.ota`;
    const first = script.start([folder.path, address]);
    await first.seen(`received ${sentBytes}\n`);
    first.process.kill('SIGKILL');
    expect((await first.ended).signal).toBe('SIGKILL');

    const second = await script.start([folder.path, address]).ended;
    expect(second).toMatchObject({ status: 0, stderr: '' });
    expect(second.stdout).toContain('whole\n');
    const resumedAt = Number(/^bytes=(\d+)-$/.exec(server.requests[1]!.headers.range!)![1]);
    // No more is fetched again than lies between two records.
    expect(resumedAt).toBeLessThanOrEqual(sentBytes);
    expect(resumedAt).toBeGreaterThan(sentBytes - 2 * 256 * 1024);
    expect((await readFile(folder.file('download.part'))).equals(v1)).toBe(true);
  });
});

describe('a source that can be read', () => {
  test('arrives piece by piece', async () => {
    const pieces: number[] = [];
    const { data, discard } = await receiveFrom({ fs }, memoryAccess(v1, 'app.ota'), {
      pieceBytes: 300_000,
      onFetched: (bytes) => pieces.push(bytes),
    });
    expect(pieces).toEqual([300_000, 300_000, 300_000, 100_000]);
    expect((await bytesOf(data)).equals(v1)).toBe(true);
    await discard();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('goes on where it failed, and another one of another name or size begins again', async () => {
    const failing: RandomAccess = {
      ...memoryAccess(v1, 'app.ota'),
      read: (into, position) =>
        position > 600_000 ? Promise.reject(new Error('cut')) : memoryAccess(v1, 'app.ota').read(into, position),
    };
    await expect(receiveFrom({ fs }, failing)).rejects.toThrow('cut');
    const fetched = async (source: RandomAccess) => {
      let total = 0;
      const { data } = await receiveFrom({ fs }, source, { onFetched: (bytes) => (total += bytes) });
      expect((await bytesOf(data)).equals(await bytesOf(source))).toBe(true);
      return total;
    };
    expect(await fetched(memoryAccess(v1, 'app.ota'))).toBeLessThan(PACKAGE_BYTES / 2 + 256 * 1024);
    expect(await fetched(memoryAccess(v1, 'app.ota'))).toBe(0);
    expect(await fetched(memoryAccess(v2, 'modem.ota'))).toBe(PACKAGE_BYTES);
    expect(await fetched(memoryAccess(v2.subarray(1), 'modem.ota'))).toBe(PACKAGE_BYTES - 1);
  });

  test('that is larger than the room is refused (5)', async () => {
    const refused = receiveFrom({ fs }, memoryAccess(v1, 'app.ota'), { roomBytes: 10 });
    await expect(refused).rejects.toMatchObject({ code: 'DOES_NOT_FIT' });
    expect(await readdir(folder.path)).toEqual([]);
  });
});

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type DownloadOptions, downloadInto } from '../../../src/lib/net/download.js';
import type { KnownFile } from '../../../src/lib/net/download-target.js';
import { MemoryTarget } from './memory-target.js';
import { type Handler, serve, testPacing } from './servers.js';

const image = Buffer.alloc(300_000, 'real firmware is longer, but not by much. ');
const ETAG = '"v1"';
const HELD_BYTES = 100_000;

interface EarlierRun extends Partial<KnownFile> {
  heldBytes?: number;
}

/** Downloads into a target that an earlier run has left. */
async function resume(
  handler: Handler,
  { heldBytes = HELD_BYTES, ...known }: EarlierRun = {},
  options: Partial<DownloadOptions> = {},
) {
  const { pacing } = testPacing();
  await using server = await serve(handler);
  const target = new MemoryTarget();
  target.bytes = image.subarray(0, heldBytes);
  target.known = { source: `${server.origin}/image.bin`, etag: ETAG, totalBytes: image.length, ...known };
  const url = new URL('/image.bin', server.origin);
  const failure = await downloadInto(url, target, { maxBytes: 1_000_000, pacing, ...options }).catch((error) => error);
  return { failure, target, asked: server.requests.map(({ headers }) => headers) };
}

/** A server that holds the image and obeys Range, If-Range and If-None-Match. */
function honest(etag: string, bytes: Buffer = image): Handler {
  return (request, response) => {
    const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = request.headers;
    response.setHeader('etag', etag);
    if (ifNoneMatch === etag) {
      response.writeHead(304).end();
    } else if (range !== undefined && ifRange === etag) {
      const first = Number(/^bytes=(\d+)-$/.exec(range)![1]);
      response.writeHead(206, { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
      response.end(bytes.subarray(first));
    } else {
      response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    }
  };
}

describe('what an earlier run has left', () => {
  test('is resumed where it ends, bound to its ETag', async () => {
    const { failure, target, asked } = await resume(honest(ETAG));
    expect(failure).toBeUndefined();
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ range: `bytes=${HELD_BYTES}-`, 'if-range': ETAG });
    expect(target.bytes.equals(image)).toBe(true);
  });

  test.each<[string, EarlierRun]>([
    ['without an ETag', { etag: undefined }],
    ['from another address', { source: 'http://127.0.0.1:1/image.bin' }],
    ['longer than its own file', { totalBytes: HELD_BYTES - 1 }],
    ['empty', { heldBytes: 0 }],
  ])('is not resumed when it is %s', async (_, left) => {
    const { failure, target, asked } = await resume(honest(ETAG), left);
    expect(failure).toBeUndefined();
    expect(asked).toHaveLength(1);
    expect(asked[0]!.range).toBeUndefined();
    expect(target.bytes.equals(image)).toBe(true);
  });

  test('gives way to the whole of a file that has changed', async () => {
    const changed = Buffer.alloc(200_000, 'another build');
    const { failure, target } = await resume(honest('"v2"', changed));
    expect(failure).toBeUndefined();
    expect(target.bytes.equals(changed)).toBe(true);
    expect(target.known).toMatchObject({ etag: '"v2"', totalBytes: changed.length });
  });

  test('is thrown away when the rest belongs to a file of another size', async () => {
    const { failure, target, asked } = await resume(honest(ETAG, Buffer.concat([image, image])));
    expect(failure).toBeUndefined();
    expect(asked.map(({ range }) => range)).toEqual([`bytes=${HELD_BYTES}-`, undefined]);
    expect(target.size).toBe(2 * image.length);
  });

  test('learns the size from the rest where the first answer gave none', async () => {
    const { failure, target } = await resume(
      (_, response) => {
        const range = `bytes ${HELD_BYTES}-${image.length - 1}/${image.length}`;
        response.writeHead(206, { etag: ETAG, 'content-range': range, 'transfer-encoding': 'chunked' });
        response.end(image.subarray(HELD_BYTES, -1));
      },
      { totalBytes: undefined },
      { policy: { limits: { attempts: 1 } } },
    );
    expect(failure).toMatchObject({ code: 'DOWNLOAD_TRUNCATED' });
    expect(failure.message).toContain(`${image.length - 1} of ${image.length} bytes`);
    expect(target.size).toBe(image.length - 1);
  });

  test('that is whole is asked for once, and no byte is sent', async () => {
    const { failure, target, asked } = await resume(honest(ETAG), { heldBytes: image.length });
    expect(failure).toBeUndefined();
    expect(asked).toHaveLength(1);
    expect(asked[0]!['if-none-match']).toBe(ETAG);
    expect(asked[0]!.range).toBeUndefined();
    expect(target.bytes.equals(image)).toBe(true);
  });

  test('that is whole gives way when the file has changed', async () => {
    const changed = Buffer.alloc(200_000, 'another build');
    const { failure, target } = await resume(honest('"v2"', changed), { heldBytes: image.length });
    expect(failure).toBeUndefined();
    expect(target.bytes.equals(changed)).toBe(true);
  });

  test('that is whole is not confirmed by a weak ETag', async () => {
    const { failure, asked } = await resume(
      (request, response) => {
        if (request.headers['if-none-match'] === undefined) response.end(image);
        else response.writeHead(304, { etag: `W/${ETAG}` }).end();
      },
      { heldBytes: image.length },
    );
    expect(failure).toBeUndefined();
    expect(asked).toHaveLength(2);
  });

  test('that is whole but damaged is found by the announced digest', async () => {
    const sha256 = createHash('sha256').update('what was meant').digest('hex');
    const { failure, target, asked } = await resume(honest(ETAG), { heldBytes: image.length, sha256 });
    expect(failure).toBeUndefined();
    expect(asked).toHaveLength(2);
    expect(target.bytes.equals(image)).toBe(true);
  });

  test('does not make 304 an answer to a question for the rest', async () => {
    const { failure } = await resume((_, response) => response.writeHead(304, { etag: ETAG }).end());
    expect(failure).toMatchObject({ code: 'HTTP_STATUS' });
  });
});

describe('a server that sends more of the rest than it announced', () => {
  test('is stopped at once', async () => {
    const { failure, target, asked } = await resume((_, response) => {
      const range = `bytes ${HELD_BYTES}-${image.length - 1}/${image.length}`;
      response.writeHead(206, { etag: ETAG, 'content-range': range, 'transfer-encoding': 'chunked' });
      const more = () => {
        while (!response.destroyed && response.write(image));
      };
      response.on('drain', more);
      more();
    });
    expect(failure).toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
    expect(failure.message).toContain(`more than the ${image.length} bytes`);
    expect(asked).toHaveLength(1);
    expect(target.size).toBeLessThanOrEqual(image.length);
  });
});

describe('a target that fails', () => {
  test('ends the download with its own failure, and the server is asked once', async () => {
    await using server = await serve(honest(ETAG));
    const target = new MemoryTarget();
    const full = new Error('no space left');
    target.append = () => Promise.reject(full);
    await expect(downloadInto(new URL('/', server.origin), target, { maxBytes: 1e6 })).rejects.toBe(full);
    expect(server.requests).toHaveLength(1);
  });
});

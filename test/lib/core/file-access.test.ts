import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chunksOf, memoryAccess, openFile, readBounded, region } from '../../../src/lib/core/file-access.js';
import type { RandomAccess } from '../../../src/lib/core/random-access.js';
import { sha256Hex, sha256OfAccess } from '../../../src/lib/core/sha256.js';

let folder: string;
let path: string;
const image = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7919) >> 3));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-access-'));
  path = join(folder, 'image.bin');
  await writeFile(path, image);
});
afterEach(() => rm(folder, { recursive: true }));

async function readAt(source: RandomAccess, position: number, length: number): Promise<Buffer> {
  const into = Buffer.alloc(length, 0xee);
  return into.subarray(0, await source.read(into, position));
}

describe('openFile', () => {
  test('reads any stretch, and fewer bytes only at the end', async () => {
    await using file = await openFile(path);
    expect(file).toMatchObject({ name: path, size: image.length });
    await fc.assert(
      fc.asyncProperty(fc.nat(image.length + 10), fc.nat(5000), async (position, length) => {
        expect(await readAt(file, position, length)).toEqual(image.subarray(position, position + length));
      }),
    );
  });

  test('follows a symlink', async () => {
    await symlink('image.bin', join(folder, 'link'));
    await using file = await openFile(join(folder, 'link'));
    expect(file.size).toBe(image.length);
  });

  test.each([
    ['a missing file', 'missing', 'NOT_FOUND', 'no such file'],
    ['a file used as a folder', 'image.bin/x', 'NOT_FOUND', 'not a directory'],
    ['a directory', '.', 'IO_FAILED', 'is a directory'],
  ])('refuses %s', async (_, name, code, fact) => {
    await expect(openFile(join(folder, name))).rejects.toMatchObject({ code, message: expect.stringContaining(fact) });
  });

  test('refuses a FIFO at once instead of waiting for a writer', async () => {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    await expect(openFile(join(folder, 'fifo'))).rejects.toMatchObject({ code: 'IO_FAILED' });
  });

  test('refuses more than maxBytes', async () => {
    await using _ = await openFile(path, { maxBytes: image.length });
    await expect(openFile(path, { maxBytes: image.length - 1 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: `${path}: the file has 100000 bytes, at most 99999 (97.7 KiB) are read`,
    });
  });
});

describe('readBounded', () => {
  test('reads a whole file of exactly the limit', async () => {
    expect(await readBounded(path, image.length, 'image')).toEqual(image);
  });

  test('names what is too large', async () => {
    await expect(readBounded(path, 10, 'public key')).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('the public key has 100000 bytes'),
    });
  });

  test.each(process.platform === 'linux' ? ['/proc/self/stat'] : [])(
    'holds the limit for %s, which claims to be empty',
    async (file) => {
      expect((await readBounded(file, 65_536, 'status')).length).toBeGreaterThan(20);
      await expect(readBounded(file, 20, 'status')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    },
  );
});

describe('region', () => {
  test('is a window that reads never leave', async () => {
    const window = region(memoryAccess(image, 'image'), 'part', 1000, 500);
    expect(window).toMatchObject({ name: 'part', size: 500 });
    await fc.assert(
      fc.asyncProperty(fc.nat(600), fc.nat(600), async (position, length) => {
        const expected = image.subarray(1000, 1500).subarray(position, position + length);
        expect(await readAt(window, position, length)).toEqual(expected);
      }),
    );
  });

  test.each([
    [-1, 5],
    [0, -1],
    [99_999, 2],
  ])('cannot lie outside its source (%i, %i)', (offset, size) => {
    expect(() => region(memoryAccess(image, 'image'), 'part', offset, size)).toThrow(RangeError);
  });
});

describe('chunksOf', () => {
  test.each([1, 333, 4096, 100_000, 1_000_000])('yields every byte in order in chunks of %i', async (chunkBytes) => {
    if (chunkBytes === 1) await truncate(path, 300);
    await using file = await openFile(path);
    const copies: Buffer[] = [];
    for await (const chunk of chunksOf(file, { chunkBytes })) copies.push(Buffer.from(chunk));
    expect(Buffer.concat(copies)).toEqual(image.subarray(0, file.size));
    expect(copies.slice(0, -1).every(({ length }) => length === chunkBytes)).toBe(true);
  });

  test('yields nothing for an empty source', async () => {
    for await (const _ of chunksOf(memoryAccess(Buffer.alloc(0), 'empty'))) expect.unreachable();
  });

  test('refuses a file that was cut while it was read', async () => {
    await using file = await openFile(path);
    await truncate(path, 50_000);
    await expect(sha256OfAccess(file)).rejects.toMatchObject({ code: 'IO_FAILED' });
  });

  test('does not see what was appended while it was read', async () => {
    await using file = await openFile(path);
    await appendFile(path, 'more');
    expect(await sha256OfAccess(file)).toBe(sha256Hex(image));
  });

  test('stops when the signal is raised', async () => {
    const abort = new AbortController();
    let chunks = 0;
    const reading = (async () => {
      for await (const _ of chunksOf(memoryAccess(image, 'image'), { chunkBytes: 100, signal: abort.signal })) {
        if (++chunks === 3) abort.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(chunks).toBe(3);
  });

  test('lets the file be closed when the consumer leaves early', async () => {
    await using file = await openFile(path);
    for await (const _ of chunksOf(file, { chunkBytes: 10 })) break;
    await file.close();
  });
});

test('sha256Hex and sha256OfAccess agree with node:crypto', async () => {
  const expected = createHash('sha256').update(image).digest('hex');
  expect(sha256Hex(image)).toBe(expected);
  expect(await sha256OfAccess(memoryAccess(image, 'image'))).toBe(expected);
});

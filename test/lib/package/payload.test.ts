import { createHash, hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import type { RandomAccess } from '../../../src/lib/core/random-access.js';
import { authenticatedPayload } from '../../../src/lib/package/authenticated-payload.js';
import { chooseChunkBytes } from '../../../src/lib/package/chunking.js';
import { hashPayload } from '../../../src/lib/package/payload-hash.js';
import { targetBytes } from '../../../src/lib/package/target-bytes.js';
import { verifyPayloads } from '../../../src/lib/package/verify.js';
import { fullPayload } from '../../support/packages.js';

const image = Buffer.from(Array.from({ length: 20_000 }, (_, index) => (index * 31) >> 3));
const { entry, content } = fullPayload(image);
const flipped = (at: number): RandomAccess => {
  const bytes = Buffer.from(image);
  bytes[at]! ^= 1;
  return memoryAccess(bytes, 'flipped');
};

describe('authenticatedPayload', () => {
  test('reads like the bytes themselves, at any place and size', async () => {
    const payload = authenticatedPayload(content.data, entry);
    await fc.assert(
      fc.asyncProperty(fc.nat(25_000), fc.nat(9000), async (position, size) => {
        const into = Buffer.alloc(size);
        const got = await payload.read(into, position);
        expect(into.subarray(0, got).equals(image.subarray(position, position + size))).toBe(true);
      }),
    );
  });

  test('refuses a chunk with one changed bit, and only that one', async () => {
    const payload = authenticatedPayload(flipped(9000), entry);
    const into = Buffer.alloc(100);
    await expect(payload.read(into, 8192)).rejects.toMatchObject({ code: 'PAYLOAD_MISMATCH' });
    await expect(payload.read(into, 0)).resolves.toBe(100);
    await expect(payload.read(into, 8150)).rejects.toMatchObject({ code: 'PAYLOAD_MISMATCH' });
  });

  test('refuses a payload that ends early', async () => {
    const payload = authenticatedPayload(memoryAccess(image.subarray(0, 19_000), 'short'), entry);
    await expect(payload.read(Buffer.alloc(10), 18_000)).rejects.toMatchObject({ code: 'PAYLOAD_MISMATCH' });
  });
});

describe('hashPayload', () => {
  /** Endless pseudo-random content that takes no memory. */
  const large = (size: number): RandomAccess => ({
    name: 'large',
    size,
    async read(into, position) {
      const bytes = Math.max(0, Math.min(into.byteLength, size - position));
      for (let at = 0; at < bytes; at += 4096) into.fill((position + at) >> 12, at, Math.min(at + 4096, bytes));
      return bytes;
    },
  });

  test.each([1, 4096, 4097, 20_000, 17 * 1024 ** 2 + 5])(
    'hashes the whole and the chunks of %i bytes',
    async (size) => {
      const chunkBytes = chooseChunkBytes(size);
      const data = large(size);
      const got = await hashPayload(data, chunkBytes);
      const all = Buffer.alloc(size);
      await data.read(all, 0);
      expect(got.sha256).toBe(createHash('sha256').update(all).digest('hex'));
      const chunks = Array.from({ length: Math.ceil(size / chunkBytes) }, (_, n) =>
        all.subarray(n * chunkBytes, (n + 1) * chunkBytes),
      );
      expect(got.chunkSha256).toEqual(chunks.map((chunk) => hash('sha256', chunk)));
    },
  );

  test('ends with the reason when it is cancelled', async () => {
    const stop = new AbortController();
    const hashing = hashPayload(large(40 * 1024 ** 2), 65_536, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(hashing).rejects.toThrow();
  });

  test('passes on a failure to read', async () => {
    const failing = { ...large(40 * 1024 ** 2), read: () => Promise.reject(new Error('EIO')) };
    await expect(hashPayload(failing, 65_536)).rejects.toThrow('EIO');
  });
});

describe('chooseChunkBytes', () => {
  test('gives a power of two within the limits of the format, and at most 512 chunks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 * 1024 ** 3 - 1 }), (size) => {
        const chunkBytes = chooseChunkBytes(size);
        expect(Math.log2(chunkBytes) % 1).toBe(0);
        expect(chunkBytes).toBeGreaterThanOrEqual(65_536);
        expect(chunkBytes).toBeLessThanOrEqual(16 * 1024 ** 2);
        expect(Math.ceil(size / chunkBytes)).toBeLessThanOrEqual(512);
      }),
    );
  });
});

describe('verifyPayloads', () => {
  test('passes what metadata promises and says how far it is', async () => {
    const seen: number[] = [];
    await verifyPayloads([{ entry, data: content.data }], { onBytes: (done, total) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
  });

  test('refuses a changed bit anywhere', async () => {
    for (const at of [0, 4095, 4096, 12_345, 19_999]) {
      await expect(verifyPayloads([{ entry, data: flipped(at) }])).rejects.toMatchObject({
        code: 'PAYLOAD_MISMATCH',
        exitCode: 4,
      });
    }
  });

  test('refuses a whole-payload hash that contradicts the chunks', async () => {
    const wrong = { ...entry, sha256: 'a'.repeat(64) };
    await expect(verifyPayloads([{ entry: wrong, data: content.data }])).rejects.toMatchObject({
      code: 'PAYLOAD_MISMATCH',
    });
  });
});

describe('targetBytes', () => {
  test('refuses at the end what is not the signed image, having yielded no more than its size', async () => {
    const wrong = { ...entry, target: { ...entry.target, sha256: 'a'.repeat(64) } };
    let yielded = 0;
    const making = (async () => {
      for await (const chunk of targetBytes({ entry: wrong, data: content.data }, undefined))
        yielded += chunk.byteLength;
    })();
    await expect(making).rejects.toMatchObject({ code: 'TARGET_MISMATCH', exitCode: 4 });
    expect(yielded).toBe(image.length);
  });
});

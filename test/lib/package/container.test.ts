import { buffer } from 'node:stream/consumers';
import { TarArchive } from 'archiver';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { CONTAINER_LIMITS, openContainer } from '../../../src/lib/package/container.js';
import { BLOCK_BYTES, ustarHeader, ustarNameAndSize } from '../../../src/lib/package/ustar.js';
import { containerBytes } from '../../../src/lib/package/write-container.js';
import { smallPackage } from '../../support/packages.js';

const open = (bytes: Uint8Array) => openContainer(memoryAccess(bytes, 'x.ota'));
const image = Buffer.from('firmware '.repeat(200));

const entryName = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,99}$/);

describe('ustarHeader', () => {
  test('is what archiver writes for any name and size', async () => {
    await fc.assert(
      fc.asyncProperty(entryName, fc.nat(5000), async (name, size) => {
        const archive = new TarArchive({});
        archive.append(Buffer.alloc(size, 1), { name, date: new Date(0), mode: 0o644 });
        void archive.finalize();
        const written = await buffer(archive);
        expect(ustarHeader(name, size).equals(written.subarray(0, BLOCK_BYTES))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('is read back to its name and size, and to nothing with any byte changed', () => {
    fc.assert(
      fc.property(
        entryName,
        fc.nat(8 * 1024 ** 3 - 1),
        fc.nat(BLOCK_BYTES - 1),
        fc.integer({ min: 1, max: 255 }),
        (name, size, at, flip) => {
          const header = ustarHeader(name, size);
          expect(ustarNameAndSize(header)).toEqual({ name, size });
          header[at]! ^= flip;
          expect(ustarNameAndSize(header)).toBeUndefined();
        },
      ),
    );
  });
});

describe('openContainer', () => {
  test('gives back what was written', async () => {
    const parts = fc.record({
      metadataBytes: fc.uint8Array({ minLength: 1, maxLength: 2000 }),
      signatureBytes: fc.uint8Array({ minLength: 1, maxLength: 2000 }),
      firstRoot: fc.integer({ min: 1, max: 9 }),
      roots: fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 3 }),
      payloads: fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(parts, async ({ metadataBytes, signatureBytes, firstRoot, roots, payloads }) => {
        const content = {
          metadataBytes,
          signatureBytes,
          roots: roots.map((bytes, index) => ({ version: firstRoot + index, bytes: Buffer.from(bytes) })),
          payloads: payloads.map((bytes, index) => ({
            file: `app-0000000${index}.full`,
            data: memoryAccess(bytes, ''),
          })),
        };
        const container = await open(await buffer(containerBytes(content)));
        expect([...container.metadataBytes]).toEqual([...metadataBytes]);
        expect([...container.signatureBytes]).toEqual([...signatureBytes]);
        expect(container.roots).toEqual(content.roots);
        expect(container.payloads.map(({ file }) => file)).toEqual(content.payloads.map(({ file }) => file));
        for (const [index, { data }] of container.payloads.entries()) {
          const read = Buffer.alloc(data.size + 1);
          expect(await data.read(read, 0)).toBe(data.size);
          expect(read.subarray(0, data.size).equals(payloads[index]!)).toBe(true);
        }
      }),
    );
  });

  test('refuses a package that ends at any earlier byte', async () => {
    const bytes = await smallPackage(image);
    for (let size = 0; size < bytes.length; size++) {
      await expect(open(bytes.subarray(0, size)), `cut at ${size}`).rejects.toMatchObject({
        code: 'CONTAINER_INVALID',
        exitCode: 4,
      });
    }
  });

  test('refuses any changed byte outside the contents of its entries', async () => {
    const bytes = await smallPackage(image);
    const container = await open(bytes);
    const contents = [container.metadataBytes.length, container.signatureBytes.length, image.length];
    const isContent = (at: number): boolean => {
      let start = 0;
      for (const size of contents) {
        start += BLOCK_BYTES;
        if (at >= start && at < start + size) return true;
        start += Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
      }
      return false;
    };
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (isContent(at)) continue;
      bytes[at]! ^= 0x20;
      await expect(open(bytes), `byte ${at}`).rejects.toMatchObject({ exitCode: 4 });
      bytes[at]! ^= 0x20;
      refused++;
    }
    expect(refused).toBeGreaterThan(5 * BLOCK_BYTES);
  });

  test.each<[string, (bytes: Buffer) => Buffer, string]>([
    ['bytes before it', (bytes) => Buffer.concat([Buffer.alloc(512, 1), bytes]), 'CONTAINER_INVALID'],
    ['bytes after it', (bytes) => Buffer.concat([bytes, Buffer.of(0)]), 'CONTAINER_INVALID'],
    ['a third zero block', (bytes) => Buffer.concat([bytes, Buffer.alloc(512)]), 'CONTAINER_INVALID'],
    ['one zero block only', (bytes) => bytes.subarray(0, -512), 'CONTAINER_INVALID'],
    ['nothing at all', () => Buffer.alloc(0), 'CONTAINER_INVALID'],
    ['zeros only', () => Buffer.alloc(1024), 'CONTAINER_INVALID'],
    ['a gzip stream', () => Buffer.from('1f8b0800000000000003'.padEnd(1200, '0'), 'hex'), 'CONTAINER_INVALID'],
  ])('refuses %s', async (_, change, code) => {
    await expect(open(change(await smallPackage(image)))).rejects.toMatchObject({ code });
  });

  /** A tar file of these entries, each correct in itself. */
  const tar = (...entries: [name: string, content: string | Buffer][]): Buffer =>
    Buffer.concat([
      ...entries.flatMap(([name, content]) => {
        const bytes = Buffer.from(content);
        return [ustarHeader(name, bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
      }),
      Buffer.alloc(1024),
    ]);
  const head = [
    ['metadata.json', '{}'],
    ['signature.json', '{}'],
  ] satisfies [string, string][];

  test.each<[string, Buffer]>([
    ['no payload', tar(...head)],
    ['no signature.json', tar(head[0]!, ['app-full.full', 'x'])],
    ['signature.json first', tar(head[1]!, head[0]!, ['app-full.full', 'x'])],
    ['a second metadata.json', tar(...head, head[0]!, ['app-full.full', 'x'])],
    ['the same payload twice', tar(...head, ['app-full.full', 'x'], ['app-full.full', 'x'])],
    ['a payload before a root', tar(...head, ['app-full.full', 'x'], ['root.2.json', '{}'])],
    ['roots with a gap', tar(...head, ['root.2.json', '{}'], ['root.4.json', '{}'], ['app-full.full', 'x'])],
    ['a root of version 0', tar(...head, ['root.0.json', '{}'], ['app-full.full', 'x'])],
    ['an absolute name', tar(...head, ['/etc/passwd', 'x'])],
    ['a name that climbs', tar(...head, ['../app-full.full', 'x'])],
    ['a backslash name', tar(...head, ['..\\app-full.full', 'x'])],
    ['an upper-case name', tar(...head, ['APP-full.full', 'x'])],
    ['a folder', tar(...head, ['app/', ''])],
  ])('refuses %s', async (_, bytes) => {
    await expect(open(bytes)).rejects.toMatchObject({ code: 'CONTAINER_INVALID', exitCode: 4 });
  });

  test.each<[string, Buffer]>([
    [
      'metadata above 1 MiB',
      tar(['metadata.json', Buffer.alloc(CONTAINER_LIMITS.metadataBytes + 1)], head[1]!, ['app-full.full', 'x']),
    ],
    [
      'a large signature.json',
      tar(head[0]!, ['signature.json', Buffer.alloc(CONTAINER_LIMITS.signatureBytes + 1)], ['app-full.full', 'x']),
    ],
    [
      'too many entries',
      tar(
        ...head,
        ...Array.from({ length: 400 }, (_, n): [string, string] => [`app-${String(n).padStart(8, '0')}.full`, 'x']),
      ),
    ],
  ])('refuses %s by its limit', async (_, bytes) => {
    await expect(open(bytes)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
  });
});

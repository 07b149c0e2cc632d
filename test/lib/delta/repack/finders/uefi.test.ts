import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../../src/lib/delta/image/image-bytes.js';
import { uefi } from '../../../../../src/lib/delta/repack/finders/uefi.js';
import type { FoundStream } from '../../../../../src/lib/delta/repack/stream-finder.js';
import { firmwareVolume, lzmaSection } from './firmware-volume.js';

const STREAM = Buffer.alloc(100, 0x5d);

describe('the finder of UEFI volumes', () => {
  test('finds the LZMA sections of a volume, and where their streams end', () => {
    const volume = firmwareVolume([lzmaSection(STREAM), lzmaSection(STREAM, { f86: true })]);
    const image = Buffer.concat([Buffer.alloc(4096, 0xff), volume, Buffer.alloc(4096, 0xff)]);
    const found = find(image);
    expect(found).toHaveLength(2);
    for (const { codec, at, packedBytes, isExact } of found) {
      expect({ codec, isExact }).toEqual({ codec: 'lzma-sdk', isExact: true });
      expect(image.subarray(at, at + packedBytes).equals(STREAM)).toBe(true);
    }
  });

  test('finds a section of 16 MiB and more, whose size stands elsewhere', () => {
    const stream = Buffer.alloc(0x1000000, 0x5d);
    const [found] = find(lzmaSection(stream));
    expect(found).toMatchObject({ at: 28, packedBytes: stream.length });
  });

  test('finds sections across the borders of what it looks at at once', () => {
    const section = lzmaSection(STREAM);
    for (const before of [0, 1024 * 1024 - section.length, 1024 * 1024 - 12, 1024 * 1024 - 4, 1024 * 1024]) {
      expect(find(Buffer.concat([Buffer.alloc(before), section]))).toHaveLength(1);
    }
  });

  test.each([
    ['ends beyond the image', (section: Buffer) => section.subarray(0, -1)],
    ['has no room for a stream', (section: Buffer) => changed(section, 0, [24 + 13, 0, 0])],
    ['has its data inside the header', (section: Buffer) => changed(section, 20, [23, 0])],
    ['has its data behind its end', (section: Buffer) => changed(section, 20, [0xff, 0xff])],
    ['is of another type', (section: Buffer) => changed(section, 3, [0x17])],
    ['has a header that the image cuts', (section: Buffer) => section.subarray(0, 22)],
    ['has no start', (section: Buffer) => section.subarray(4)],
  ])('leaves a section that %s', (_, damage) => {
    expect(find(damage(Buffer.from(lzmaSection(STREAM))))).toEqual([]);
  });

  test('names places inside the image only, whatever the image', () => {
    const flips = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(flips, fc.nat(300), (changes, size) => {
        const image = firmwareVolume([lzmaSection(STREAM), lzmaSection(STREAM, { f86: true })]).subarray(0, size);
        for (const [at, byte] of changes) if (at < size) image[at] = byte;
        for (const { at, packedBytes } of find(image)) {
          expect(packedBytes).toBeGreaterThan(0);
          expect(at + packedBytes).toBeLessThanOrEqual(image.length);
        }
      }),
    );
  });
});

function find(image: Uint8Array): FoundStream[] {
  return [...uefi.find(imageInMemory(image))];
}

function changed(section: Buffer, at: number, bytes: number[]): Buffer {
  section.set(bytes, at);
  return section;
}

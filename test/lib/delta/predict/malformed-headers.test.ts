import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import type { Segment } from '../../../../src/lib/delta/predict/address-space.js';
import { detectSpaces } from '../../../../src/lib/delta/predict/detect-spaces.js';
import { normaliser } from '../../../../src/lib/delta/predict/normaliser.js';
import { elfImage, espFirmware, objectFile, peImage } from './executables.js';

const IMAGES: readonly (readonly [name: string, image: Uint8Array])[] = [
  ['ELF executable', elfImage({ machine: 183, loads: [{ fileAt: 0x1000, address: 0x40_1000, size: 0x1000 }] })],
  ['ELF object', objectFile({ machine: 62, codeBytes: 0x800 })],
  ['PE image', peImage({ machine: 0xaa64, sections: [{ fileAt: 0x400, address: 0x1000, size: 0x1000 }] })],
  ['ESP32 firmware', espFirmware({ chip: 0, segments: [{ address: 0x3f40_0020, size: 0x800 }] })],
];

/** What the applier requires of segments. */
function expectSound(segments: readonly Segment[], size: number): void {
  let end = 0;
  for (const segment of segments) {
    expect(segment.fileAt).toBeGreaterThanOrEqual(end);
    expect(segment.size).toBeGreaterThan(0);
    expect(Number.isSafeInteger(segment.address) && Number.isSafeInteger(segment.address + segment.size)).toBe(true);
    end = segment.fileAt + segment.size;
  }
  expect(end).toBeLessThanOrEqual(size);
}

describe('headers that lie', () => {
  test.each(IMAGES)('%s: whatever is changed in it, what is found lies inside the image', (_, image) => {
    const changes = fc.array(fc.tuple(fc.nat(300), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff))), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(changes, fc.nat(image.length), fc.boolean(), (edits, length, isCut) => {
        const forged = Uint8Array.from(image);
        for (const [at, byte] of edits) forged[at % forged.length] = byte;
        const bytes = isCut ? forged.subarray(0, length) : forged;
        const spaces = detectSpaces(imageInMemory(bytes), imageInMemory(image));
        expectSound(spaces.old, bytes.length);
        expectSound(spaces.new, image.length);
        for (const segments of [spaces.old, spaces.new]) {
          const masked = Uint8Array.from(segments === spaces.old ? bytes : image);
          normaliser(spaces.machine, segments)?.(masked, 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a table of headers that claims to be endless takes no time and finds nothing', () => {
    const image = elfImage({ machine: 183, loads: [{ fileAt: 0x1000, address: 0x40_1000, size: 0x1000 }] });
    new DataView(image.buffer).setUint16(56, 0xffff, true);
    expect(detectSpaces(imageInMemory(image), imageInMemory(image)).machine).toBe('none');
  });

  test('ten thousand headers one inside the other are taken for a few files', () => {
    const header = elfImage({ machine: 62, loads: [{ fileAt: 0, address: 0, size: 2048 }] }).subarray(0, 120);
    const image = new Uint8Array(10_000 * header.length + 4096);
    for (let i = 0; i < 10_000; i++) image.set(header, i * header.length);
    const { old } = detectSpaces(imageInMemory(image), imageInMemory(image));
    expectSound(old, image.length);
    expect(old.length).toBeLessThan(1000);
  });
});

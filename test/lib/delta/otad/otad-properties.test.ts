import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CODERS, type Coder } from '../../../../src/lib/delta/formats.js';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import { encodeOtad, type OtadChoices } from '../../../../src/lib/delta/otad/encode-otad.js';
import { realFirmware } from '../../../support/firmware.js';
import { mutate, mutations } from '../../../support/mutations.js';
import { outcomeOf } from '../forged-patch.js';

async function patchOf(old: Uint8Array, target: Uint8Array, choices: OtadChoices): Promise<Buffer> {
  return Buffer.concat(await encodeOtad(imageInMemory(old), imageInMemory(target), choices, () => undefined));
}

/** A new image made of pieces of the old one, changed here and there, and of bytes of its own. */
const pairs = fc
  .record({
    old: fc.uint8Array({ minLength: 0, maxLength: 3000 }),
    pieces: fc.array(
      fc.oneof(
        fc.record({ from: fc.nat(3000), length: fc.nat(2000), every: fc.integer({ min: 3, max: 400 }) }),
        fc.uint8Array({ maxLength: 300 }),
      ),
      { maxLength: 6 },
    ),
  })
  .map(({ old, pieces }) => {
    const parts = pieces.map((piece) =>
      piece instanceof Uint8Array
        ? piece
        : old.slice(piece.from, piece.from + piece.length).map((byte, i) => (i % piece.every === 1 ? byte + 5 : byte)),
    );
    return { old, target: new Uint8Array(Buffer.concat(parts)) };
  });

describe('an otad patch gives the image back, whatever the images', () => {
  test.each(CODERS)('packed with %s', async (coder) => {
    await fc.assert(
      fc.asyncProperty(
        pairs,
        fc.constantFrom('none', 'thumb', 'aarch64', 'x86-64'),
        async ({ old, target }, machine) => {
          const patch = await patchOf(old, target, { coder, effort: 'fast', machine });
          const { yielded, error } = await outcomeOf(patch, old, target.length, 'otad');
          expect(error).toBeUndefined();
          expect(Buffer.compare(yielded, target)).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });
});

test('the same images give the same patch', async () => {
  const { old, new: target } = await realFirmware('movehub');
  const [one, other] = await Promise.all([patchOf(old, target, {}), patchOf(old, target, {})]);
  expect(one.equals(other)).toBe(true);
});

test('a patch of real firmware takes a sixth of what bsdiff needs', async () => {
  const { old, new: target } = await realFirmware('movehub');
  expect((await patchOf(old, target, {})).length).toBeLessThanOrEqual(6462 / 6); // by bsdiff 4.3: 6,462 bytes
});

describe('of a changed otad patch no wrong byte comes out', () => {
  const images = (hub: 'movehub') => realFirmware(hub);
  const piece = (image: Uint8Array) => image.subarray(20_000, 52_000);

  test.each<[Coder]>([['none'], ['brotli'], ['lzma'], ['mix']])('packed with %s', async (coder) => {
    const hub = await images('movehub');
    const old = piece(hub.old);
    const target = piece(hub.new);
    const patch = await patchOf(old, target, { coder, effort: 'fast', machine: 'thumb', baseAddress: 0x0800_5000 });
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const changed = mutate(patch, changes);
        const { yielded, error } = await outcomeOf(changed, old, target.length, 'otad');
        if (error === undefined) {
          expect(Buffer.compare(yielded, target)).toBe(0);
          return;
        }
        expect(error).toMatchObject({
          name: 'OtaError',
          code: expect.stringMatching(/^(PATCH_INVALID|LIMIT_EXCEEDED)$/),
        });
        expect(yielded).toHaveLength(0);
      }),
      { numRuns: 60 },
    );
  });

  test('packed with mix and cut anywhere, or with bytes more', async () => {
    const hub = await images('movehub');
    const old = piece(hub.old).subarray(0, 6000);
    const target = piece(hub.new).subarray(0, 6000);
    const patch = await patchOf(old, target, { coder: 'mix' });
    for (let length = 0; length < patch.length; length++) {
      const { yielded, error } = await outcomeOf(patch.subarray(0, length), old, target.length, 'otad');
      if (error === undefined) expect(Buffer.compare(yielded, target)).toBe(0);
      else expect(error, `${length} bytes`).toMatchObject({ code: 'PATCH_INVALID' });
    }
    const longer = await outcomeOf(Buffer.concat([patch, Buffer.alloc(8, 1)]), old, target.length, 'otad');
    expect(longer.error).toMatchObject({ code: 'PATCH_INVALID' });
  });
});

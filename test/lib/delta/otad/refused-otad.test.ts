import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../forged-patch.js';
import { type ForgedOtad, forgeOtad } from './forged-otad.js';

const old = Buffer.from('the old image of this device');
const target = Buffer.from('the second image of it');
const fixed: ForgedOtad = {
  baseSize: old.length,
  target,
  covers: [
    [0, 4, 0], // 'the '
    [6, 10, -3], // " image of " at 10, from 7 of the old image
  ],
  extra: Buffer.from('secondit'),
};

const apply = (patch: Uint8Array, base: Uint8Array = old, size = target.length) => outcomeOf(patch, base, size, 'otad');

test.each([
  ['stored', 0],
  ['brotli', 1],
])('the patch that all others are spoilt copies of is fine, %s', async (_, coder) => {
  const { yielded, error } = await apply(forgeOtad({ ...fixed, coder }));
  expect(error).toBeUndefined();
  expect(yielded.toString()).toBe(target.toString());
});

const refusals: [row: string, parts: ForgedOtad | Buffer, message: string, code?: string][] = [
  ['the empty file', Buffer.alloc(0), 'not an otad patch, it starts with nothing'],
  ['another magic', { ...fixed, magic: 'OTAX' }, 'not an otad patch'],
  ['a later version', { ...fixed, version: 2 }, 'version 2 of otad, this applier knows 1'],
  ['an unknown coder', { ...fixed, coder: 4 }, 'packed with coder 4, known are 0 to 3'],
  ['unknown flags', { ...fixed, flags: 64 }, 'unknown flags 64'],
  ['tiny chunks', { ...fixed, chunkBits: 9, hashes: Buffer.alloc(8) }, 'chunks of 2^9 bytes'],
  ['huge chunks', { ...fixed, chunkBits: 25 }, 'chunks of 2^25 bytes'],
  ['an old image beyond the limit', { ...fixed, baseSize: 2 ** 31 }, 'the size of the old image is above its limit'],
  ['another old image', { ...fixed, baseSize: 27 }, 'applies to an image of 27 bytes, old.bin has 28'],
  [
    'another size of the new image',
    { ...fixed, targetSize: 23 },
    'makes an image of 23 bytes, the metadata promises 22',
  ],
  ['more covers than an image can need', { ...fixed, coverCount: 70 }, 'the number of covers is above its limit of 69'],
  ['fewer covers than its body has', { ...fixed, coverCount: 1 }, 'a cover'],
  ['more covers than its body has', { ...fixed, coverCount: 3 }, 'control section is too short'],
  ['a control section beyond the limit', { ...fixed, controlBytes: 2 ** 40 }, 'size of the control section is above'],
  ['a control section beyond the body', { ...fixed, controlBytes: 1000 }, 'body stream is too short'],
  ['an unknown machine', { ...fixed, fields: [99] }, 'predicts for machine 99'],
  ['blocks too small', { ...fixed, fields: [1, 2, 0, 0] }, 'blocks of 2^2 bytes'],
  ['a segment outside the old image', { ...fixed, fields: [1, 8, 1, 0, 29, 0, 0, 0] }, 'the size of a segment'],
  ['too many segments', { ...fixed, fields: [1, 8, 65537] }, 'the number of segments of the old image is above'],
  [
    'a cover beyond the new image',
    {
      ...fixed,
      covers: [
        [0, 4, 0],
        [6, 13, -3],
      ],
    },
    'makes bytes 10 to 23 of the new image',
  ],
  [
    'a cover before the old image',
    {
      ...fixed,
      covers: [
        [0, 4, 0],
        [6, 10, -11],
      ],
    },
    'reads bytes -1 to 9 of the old image',
  ],
  [
    'a cover behind the old image',
    {
      ...fixed,
      covers: [
        [0, 4, 0],
        [6, 10, 9],
      ],
    },
    'reads bytes 19 to 29 of the old image',
  ],
  [
    'a cover from far away',
    {
      ...fixed,
      covers: [
        [0, 4, 0],
        [6, 10, 2 ** 40],
      ],
    },
    'the shift of a cover is above its limit',
  ],
  ['an unknown mode', { ...fixed, kinds: [0, 18] }, 'a block has mode 9'],
  ['too few differences', { ...fixed, differences: Buffer.alloc(13) }, 'body stream is too short'],
  ['too few extra bytes', { ...fixed, extra: Buffer.from('secondi') }, 'body stream is too short'],
  ['too many extra bytes', { ...fixed, extra: Buffer.from('secondit!') }, 'body stream goes on after the image'],
  ['bytes after the patch', { ...fixed, trailing: Buffer.from('x') }, 'body stream goes on after the image'],
  ['bytes after a brotli body', { ...fixed, coder: 1, trailing: Buffer.from('x') }, 'body stream ends after'],
  ['stored bytes said to be brotli', Buffer.concat([forgeOtad(fixed)]).fill(1, 5, 6), 'not valid brotli data'],
  ['stored bytes said to be LZMA', Buffer.concat([forgeOtad(fixed)]).fill(2, 5, 6), 'not valid LZMA data'],
  [
    'a difference that is not the right one',
    { ...fixed, differences: Buffer.alloc(14, 1) },
    'chunk 0 of the new image (bytes 0 to 22)',
  ],
  ['a wrong hash', { ...fixed, hashes: Buffer.alloc(8) }, 'came out with a wrong hash'],
  ['a repacked patch', { ...fixed, flags: 2 }, 'patch'],
];

describe('an otad patch is refused, and nothing wrong comes out, for', () => {
  test.each(refusals)('%s', async (_row, parts, message, code = 'PATCH_INVALID') => {
    const { yielded, error } = await apply(Buffer.isBuffer(parts) ? parts : forgeOtad(parts));
    expect(error).toMatchObject({ name: 'OtaError', code, message: expect.stringContaining(message) });
    expect(yielded).toHaveLength(0);
  });

  test.each([0, 1])('every truncation, with coder %i', async (coder) => {
    const patch = forgeOtad({ ...fixed, coder });
    for (let length = 0; length < patch.length; length++) {
      const { yielded, error } = await apply(patch.subarray(0, length));
      expect(error, `${length} bytes`).toMatchObject({ code: 'PATCH_INVALID' });
      expect(yielded).toHaveLength(0);
    }
  });

  test('another base of the same size, with what to do about it', async () => {
    const { yielded, error } = await apply(forgeOtad(fixed), Buffer.from(old).reverse());
    expect(error).toMatchObject({
      code: 'PATCH_INVALID',
      message: expect.stringContaining('old.bin is another base than the patch was made for, or the patch is damaged'),
      suggestions: expect.arrayContaining([expect.stringContaining('Compare the SHA-256 of the base')]),
    });
    expect(yielded).toHaveLength(0);
  });
});

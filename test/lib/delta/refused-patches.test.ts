import { brotliCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { controlBytes, type ForgedPatch, forgePatch, outcomeOf } from './forged-patch.js';

const old = Buffer.from('the old image of this device');
const SIZE = 20;
const good: ForgedPatch = {
  triples: [
    [4, 6, 2],
    [10, 0, 0],
  ],
  diff: Buffer.alloc(14),
  extra: Buffer.from('second'),
  targetSize: SIZE,
};
const TOP_BIT = 1n << 63n;

test('the patch that all others are spoilt copies of is fine', async () => {
  const { yielded, error } = await outcomeOf(forgePatch(good), old, SIZE);
  expect(error).toBeUndefined();
  expect(yielded.toString()).toBe('the secondd image of');
});

const refusals: [row: string, parts: ForgedPatch | Buffer, message: string, code?: string][] = [
  // Row 25: negative or overflowing length
  [
    'control length negative in the header',
    { ...good, controlSize: -1n },
    'control stream has the impossible length -1',
  ],
  ['diff length negative in the header', { ...good, diffSize: -30n }, 'diff stream has the impossible length -30'],
  ['image size negative in the header', { ...good, targetSize: -20n }, 'new image has the impossible length -20'],
  ['control length beyond 2^53', { ...good, controlSize: 1n << 60n }, 'impossible length beyond 2^53'],
  [
    'lengths whose sum overflows',
    { ...good, controlSize: (1n << 53n) - 1n, diffSize: (1n << 53n) - 1n },
    'the patch has',
  ],
  ['control length beyond the patch', { ...good, controlSize: 500n }, 'claims a control stream of 500'],
  ['diff length beyond the patch', { ...good, diffSize: 500n }, 'a diff stream of 500 bytes, the patch has'],
  ['negative add (CVE-2014-9862)', { ...good, triples: [[-4, 6, 2]] }, 'wants to add -4 bytes, 20 are left to make'],
  ['negative copy (CVE-2014-9862)', { ...good, triples: [[4, -6, 2]] }, 'wants to copy -6 bytes, 16 are left to make'],
  [
    'negative add that undoes a copy',
    {
      ...good,
      triples: [
        [4, 6, 2],
        [-4, 14, 0],
      ],
    },
    'wants to add -4 bytes',
  ],
  ['add of 2^62', { ...good, triples: [[1n << 62n, 0, 0]] }, 'wants to add more than 2^53 bytes'],
  ['add with all bits set', { ...good, triples: [[(1n << 64n) - 1n, 0, 0]] }, 'wants to add more than 2^53 bytes'],
  ['add beyond the image', { ...good, triples: [[21, 0, 0]] }, 'wants to add 21 bytes, 20 are left to make'],
  ['copy beyond the image', { ...good, triples: [[4, 17, 0]] }, 'wants to copy 17 bytes, 16 are left to make'],
  ['add and copy that only together go beyond it', { ...good, triples: [[12, 9, 0]] }, 'wants to copy 9 bytes, 8 are'],
  ['seek beyond 2^53', { ...good, triples: [[4, 6, 1n << 60n]] }, 'seeks beyond 2^53 bytes'],
  [
    'seeks that add up beyond 2^53',
    {
      ...good,
      triples: [
        [4, 6, (1n << 53n) - 1n],
        [0, 1, (1n << 53n) - 1n],
      ],
    },
    'beyond 2^53',
  ],
  [
    'seek with the sign bit alone counts as zero',
    {
      ...good,
      triples: [
        [4, 6, TOP_BIT],
        [17, 0, 0],
      ],
    },
    'add 17 bytes, 10 are',
  ],

  // Row 26: seek before the start or past the end when read
  [
    'read before the start',
    {
      ...good,
      triples: [
        [4, 6, -5],
        [10, 0, 0],
      ],
    },
    'adds 10 bytes at position -1 of the old image',
  ],
  [
    'read past the end',
    {
      ...good,
      triples: [
        [4, 6, 15],
        [10, 0, 0],
      ],
    },
    'adds 10 bytes at position 19 of the old image, which has 28',
  ],
  [
    'read far past the end',
    {
      ...good,
      triples: [
        [4, 6, 2 ** 52],
        [10, 0, 0],
      ],
    },
    'of the old image, which has 28',
  ],

  // Row 27: short streams
  ['no control at all', { ...good, triples: [] }, 'control stream is too short'],
  ['control without its last triple', { ...good, triples: [[4, 6, 2]] }, 'control stream is too short'],
  ['half a triple', { ...good, control: controlBytes(good.triples!).subarray(0, 36) }, 'control stream is too short'],
  ['short diff', { ...good, diff: Buffer.alloc(13) }, 'diff stream is too short'],
  ['short extra', { ...good, extra: Buffer.from('secon') }, 'extra stream is too short'],
  [
    'stored streams that are short',
    { ...good, compressors: [2, 0, 0], diff: Buffer.alloc(13) },
    'diff stream is too short',
  ],

  // Row 28: unconsumed stream bytes, trailing bytes
  ['a triple too many', { ...good, triples: [...good.triples!, [0, 0, 0]] }, 'control stream goes on after the image'],
  ['a diff byte too many', { ...good, diff: Buffer.alloc(15) }, 'diff stream goes on after the image'],
  ['an extra byte too many', { ...good, extra: Buffer.from('seconds') }, 'extra stream goes on after the image'],
  ['bytes after the patch', { ...good, trailing: Buffer.from('x') }, 'extra stream ends after'],
  ['many bytes after the patch', { ...good, trailing: Buffer.alloc(300_000) }, 'extra stream ends after'],
  [
    'a stored extra stream with more',
    { ...good, compressors: [2, 2, 0], trailing: Buffer.from('x') },
    'extra stream goes on',
  ],
  ['a boundary between streams in the wrong place', { ...good, controlSize: 40n }, 'stream'],

  // Row 29: output size differs from the signed one
  [
    'image one byte larger than signed',
    { ...good, targetSize: SIZE + 1 },
    'makes an image of 21 bytes, the metadata promises 20',
  ],
  ['image one byte smaller than signed', { ...good, targetSize: SIZE - 1 }, 'makes an image of 19 bytes'],
  ['image of 2^52 bytes', { ...good, targetSize: 2 ** 52 }, 'makes an image of 4503599627370496 bytes'],

  // Row 30: zero-progress triples
  [
    'triples that make nothing, for ever',
    { ...good, control: Buffer.alloc(24 * 1000) },
    'it has more than 69 control triples',
    'LIMIT_EXCEEDED',
  ],
  [
    'triples that only seek to and fro, for ever',
    { ...good, triples: Array.from({ length: 1000 }, (_, i) => [0, 0, i % 2 === 0 ? 5 : -5] as const) },
    'it has more than 69 control triples',
    'LIMIT_EXCEEDED',
  ],

  [
    'idle triples between honest ones',
    {
      ...good,
      triples: good.triples!.flatMap((triple) => [triple, ...Array.from({ length: 70 }, () => [0, 0, 0] as const)]),
    },
    'it has more than 69 control triples, an image of 20 bytes needs fewer',
    'LIMIT_EXCEEDED',
  ],

  // Row 22: a stream that decodes beyond the image
  [
    'a control stream of 200 MB',
    { ...good, control: Buffer.alloc(200_000_000) },
    'it has more than 69 control triples',
    'LIMIT_EXCEEDED',
  ],
  ['a diff stream of 200 MB', { ...good, diff: Buffer.alloc(200_000_000) }, 'diff stream goes on after the image'],

  // Header and damage
  ['the empty file', Buffer.alloc(0), 'the patch is 0 bytes long, a header alone takes 32'],
  ['half a header', forgePatch(good).subarray(0, 31), 'the patch is 31 bytes long'],
  ['a bsdiff40 header', { ...good, magic: 'BSDIFF40' }, 'not a bsdf2 patch but a bsdiff40 patch'],
  [
    'an unknown compressor',
    { ...good, compressors: [2, 3, 2] },
    'the diff stream has compressor 3, known are 0, 1 and 2',
  ],
  [
    'stored data said to be brotli',
    { ...good, compressors: [2, 2, 0], magic: 'BSDF2\x02\x02\x02' },
    'not valid brotli data',
  ],
  ['stored data said to be bzip2', { ...good, compressors: [2, 1, 2] }, 'diff stream is not valid bzip2 data'],
  [
    'an empty brotli stream',
    { ...good, compressors: [0, 2, 2], magic: 'BSDF2\x02\x02\x02', triples: [] },
    'not valid brotli',
  ],
];

describe('a patch is refused, and nothing beyond its image comes out, for', () => {
  test.each(refusals)('%s', async (_row, parts, message, code = 'PATCH_INVALID') => {
    const patch = Buffer.isBuffer(parts) ? parts : forgePatch(parts);
    const started = performance.now();
    const { yielded, error } = await outcomeOf(patch, old, SIZE);
    expect(error).toMatchObject({ name: 'OtaError', code, message: expect.stringContaining(message) });
    expect(yielded.length).toBeLessThanOrEqual(SIZE);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test('every truncation', async () => {
    const patch = forgePatch(good);
    for (let length = 0; length < patch.length; length++) {
      const { yielded, error } = await outcomeOf(patch.subarray(0, length), old, SIZE);
      expect(error, `${length} bytes`).toMatchObject({ code: 'PATCH_INVALID' });
      expect(yielded.length).toBeLessThanOrEqual(SIZE);
    }
  });
});

describe('what looks odd but honest encoders write is accepted:', () => {
  test('a position outside the old image from which nothing is read', async () => {
    const patch = forgePatch({
      ...good,
      triples: [
        [4, 6, -400],
        [0, 0, 400],
        [0, 0, 2],
        [10, 0, 1e9],
      ],
    });
    expect((await outcomeOf(patch, old, SIZE)).yielded.toString()).toBe('the secondd image of');
  });

  test('a first triple that only seeks', async () => {
    const patch = forgePatch({
      triples: [
        [0, 0, 8],
        [5, 0, 0],
      ],
      diff: Buffer.alloc(5),
      targetSize: 5,
    });
    expect((await outcomeOf(patch, old, 5)).yielded.toString()).toBe('image');
  });

  test('an image of no byte', async () => {
    const { yielded, error } = await outcomeOf(forgePatch({ targetSize: 0 }), old, 0);
    expect(error).toBeUndefined();
    expect(yielded).toHaveLength(0);
  });

  test('additions that wrap around, and an old image of no byte', async () => {
    const added = forgePatch({ triples: [[2, 0, 0]], diff: Buffer.of(200, 156), targetSize: 2 });
    expect((await outcomeOf(added, Buffer.of(100, 100), 2)).yielded).toEqual(Buffer.of(44, 0));
    const copied = forgePatch({ triples: [[0, 3, 0]], extra: Buffer.from('new'), targetSize: 3 });
    expect((await outcomeOf(copied, Buffer.alloc(0), 3)).yielded.toString()).toBe('new');
  });
});

test('a compressed stream may not hide a second one', async () => {
  const two = Buffer.concat([brotliCompressSync(Buffer.alloc(14)), brotliCompressSync(Buffer.alloc(5))]);
  const patch = forgePatch({ ...good, magic: 'BSDF2\x02\x02\x02', compressors: [2, 0, 2], diff: two });
  const { error } = await outcomeOf(patch, old, SIZE);
  expect(error).toMatchObject({ code: 'PATCH_INVALID', message: expect.stringContaining('diff stream ends after') });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { lzmaStream, parseLzmaPrefix } from '../../../../src/lib/delta/coders/lzma-stream.js';
import { trimLzma } from '../../../../src/lib/delta/coders/lzma-trim.js';
import { realFirmware } from '../../../support/firmware.js';
import { liblzmaEncode } from '../../../support/liblzma.js';

let image: Uint8Array;
let packed: Buffer;

beforeAll(async () => {
  image = (await realFirmware('primehub')).new;
  const parameters = { lc: 3, lp: 0, pb: 2, dictionaryBytes: 2 ** 16, decodedBytes: image.length };
  packed = Buffer.concat([Buffer.of(93, 16), trimLzma(await liblzmaEncode(image, parameters), parameters)]);
});

async function decode(bytes: Uint8Array, decodedBytes = image.length): Promise<Buffer> {
  const around = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]);
  const stream = { name: 'diff', compression: 'none', offset: 6, size: bytes.length, decodedBytes } as const;
  const chunks: Buffer[] = [];
  for await (const chunk of lzmaStream(memoryAccess(around, 'app.patch'), stream)) {
    expect(chunk.length).toBeLessThanOrEqual(64 * 1024);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

const refusal = (message: string) => ({
  code: 'PATCH_INVALID',
  message: `app.patch: the diff stream is not valid LZMA data: ${message}`,
});

test('lzmaStream decodes a stream in the middle of a patch', async () => {
  expect((await decode(packed)).equals(image)).toBe(true);
});

describe('lzmaStream refuses', () => {
  test.each([0, 1, 2, 6, 7, 100, 70_000])('a stream cut to %i bytes', async (length) => {
    const message = length === 1 ? 'its properties are unknown' : 'the data ends early';
    await expect(decode(packed.subarray(0, length))).rejects.toMatchObject(refusal(message));
  });

  test('a stream that should make more than an image can have', async () => {
    await expect(decode(packed, 2 ** 33)).rejects.toMatchObject(refusal('the data ends early'));
  });

  test('a few bytes after the end, and many', async () => {
    await expect(decode(Buffer.concat([packed, Buffer.alloc(3)]))).rejects.toMatchObject({ code: 'PATCH_INVALID' });
    await expect(decode(Buffer.concat([packed, Buffer.alloc(300_000)]))).rejects.toMatchObject(
      refusal('it goes on after its last byte'),
    );
  });

  test.each([
    ['position bits beyond the format', 225, 16],
    ['more literal bits than xz allows', 9 * 2 + 3, 16],
    ['a dictionary over 64 MiB', 93, 27],
  ])('%s', async (_, properties, dictionaryBits) => {
    const changed = Buffer.concat([Buffer.of(properties, dictionaryBits), packed.subarray(2)]);
    await expect(decode(changed)).rejects.toMatchObject(refusal('its properties are unknown'));
  });
});

test('the two bytes before a stream say lc, lp, pb and the dictionary', () => {
  expect(parseLzmaPrefix(Buffer.of(93, 22), 5)).toEqual({
    lc: 3,
    lp: 0,
    pb: 2,
    dictionaryBytes: 2 ** 22,
    decodedBytes: 5,
  });
  expect(parseLzmaPrefix(Buffer.of(2 * 45 + 1 * 9 + 2, 0), 5)).toMatchObject({
    lc: 2,
    lp: 1,
    pb: 2,
    dictionaryBytes: 1,
  });
});

import { describe, expect, test } from 'vitest';
import { lzmaSdk } from '../../../../../src/lib/delta/repack/codecs/lzma-sdk.js';
import { aloneFile, programLike } from '../lzma-parse/lzma-streams.js';

// what it packs is compared with EDK2's own streams in the service suite
describe('lzma-sdk', () => {
  const content = programLike(20_000);

  test('unpacks to the content alone', async () => {
    const packed = await aloneFile(content, BigInt(content.length));
    const { unpacked, packedBytes } = await lzmaSdk.decode(Buffer.concat([packed, Buffer.alloc(5)]), 20_000);
    expect(content.equals(unpacked)).toBe(true);
    expect(packedBytes).toBe(packed.length);
    await expect(lzmaSdk.decode(packed, 19_999)).rejects.toThrow(RangeError);
  });

  test('has settings for streams that tell a size, with the dictionary of their header', async () => {
    const packed = await aloneFile(content, BigInt(content.length));
    const settings = [...lzmaSdk.candidates(packed, content)].map((bytes) => Buffer.from(bytes).toString('hex'));
    expect(settings).toEqual(['5d0000100020002000', '5d0000100040003000', '5d0000100080005000', '5d0000100011019800']);
    expect([...lzmaSdk.candidates(await aloneFile(content, 0xffff_ffff_ffff_ffffn), content)]).toEqual([]);
    packed.writeUInt32LE(0x4000001, 1); // its encoder would take more than 700 MB
    expect([...lzmaSdk.candidates(packed, content)]).toEqual([]);
  });

  test.each([
    ['too short', '5d00001000200020'],
    ['too long', '5d000010002000200000'],
    ['of properties that are none', 'ff0000100020002000'],
    ['of a dictionary that is too large', '5d0100000420002000'],
    ['of matches that are too short', '5d0000100004002000'],
    ['of matches that are too long', '5d0000100012012000'],
    ['of no search at all', '5d0000100020000000'],
  ])('refuses settings %s, before it allocates anything', async (_, hex) => {
    const settings = Buffer.from(hex, 'hex');
    await expect(lzmaSdk.encode(settings, content)).rejects.toThrow(RangeError);
    expect(() => lzmaSdk.encoderBytes(settings, content.length)).toThrow(RangeError);
  });
});

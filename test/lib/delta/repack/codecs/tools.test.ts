import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Codec } from '../../../../../src/lib/delta/repack/codec.js';
import { writeDeflateSettings } from '../../../../../src/lib/delta/repack/codecs/deflate.js';
import { gzip } from '../../../../../src/lib/delta/repack/codecs/gzip.js';
import { xz } from '../../../../../src/lib/delta/repack/codecs/xz.js';
import { zlib } from '../../../../../src/lib/delta/repack/codecs/zlib.js';
import { zstd } from '../../../../../src/lib/delta/repack/codecs/zstd.js';
import { proveStream } from '../../../../../src/lib/delta/repack/prove-stream.js';
import { realFirmware } from '../../../../support/firmware.js';

let firmware: Uint8Array;

beforeAll(async () => {
  firmware = (await realFirmware('movehub')).old;
});

/** SHA-256 of what the real tools make of the firmware: GNU gzip 1.12, zlib 1.2.13, XZ Utils 5.4.1, zstd 1.5.4. */
describe('codecs make the bytes that the tools make:', () => {
  test.each([
    [9, '25f78ad30a0ff8d2d11598021cc43a25092e93fc693fa217b1de14f965208755'],
    [6, 'd1c0db86d5428b26f6b3917c2fa765cb4a03c454f69438ae3a253ef060d417e7'],
    [4, '9ff643a1d477cd6992ae62a0d9ed72e19ff862fb6a8a501f118eceee7aa628e2'],
    [1, '05bcd0df9d170a5fa2b8361e607b32353b63d9fb3e65e81debecf00c38a7c428'],
  ])('gzip -n -%i', async (level, sha256) => {
    const xfl = level === 9 ? 2 : level === 1 ? 4 : 0;
    const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, xfl, 3);
    const settings = writeDeflateSettings({ encoder: 'gnu', level, memLevel: 9, windowBits: 15, strategy: 0 });
    await expectTool(gzip, Buffer.concat([settings, header]), sha256);
  });

  test.each([
    [9, 15, 8, 0, 'd6f6804ac621c41c48402f1c717397729f17b148122f6052dbda9fd4b59df269'],
    [6, 15, 8, 0, '9b5140aa08e2dffec7035883c37cc1183f2614db6dd7d82f6c02e376fea3b81a'],
    [1, 15, 8, 0, '65b348123de0453b42e14d98ca73ca975aaa2105f101617eb2c8bd2588955df6'],
    [9, 15, 9, 0, '27a65155c28f7478b65095bcaff8a4a270ebcdeaa45fd9cc6a04ffcfad4798c9'],
    [6, 12, 8, 1, '1e9076ebe2bc598852dcd8bb60dc10a4828fe1fb3ad3f540716ac5b5f77f7826'],
    [7, 14, 8, 3, '817e42fb1523fa173f334f32334d56ee6727a2f6c6f85172c251a86edf499637'],
  ])('zlib at level %i, window 2^%i, memory %i, strategy %i', async (level, windowBits, memLevel, strategy, sha256) => {
    const settings = writeDeflateSettings({ encoder: 'zlib', level, memLevel, windowBits, strategy });
    await expectTool(zlib, Buffer.concat([settings, zlibHeader(windowBits, level, strategy)]), sha256);
  });

  test.each([
    [
      '--check=crc32 --x86 --lzma2=dict=32MiB',
      '0102001a065d000000000400',
      '484e3a8ad23cea62ec5fb62ffe21d0425454a6b9bb76c70c7715c68e7ef7dc5e',
    ],
    ['-6', '04020016065d00000000', '9c663f7296cbedec71e53b5607fdf68bde267ea9c5c78b2c6874f76bce634832'],
    ['-2 --check=sha256', '0a020012025d00000000', 'e581813eb2bac0b5429da03981d922f92aaab325f861e3a300b8548b005ac6ea'],
    [
      '-0 --check=none --armthumb',
      '0002000c005d000000000800',
      '0cb8879efe3783dda73f73142e7505a236e5ee59ad9d4a3ed00d9acc6708bfd5',
    ],
  ])('xz %s', async (_, settings, sha256) => {
    await expectTool(xz, Buffer.from(settings, 'hex'), sha256);
  });

  test.each([
    [3, '49212cb9ae087027e6a696ecd4ab3c9788ecc30dc157531cd0fc060d3ed3a968'],
    [15, 'a9935e27888b2b58210da3b70b1273366bd24c391fcbbebe13b9fdf769a7dfcc'],
    [19, 'e3499de86954d5d793de5dc6837b4589d769060639d8682d257b73486cf47988'],
  ])('zstd --no-check -%i', async (level, sha256) => {
    await expectTool(zstd, Uint8Array.of(level), sha256);
  });
});

test('an xz stream of several blocks is made again', async () => {
  const settings = Buffer.from('01020010065d000000000400', 'hex');
  settings.writeUInt32LE(32 * 1024, 6);
  const packed = await xz.encode(settings, firmware);
  const { unpacked, packedBytes } = await xz.decode(Buffer.concat([packed, firmware]), firmware.length);
  expect(packedBytes).toBe(packed.length);
  expect(Buffer.compare(unpacked, firmware)).toBe(0);
  expect((await proveStream(xz, packed, unpacked, []))?.corrections).toEqual([]);
});

async function expectTool(codec: Codec, settings: Uint8Array, sha256: string): Promise<void> {
  const packed = await codec.encode(settings, firmware);
  expect(createHash('sha256').update(packed).digest('hex')).toBe(sha256);
  const { unpacked, packedBytes } = await codec.decode(Buffer.concat([packed, Buffer.alloc(99)]), firmware.length);
  expect(packedBytes).toBe(packed.length);
  expect(Buffer.compare(unpacked, firmware)).toBe(0);
  const proof = await proveStream(codec, packed, unpacked, []);
  expect(proof?.corrections).toEqual([]);
  await expect(codec.decode(packed, firmware.length - 1)).rejects.toThrow();
}

function zlibHeader(windowBits: number, level: number, strategy: number): Uint8Array {
  const method = (windowBits - 8) * 16 + 8;
  const flevel = strategy >= 2 || level < 2 ? 0 : level < 6 ? 1 : level === 6 ? 2 : 3;
  return Uint8Array.of(method, flevel * 64 + 31 - ((method * 256 + flevel * 64) % 31));
}

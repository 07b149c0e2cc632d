import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OtaError } from '../../../../src/lib/core/errors.js';
import { CodecPool } from '../../../../src/lib/delta/repack/codec-pool.js';
import { xz } from '../../../../src/lib/delta/repack/codecs/xz.js';
import { isWorthMaking } from '../../../../src/lib/package/delta-settings.js';
import { realFirmware } from '../../../support/firmware.js';
import { unpackInMemory } from './unpacked-pair.js';

const KERNEL_XZ = Buffer.from('0102001a065d000000000400', 'hex');
const MISSING = new OtaError('TOOL_MISSING', 'The optional library lzma-native is not usable here: gone', [
  'Run `npm install lzma-native`.',
]);

/** Makes a pool one of a machine where the library of xz is not installed. */
function withoutXz(pool: CodecPool): CodecPool {
  const run = pool.run.bind(pool);
  pool.run = (job, handOver) => (job.codec === 'xz' ? Promise.reject(MISSING) : run(job, handOver));
  return pool;
}

let pool: CodecPool;
let packed: { gzip: Buffer; xz: Buffer }[];

beforeAll(async () => {
  pool = withoutXz(new CodecPool());
  const { old, new: target } = await realFirmware('movehub');
  packed = await Promise.all(
    [old, target].map(async (image) => ({
      gzip: gzipSync(image.subarray(0, 30_000)),
      xz: Buffer.from(await xz.encode(KERNEL_XZ, image.subarray(30_000, 60_000))),
    })),
  );
});
afterAll(() => pool[Symbol.asyncDispose]());

test('without a library, what needs it stays packed and is told; the rest is packed again', async () => {
  const [base, target] = packed.map((parts) => Buffer.concat([parts.gzip, parts.xz])) as [Buffer, Buffer];
  const { pair, target: unpacked } = (await unpackInMemory(pool, { base, target }))!;
  expect(pair.counts).toMatchObject({ reproduced: 1 });
  expect(pair.missing).toEqual([`${MISSING.message}. ${MISSING.suggestions[0]}`]);
  expect(unpacked.subarray(-packed[1]!.xz.length).equals(packed[1]!.xz)).toBe(true);
});

test('where nothing else could be packed again, a missing library is a refusal', async () => {
  const images = { base: packed[0]!.xz, target: packed[1]!.xz };
  await expect(unpackInMemory(pool, images)).rejects.toBe(MISSING);
});

test.each([
  ['fast', 10, 100, false],
  ['fast', 60, 100, true],
  ['normal', 60, 100, true],
  ['best', 10, 100, true],
] as const)(
  'at effort %s, after %i bytes for %i packed ones, a plain delta is tried: %s',
  (effort, size, repackedBytes, isTried) => {
    const made = [{ format: 'otad-repack', size, repackedBytes }] as const;
    expect(isWorthMaking('otad', made, { effort })).toBe(isTried);
  },
);

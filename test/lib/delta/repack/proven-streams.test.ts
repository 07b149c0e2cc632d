import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { ProvenStreams } from '../../../../src/lib/delta/repack/proven-streams.js';

const MIB = 1024 * 1024;
const target = Buffer.from('packed bytes of the new image');
const content = Buffer.alloc(MIB, 'content');
const contentHash = createHash('sha256').update(content).digest();
const streams = new ProvenStreams([{ at: 7, packedBytes: 5, contentHash }], memoryAccess(target, 'target'));

test('a proof takes a stream from the new image only where the patch gives the content that made it', async () => {
  expect(Buffer.from((await streams.packed(0, 8 * MIB, content))!).toString()).toBe('bytes');
  const other = Buffer.from(content);
  other[MIB - 1]!++;
  expect(await streams.packed(0, 8 * MIB, other)).toBeUndefined();
  expect(await streams.packed(1, 8 * MIB, content)).toBeUndefined();
});

test('a proof packs the first contents again, as a device does', async () => {
  expect(await streams.packed(0, 0, content)).toBeUndefined();
  expect(await streams.packed(0, 7 * MIB, content)).toBeUndefined();
  expect(await streams.packed(0, 7 * MIB + 1, content)).toBeDefined();
});

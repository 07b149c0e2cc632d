import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { ProvenStreams } from '../../../../src/lib/delta/repack/proven-streams.js';
import type { TargetStream } from '../../../../src/lib/delta/repack/recipe.js';

const MIB = 1024 * 1024;
const target = Buffer.from('packed bytes of the new image');
const content = Buffer.alloc(MIB, 'content');
const contentHash = createHash('sha256').update(content).digest();
const correction = { gapBytes: 3, droppedBytes: 1, bytes: Buffer.from('c') };
const sizes = { gapBytes: 4, unpackedBytes: MIB, contentBytes: MIB };
const made: TargetStream = { codec: 0, settings: Uint8Array.of(6, 8), ...sizes, corrections: [correction], inner: [] };
const recipe: TargetStream = { ...made, inner: [made] };
const streams = new ProvenStreams([{ at: 7, packedBytes: 5, recipe, contentHash }], memoryAccess(target, 'target'));
/** A recipe as a patch gives it, with one of its fields in another way. */
const read = (changed: Partial<TargetStream> = {}): TargetStream => ({ ...structuredClone(recipe), ...changed });

test('a proof takes a stream from the new image only where the patch gives the content that made it', async () => {
  expect(Buffer.from((await streams.packed(0, 8 * MIB, content, read()))!).toString()).toBe('bytes');
  const other = Buffer.from(content);
  other[MIB - 1]!++;
  expect(await streams.packed(0, 8 * MIB, other, read())).toBeUndefined();
  expect(await streams.packed(1, 8 * MIB, content, read())).toBeUndefined();
});

test('a proof packs the first contents again, as a device does', async () => {
  expect(await streams.packed(0, 0, content, read())).toBeUndefined();
  expect(await streams.packed(0, 7 * MIB, content, read())).toBeUndefined();
  expect(await streams.packed(0, 7 * MIB + 1, content, read())).toBeDefined();
});

test.each<[string, Partial<TargetStream>]>([
  ['codec', { codec: 1 }],
  ['settings', { settings: Uint8Array.of(6, 9) }],
  ['gap', { gapBytes: 5 }],
  ['size', { unpackedBytes: MIB - 1 }],
  ['size of the content', { contentBytes: MIB - 1 }],
  ['corrections', { corrections: [{ ...correction, bytes: Buffer.from('d') }] }],
  ['streams inside', { inner: [{ ...made, settings: Uint8Array.of(1) }] }],
])('a proof packs a stream again whose recipe came out of the patch with another %s', async (_field, changed) => {
  expect(await streams.packed(0, 8 * MIB, content, read(changed))).toBeUndefined();
});

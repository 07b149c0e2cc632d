import { expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { applyDelta } from '../../../../src/lib/delta/apply-delta.js';
import { applyMemoryBytes } from '../../../../src/lib/delta/apply-memory.js';
import { CODERS } from '../../../../src/lib/delta/formats.js';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import { inspectPatch } from '../../../../src/lib/delta/inspect-patch.js';
import { encodeOtad } from '../../../../src/lib/delta/otad/encode-otad.js';

const MEBIBYTE = 1024 * 1024;

test.each(CODERS)(
  'applying takes no more memory beside the heap than the patch says, packed with %s',
  async (coder) => {
    const old = Uint8Array.from({ length: 1.5 * MEBIBYTE }, (_, i) => Math.imul(i >> 4, 0x9e37_79b1) >>> (i & 15));
    const target = old.map((byte, i) => (i % 50_000 === 7 ? byte + 1 : byte));
    const pieces = await encodeOtad(
      imageInMemory(old),
      imageInMemory(target),
      { coder, effort: 'fast' },
      () => undefined,
    );
    const patch = memoryAccess(Buffer.concat(pieces), 'patch');
    const stated = await applyMemoryBytes(patch, await inspectPatch('otad', patch), old.length);
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    let made = 0;
    const options = { format: 'otad', patch, base: memoryAccess(old, 'old'), targetSize: target.length } as const;
    for await (const piece of applyDelta(options)) {
      made += piece.length;
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }
    expect(made).toBe(target.length);
    expect(peak).toBeLessThanOrEqual(stated);
    expect(stated).toBeLessThanOrEqual(40 * MEBIBYTE);
  },
);

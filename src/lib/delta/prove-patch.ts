import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { applyDelta } from './apply-delta.js';
import type { ApplyDeltaOptions } from './formats.js';
import { readExactly } from './read-exactly.js';

/**
 * Applies a fresh patch with the applier that devices' tools will use, and
 * compares the result with the image it should make.
 *
 * @throws OtaError TOOL_FAILED when they differ
 */
export async function provePatch(
  options: Omit<ApplyDeltaOptions, 'targetSize'>,
  target: RandomAccess,
  onProgress: (doneFraction: number) => void,
): Promise<void> {
  let at = 0;
  for await (const made of applyDelta({ ...options, targetSize: target.size })) {
    const wanted = Buffer.allocUnsafe(made.length);
    await readExactly(target, wanted, at);
    if (!wanted.equals(made)) {
      throw new OtaError('TOOL_FAILED', `${target.name}: the patch made for it gives other bytes from ${at} on`, [
        'Check that nothing else writes to the images, and run again.',
      ]);
    }
    at += made.length;
    onProgress(at / target.size);
  }
}

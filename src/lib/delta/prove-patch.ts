import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { applyDelta } from './apply-delta.js';
import type { ApplyDeltaOptions } from './formats.js';
import { readExactly } from './read-exactly.js';

type Proof = Omit<ApplyDeltaOptions, 'targetSize'>;

/**
 * Applies a fresh patch with the applier that will be used on devices' images,
 * and compares the result with the image it should make.
 *
 * @throws OtaError TOOL_FAILED when it does not make that image
 */
export async function provePatch(
  proof: Proof,
  target: RandomAccess,
  onProgress: (doneFraction: number) => void,
): Promise<void> {
  let at = 0;
  try {
    for await (const made of applyDelta({ ...proof, targetSize: target.size })) {
      const wanted = Buffer.allocUnsafe(made.length);
      await readExactly(target, wanted, at);
      if (!wanted.equals(made)) throw notProven(proof, target, `it gives other bytes from ${at} on`);
      at += made.length;
      onProgress(at / target.size);
    }
  } catch (error) {
    if (!(error instanceof OtaError) || (error.code !== 'PATCH_INVALID' && error.code !== 'LIMIT_EXCEEDED'))
      throw error;
    throw notProven(proof, target, error.message, { cause: error });
  }
}

function notProven({ format }: Proof, target: RandomAccess, reason: string, options?: ErrorOptions): OtaError {
  return new OtaError(
    'TOOL_FAILED',
    `${target.name}: the ${format} patch made for it is not right: ${reason}`,
    ['Check that nothing else writes to the images, and run again.', 'Use --format bsdf2 if that is not what you did.'],
    options,
  );
}

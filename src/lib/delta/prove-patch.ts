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
  await blameProducer(proof, target, async () => {
    for await (const made of applyDelta({ ...proof, targetSize: target.size })) {
      const wanted = Buffer.allocUnsafe(made.length);
      await readExactly(target, wanted, at);
      requireSame(proof, target, { at, made, wanted });
      at += made.length;
      onProgress(at / target.size);
    }
  });
}

/** @throws OtaError TOOL_FAILED when what was made is not what was wanted */
export function requireSame(
  proof: Pick<Proof, 'format'>,
  target: RandomAccess,
  { at, made, wanted }: { at: number; made: Uint8Array; wanted: Uint8Array },
): void {
  if (Buffer.compare(made, wanted) !== 0) throw notProven(proof, target, `it gives other bytes from ${at} on`);
}

/** Runs an application of a fresh patch, in which a refusal is a failure of whoever made the patch. */
export async function blameProducer(
  proof: Pick<Proof, 'format'>,
  target: RandomAccess,
  application: () => Promise<void>,
): Promise<void> {
  try {
    await application();
  } catch (error) {
    if (!(error instanceof OtaError) || (error.code !== 'PATCH_INVALID' && error.code !== 'LIMIT_EXCEEDED'))
      throw error;
    throw notProven(proof, target, error.message, { cause: error });
  }
}

function notProven(
  { format }: Pick<Proof, 'format'>,
  target: RandomAccess,
  reason: string,
  options?: ErrorOptions,
): OtaError {
  return new OtaError(
    'TOOL_FAILED',
    `${target.name}: the ${format} patch made for it is not right: ${reason}`,
    ['Check that nothing else writes to the images, and run again.', 'Use --format bsdf2 if that is not what you did.'],
    options,
  );
}

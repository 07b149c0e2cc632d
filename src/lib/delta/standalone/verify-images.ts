import { createHash } from 'node:crypto';
import { OtaError } from '../../core/errors.js';
import { region } from '../../core/file-access.js';
import type { RandomAccess } from '../../core/random-access.js';
import { sha256OfAccess } from '../../core/sha256.js';
import { isOtad, otadLayout } from '../otad/otad-layout.js';
import type { Storage } from '../storage.js';
import type { ApplyOptions } from './options.js';

/** Before anything is written. @throws OtaError PAYLOAD_MISMATCH */
export async function requirePatch(
  patch: RandomAccess,
  { patchSha256 }: ApplyOptions,
  signal: AbortSignal,
): Promise<void> {
  if (patchSha256 === undefined) return;
  const got = await sha256OfAccess(patch, { signal });
  if (got === patchSha256) return;
  throw new OtaError('PAYLOAD_MISMATCH', `${patch.name}: SHA-256 is ${got}, expected ${patchSha256}`, [
    'Download the patch again.',
  ]);
}

/** Reads back what was written. @throws OtaError TARGET_MISMATCH */
export async function requireTarget(image: RandomAccess, targetSha256: string, signal: AbortSignal): Promise<void> {
  requireSame(image.name, await sha256OfAccess(image, { signal }), targetSha256);
}

/** Passes an image on as it is made. @throws OtaError TARGET_MISMATCH at its end */
export async function* requiringTarget(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
  targetSha256: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
  requireSame(name, hash.digest('hex'), targetSha256);
}

function requireSame(name: string, got: string, targetSha256: string): void {
  if (got === targetSha256) return;
  throw new OtaError('TARGET_MISMATCH', `${name}: SHA-256 is ${got}, expected ${targetSha256}`, [
    'Compare --target-sha256 with the metadata of the package.',
    'Download the patch again; if it still fails, check the storage.',
  ]);
}

/**
 * The old image: a device is larger than it, and a file that is updated in place may be.
 *
 * @throws OtaError BASE_MISMATCH
 */
export async function verifiedBase(
  { format, baseSize, baseSha256, inPlace }: ApplyOptions,
  patch: RandomAccess,
  base: Storage,
  signal: AbortSignal,
): Promise<RandomAccess> {
  const told = isOtad(format) ? (await otadLayout(format, patch)).header.baseSize : undefined;
  const size = baseSize ?? (base.isBlockDevice || inPlace ? told : undefined) ?? base.size;
  if (size > base.size) {
    throw otherBase(`${base.name}: has ${base.size} bytes, the base has ${size}`, inPlace);
  }
  const image = region(base, base.name, 0, size);
  if (baseSha256 === undefined) {
    if (told === undefined || told === size) return image;
    throw otherBase(`${base.name}: has ${size} bytes, the patch needs a base of ${told}`, inPlace);
  }
  const got = await sha256OfAccess(image, { signal });
  if (got === baseSha256) return image;
  throw otherBase(`${base.name}: SHA-256 is ${got}, the patch needs ${baseSha256}`, inPlace);
}

function otherBase(fact: string, inPlace: boolean): OtaError {
  return new OtaError('BASE_MISMATCH', fact, [
    'Take the patch that was made for this version.',
    ...(inPlace ? ['Add --resume if an update with this patch was cut before.'] : []),
  ]);
}

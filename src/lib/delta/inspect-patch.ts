import type { RandomAccess } from '../core/random-access.js';
import { HEADER_BYTES, parseHeader } from './bsdiff/patch-header.js';
import type { DeltaFormat, PatchLayout } from './formats.js';

/**
 * Reads what the header of a patch says; its streams are not decoded.
 *
 * @throws OtaError PATCH_INVALID, see {@link parseHeader}
 */
export async function inspectPatch(format: DeltaFormat, patch: RandomAccess): Promise<PatchLayout> {
  const header = new Uint8Array(HEADER_BYTES);
  const read = await patch.read(header, 0);
  return parseHeader(format, header.subarray(0, read), patch.size, patch.name);
}

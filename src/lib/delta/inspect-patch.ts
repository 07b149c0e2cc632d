import type { RandomAccess } from '../core/random-access.js';
import { HEADER_BYTES, parseHeader } from './bsdiff/patch-header.js';
import type { BsdiffFormat, BsdiffLayout, DeltaFormat, PatchLayout } from './formats.js';
import { isOtad, type OtadFormat, type OtadLayout, otadLayout } from './otad/otad-layout.js';

/**
 * Reads what the header of a patch says; its streams are not decoded.
 *
 * @throws OtaError PATCH_INVALID, see {@link parseHeader} and {@link otadLayout}
 */
export async function inspectPatch(format: BsdiffFormat, patch: RandomAccess): Promise<BsdiffLayout>;
export async function inspectPatch(format: OtadFormat, patch: RandomAccess): Promise<OtadLayout>;
export async function inspectPatch(format: DeltaFormat, patch: RandomAccess): Promise<PatchLayout>;
export async function inspectPatch(format: DeltaFormat, patch: RandomAccess): Promise<PatchLayout> {
  if (isOtad(format)) return await otadLayout(format, patch);
  const header = new Uint8Array(HEADER_BYTES);
  const read = await patch.read(header, 0);
  return parseHeader(format, header.subarray(0, read), patch.size, patch.name);
}

import type { RandomAccess } from '../core/random-access.js';
import type { DeltaFormat } from './formats.js';
import { readHeader } from './otad/header.js';
import { otadFormat } from './otad/otad-layout.js';

const LONGEST_MAGIC_BYTES = 8;

/**
 * The format of a file by how it begins.
 *
 * @returns undefined for what is no patch
 * @throws OtaError PATCH_INVALID: it begins as an otad patch, and goes on as none
 */
export async function patchFormat(file: RandomAccess): Promise<DeltaFormat | undefined> {
  const start = Buffer.alloc(LONGEST_MAGIC_BYTES);
  await file.read(start, 0);
  const text = start.toString('latin1');
  if (text.startsWith('BSDF2')) return 'bsdf2';
  if (text === 'BSDIFF40') return 'bsdiff40';
  return text.startsWith('OTAD') ? otadFormat(await readHeader(file)) : undefined;
}

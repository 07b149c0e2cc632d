import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';

/** Fills `into` from `position`. @throws OtaError IO_FAILED when the source has become shorter than it said */
export async function readExactly(source: RandomAccess, into: Uint8Array, position: number): Promise<void> {
  if ((await source.read(into, position)) === into.length) return;
  throw new OtaError('IO_FAILED', `${source.name}: the file became shorter while it was read`, [
    'Run again with a file that nothing else writes to.',
  ]);
}

import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';

/** Fills `into` from `position`. @throws OtaError IO_FAILED when the source has become shorter than it said */
export async function readExactly(source: RandomAccess, into: Uint8Array, position: number): Promise<void> {
  if ((await source.read(into, position)) < into.length) throw becameShorter(source);
}

/** The same of a source that has `readSync`. */
export function readExactlySync(source: RandomAccess, into: Uint8Array, position: number): void {
  if (source.readSync!(into, position) < into.length) throw becameShorter(source);
}

function becameShorter({ name }: RandomAccess): OtaError {
  return new OtaError('IO_FAILED', `${name}: the file became shorter while it was read`, [
    'Run again with a file that nothing else writes to.',
  ]);
}

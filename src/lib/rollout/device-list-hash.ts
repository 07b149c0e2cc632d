import { hash } from 'node:crypto';

/**
 * What a plan pins its devices by.
 *
 * @param names in any order
 * @returns SHA-256 of the names in ascending order of code units, each with a line feed; 64 lowercase hex digits
 */
export function deviceListHash(names: readonly string[]): string {
  return hash(
    'sha256',
    [...names]
      .sort()
      .map((name) => `${name}\n`)
      .join(''),
  );
}

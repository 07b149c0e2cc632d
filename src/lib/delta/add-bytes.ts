/** out[outAt + i] = diff[diffAt + i] + old[i] modulo 256, for `length` bytes. */
export function addBytes(
  out: Uint8Array,
  outAt: number,
  diff: Uint8Array,
  diffAt: number,
  old: Uint8Array,
  length: number,
): void {
  for (let i = 0; i < length; i++) out[outAt + i] = diff[diffAt + i]! + old[i]!;
}

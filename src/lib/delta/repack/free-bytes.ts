/** Smaller ones may as well wait for the garbage collector, bytes. */
const WORTH_BYTES = 256 * 1024;

/**
 * Gives memory back at once that nobody uses any more: contents of a hundred megabytes would otherwise lie beside each
 * other, as they weigh nothing in the heap whose filling starts the garbage collector. The bytes are gone afterwards.
 */
export function freeBytes(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.byteLength < WORTH_BYTES || bytes.byteLength !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/**
 * Gives the memory of large arrays back at once. The collector leaves it for a while, and the next
 * stage of making a patch would come on top of it.
 *
 * The views, and all others of the same buffers, are empty from then on.
 */
export function releaseBytes(...views: readonly ArrayBufferView[]): void {
  for (const { buffer } of views) if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

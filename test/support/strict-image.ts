import { type ImageBytes, MAX_VIEW_BYTES } from '../../src/lib/delta/image/image-bytes.js';

/**
 * An image that holds its users to what {@link ImageBytes} promises and no more: a view is gone as soon
 * as the next one is asked for, and none is longer than allowed or reaches beyond the image.
 */
export function strictImage(bytes: Uint8Array): ImageBytes {
  let last = new Uint8Array(0);
  return {
    size: bytes.length,
    view(at, length) {
      if (!Number.isSafeInteger(at) || !Number.isSafeInteger(length) || length < 0 || length > MAX_VIEW_BYTES)
        throw new Error(`no view has ${length} bytes from ${at} on`);
      if (at < 0 || at + length > bytes.length) throw new Error(`a view of ${length} bytes from ${at} on is outside`);
      last.fill(0xa5);
      last = new Uint8Array(bytes.subarray(at, at + length)); // a copy, also of a Buffer
      return last;
    },
  };
}

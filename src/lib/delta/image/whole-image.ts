import { type ImageBytes, MAX_VIEW_BYTES } from './image-bytes.js';

/** All bytes of an image, in a copy. */
export function wholeImage(image: ImageBytes): Buffer {
  const bytes = Buffer.allocUnsafeSlow(image.size);
  for (let at = 0; at < image.size; at += MAX_VIEW_BYTES) {
    bytes.set(image.view(at, Math.min(MAX_VIEW_BYTES, image.size - at)), at);
  }
  return bytes;
}

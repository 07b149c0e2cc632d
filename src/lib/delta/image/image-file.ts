import { closeSync, fstatSync, openSync } from 'node:fs';
import { type ImageBytes, imageInFile } from './image-bytes.js';

/** Opens an image for reading; the file is closed when it is disposed of. @throws Error of the system */
export function openImageFile(path: string): ImageBytes & Disposable {
  const descriptor = openSync(path, 'r');
  const image = imageInFile(descriptor, fstatSync(descriptor).size);
  return { ...image, [Symbol.dispose]: () => closeSync(descriptor) };
}

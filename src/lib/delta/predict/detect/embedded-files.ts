import { type ImageBytes, MAX_VIEW_BYTES } from '../../image/image-bytes.js';
import { elfFile } from './elf-file.js';
import { espImage } from './esp-image.js';
import { ImageFields } from './image-fields.js';
import type { LoadedFile } from './loaded-file.js';
import { peFile } from './pe-file.js';

/** Files found in one image, at most: a root file system of 1 GB has some thousand. */
const MAX_FILES = 8192;
/** Smaller ones are not worth their line in a patch. */
const MIN_FILE_BYTES = 1024;
/** cpio archives align files to 4 bytes, file systems to more. */
const ELF_ALIGNMENT_BYTES = 4;
/** UEFI volumes align executables to 4 bytes, file systems to more. */
const PE_ALIGNMENT_BYTES = 4;
/** Flash is erased in such blocks. */
const ESP_ALIGNMENT_BYTES = 4096;

/** Files inside another are taken out of it when they are at least this share of it. */
const NESTED_SHARE = 1 / 8;

/** An executable and where in the image it begins. */
export interface EmbeddedFile extends LoadedFile {
  readonly fileAt: number;
  /** Whether it lies in another one. */
  readonly isNested: boolean;
}

/**
 * Finds executables anywhere in an image, in order.
 *
 * Files may hold other files, as GRUB does its modules; an inner file comes after the outer one.
 */
export function embeddedFiles(image: ImageBytes): EmbeddedFile[] {
  const fields = new ImageFields(image);
  const files: EmbeddedFile[] = [];
  const nested: EmbeddedFile[] = [];
  let [outerEnd, nestedEnd] = [0, 0];
  const finishOuter = () => {
    const outer = files.at(-1);
    const nestedBytes = nested.reduce((bytes, file) => bytes + file.endAt - file.fileAt, 0);
    if (outer !== undefined && nestedBytes >= (outer.endAt - outer.fileAt) * NESTED_SHARE) files.push(...nested);
    nested.length = 0;
  };
  for (let viewAt = 0; viewAt < image.size; viewAt += MAX_VIEW_BYTES) {
    const bytes = image.view(viewAt, Math.min(MAX_VIEW_BYTES, image.size - viewAt));
    for (const at of candidates(bytes, viewAt)) {
      if (at < nestedEnd || files.length + nested.length >= MAX_FILES) continue;
      const file = elfFile(fields, at) ?? peFile(fields, at) ?? espImage(fields, at);
      if (file === undefined || file.machine === 'none' || file.endAt - at < MIN_FILE_BYTES) continue;
      if (at < outerEnd) {
        if (file.endAt > outerEnd) continue;
        nested.push({ ...file, fileAt: at, isNested: true });
        nestedEnd = file.endAt;
      } else {
        finishOuter();
        files.push({ ...file, fileAt: at, isNested: false });
        outerEnd = file.endAt;
      }
    }
  }
  finishOuter();
  return files;
}

/** Places in a view that look like the first bytes of an executable, in order, as places in the image. */
function candidates(bytes: Uint8Array, viewAt: number): number[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: number[] = [];
  for (const [magic, alignment] of [
    [Buffer.from('\x7fELF', 'latin1'), ELF_ALIGNMENT_BYTES],
    [Buffer.from('MZ', 'latin1'), PE_ALIGNMENT_BYTES],
  ] as const) {
    for (let at = text.indexOf(magic); at !== -1; at = text.indexOf(magic, at + 1)) {
      if ((viewAt + at) % alignment === 0) found.push(viewAt + at);
    }
  }
  for (let at = 0; at < bytes.length; at += ESP_ALIGNMENT_BYTES) if (bytes[at] === 0xe9) found.push(viewAt + at);
  return found.sort((a, b) => a - b);
}

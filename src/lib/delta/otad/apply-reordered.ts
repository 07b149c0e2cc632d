import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { throwIfAborted } from '../../core/abort.js';
import { ioError } from '../../core/io-error.js';
import type { ApplyDeltaOptions } from '../formats.js';
import { otadChunks } from './otad-chunks.js';
import type { OtadLayout } from './otad-layout.js';

const OUTPUT_BYTES = 256 * 1024;

/**
 * Rebuilds the new image, in order, from a patch that has its chunks in another one: they are put in their places in a
 * temporary file of the size of the image. Devices with a single slot write them over the old image instead.
 *
 * @yields pieces of at most 256 KiB; valid until the next is asked for
 * @throws OtaError as {@link otadChunks}, NO_SPACE, IO_FAILED
 */
export async function* applyReordered(
  layout: OtadLayout,
  { patch, base, targetSize, signal }: ApplyDeltaOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'ota-inplace-')).catch((error: unknown) => {
    throw ioError(error, tmpdir());
  });
  const path = join(folder, 'image');
  try {
    await using file = await open(path, 'wx+', 0o600);
    for await (const { at, bytes } of otadChunks({ layout, patch, base, ...(signal && { signal }) })) {
      for (let written = 0; written < bytes.length; ) {
        written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
      }
    }
    const buffer = new Uint8Array(Math.min(OUTPUT_BYTES, targetSize));
    for (let at = 0; at < targetSize; ) {
      throwIfAborted(signal);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? ioError(error, path) : error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

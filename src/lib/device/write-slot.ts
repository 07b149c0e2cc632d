import { OtaError } from '../core/errors.js';
import { sha256OfAccess } from '../core/sha256.js';
import type { ImageDigest } from '../package/metadata.js';
import type { Place } from './boot-machine.js';
import { type Flash, growTo, readFlash, writeBlock } from './flash.js';
import { roundUp } from './layout.js';
import { slotAccess, slotImageFile } from './slot-access.js';

/** Blocks are compared and written one by one, but read and collected in windows of about this size, bytes. */
const WINDOW_BYTES = 256 * 1024;

export interface WrittenBytes {
  /** Written to flash. */
  writtenBytes: number;
  /** Found there already, as after an installation that was cut. */
  skippedBytes: number;
}

/**
 * Writes an image into a slot, block by block, and syncs it. A block that holds what it should is not written
 * again: neither its flash nor the time after an interruption is spent twice.
 *
 * Memory: two windows of {@link WINDOW_BYTES}, or two erase blocks where those are larger.
 *
 * @param image in order; read to its end, which is where its own failures are thrown
 * @throws OtaError as `image` and `DeviceFs`; the slot then holds something, so it must not be bootable
 */
export async function writeSlot(
  flash: Flash,
  { component, slot }: Place,
  image: AsyncIterable<Uint8Array>,
): Promise<WrittenBytes> {
  const {
    machine: { fs },
    layout: { eraseBlockBytes },
  } = flash;
  const file = slotImageFile(component, slot);
  const isNew = (await fs.size(file)) === undefined;
  const windowBytes = Math.max(eraseBlockBytes, roundUp(WINDOW_BYTES, eraseBlockBytes));
  const window = Buffer.allocUnsafe(windowBytes);
  const present = Buffer.allocUnsafe(windowBytes);
  const written: WrittenBytes = { writtenBytes: 0, skippedBytes: 0 };
  let filled = 0;
  let position = 0;
  const flush = async () => {
    await writeWindow(flash, file, position, { bytes: window.subarray(0, filled), present }, written);
    position += filled;
    filled = 0;
  };
  for await (const chunk of image) {
    for (let taken = 0; taken < chunk.byteLength; ) {
      const part = chunk.subarray(taken, taken + windowBytes - filled);
      window.set(part, filled);
      filled += part.byteLength;
      taken += part.byteLength;
      if (filled === windowBytes) await flush();
    }
  }
  if (filled > 0) await flush();
  // Blocks that were there may be there only as far as the system remembers.
  await fs.sync(file);
  if (isNew) await fs.syncDirectory();
  return written;
}

/**
 * Reads a slot back and hashes it.
 *
 * @throws OtaError IO_FAILED: the flash does not hold what was written to it
 */
export async function readBack(
  flash: Flash,
  { component, slot }: Place,
  { size, sha256 }: ImageDigest,
  signal?: AbortSignal,
): Promise<void> {
  const got = await sha256OfAccess(slotAccess(flash, component, slot, size), { signal });
  if (got === sha256) return;
  throw new OtaError(
    'IO_FAILED',
    `component ${component}: slot ${slot} reads back with SHA-256 ${got}, ${sha256} was written`,
    ['Run again; if it stays so, the storage of the device is failing.'],
  );
}

async function writeWindow(
  flash: Flash,
  file: string,
  start: number,
  { bytes, present }: { bytes: Uint8Array; present: Buffer },
  written: WrittenBytes,
): Promise<void> {
  const { eraseBlockBytes } = flash.layout;
  await readFlash(flash, file, present.subarray(0, roundUp(bytes.byteLength, eraseBlockBytes)), start);
  for (let at = 0; at < bytes.byteLength; at += eraseBlockBytes) {
    const block = bytes.subarray(at, at + eraseBlockBytes);
    await growTo(flash, file, start + at);
    const count = await writeBlock(flash, file, start + at, {
      present: present.subarray(at, at + eraseBlockBytes),
      bytes: block,
    });
    if (count > 0) written.writtenBytes += block.byteLength;
    else written.skippedBytes += block.byteLength;
  }
  await growTo(flash, file, start + bytes.byteLength);
}

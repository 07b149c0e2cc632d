import { OtaError } from '../core/errors.js';
import type { DeviceFs } from './device-fs.js';

/**
 * Replaces a small file: whoever reads the name, also after a power cut, finds the old bytes or the new ones.
 *
 * @throws OtaError as {@link DeviceFs}; the old file is then still there, unless only its new name was not made durable
 */
export async function writeWhole(fs: DeviceFs, name: string, bytes: Uint8Array): Promise<void> {
  const aside = `${name}.new`;
  try {
    // What an interrupted write left could be longer than these bytes.
    await fs.remove(aside);
    await fs.write(aside, 0, bytes);
    await fs.sync(aside);
    await fs.rename(aside, name);
  } catch (error) {
    await fs.remove(aside).catch(() => {}); // the first failure is the one to report
    throw error;
  }
  await fs.syncDirectory();
}

/**
 * Reads a small file.
 *
 * @param maxBytes largest size accepted, bytes
 * @param what     what it is to a person: `boot control`
 * @returns undefined where there is no such file
 * @throws OtaError LIMIT_EXCEEDED; IO_FAILED when it ends early; as {@link DeviceFs}
 */
export async function readWhole(
  fs: DeviceFs,
  name: string,
  maxBytes: number,
  what: string,
): Promise<Buffer | undefined> {
  const size = await fs.size(name);
  if (size === undefined) return undefined;
  if (size > maxBytes) {
    throw new OtaError('LIMIT_EXCEEDED', `${name}: the ${what} has ${size} bytes, at most ${maxBytes} are read`);
  }
  const bytes = Buffer.allocUnsafe(size);
  const got = await fs.read(name, bytes, 0);
  if (got < size) {
    throw new OtaError('IO_FAILED', `${name}: ends at byte ${got}, its size is ${size}`, ['Check the disk.']);
  }
  return bytes;
}

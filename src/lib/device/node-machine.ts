import { lstat, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../core/clock.js';
import { OtaError } from '../core/errors.js';
import { ioError, systemCode } from '../core/io-error.js';
import { withLock } from '../core/lock.js';
import { escapeText } from '../core/text.js';
import { BOOT_CONTROL_FILES } from './boot-control-file.js';
import { DEVICE_FILE, DEVICE_FILE_MAX_BYTES, parseDeviceFile } from './device-file.js';
import { FileCounter } from './file-counter.js';
import type { Machine } from './machine.js';
import { type NodeDeviceFs, openNodeDeviceFs } from './node-device-fs.js';
import { readWhole } from './whole-file.js';

/** A device in a folder of this computer. */
export interface NodeMachine extends Machine, AsyncDisposable {
  readonly fs: NodeDeviceFs;
}

/**
 * Opens the folder of a device, with its monotonic counter if it has one.
 *
 * @throws OtaError NOT_FOUND: there is no device; DEVICE_STATE_LOST; PERMISSION_DENIED, IO_FAILED
 */
export async function openNodeMachine(dir: string, clock: Clock = systemClock): Promise<NodeMachine> {
  const { identity, layout } = await readDeviceFile(dir);
  const fs = await openNodeDeviceFs(dir, layout.erasedValue);
  const { monotonicCounter } = identity;
  return {
    fs,
    clock,
    ...(monotonicCounter !== undefined && { counter: new FileCounter(resolve(dir, monotonicCounter)) }),
    [Symbol.asyncDispose]: () => fs[Symbol.asyncDispose](),
  };
}

/**
 * Runs `work` while no other process changes the device.
 *
 * @throws OtaError NOT_FOUND: there is no device; as `withLock`; or what `work` throws
 */
export async function withDeviceLock<T>(
  dir: string,
  work: () => Promise<T>,
  options: { signal?: AbortSignal } = {},
): Promise<T> {
  await requireDeviceFolder(dir);
  return await withLock(deviceLockFile(dir), work, options);
}

/** The lock that {@link withDeviceLock} takes. */
export function deviceLockFile(dir: string): string {
  return join(dir, 'lock');
}

/** A lock left in a folder that is no device would be litter. */
async function requireDeviceFolder(dir: string): Promise<void> {
  if (await isThere(join(dir, DEVICE_FILE), lstat)) return;
  if (await isThere(dir, stat)) await refuseIncomplete(dir);
  else throw noDevice(dir, 'no such folder');
}

async function readDeviceFile(dir: string): Promise<ReturnType<typeof parseDeviceFile>> {
  await requireDeviceFolder(dir);
  // device.json is no flash: nothing is erased before it tells what that means.
  await using fs = await openNodeDeviceFs(dir, 0);
  const raw = await readWhole(fs, DEVICE_FILE, DEVICE_FILE_MAX_BYTES, 'device file');
  if (raw === undefined) return await refuseIncomplete(dir);
  return parseDeviceFile(raw, join(dir, DEVICE_FILE));
}

/** Tells a folder that never was a device from one that has lost what it was. */
async function refuseIncomplete(dir: string): Promise<never> {
  for (const name of BOOT_CONTROL_FILES) {
    if (!(await isThere(join(dir, name), lstat))) continue;
    throw new OtaError('DEVICE_STATE_LOST', `${escapeText(dir)}: has ${name} but no ${DEVICE_FILE}`, [
      'If `ota device init` was interrupted, remove the folder and run it again.',
    ]);
  }
  throw noDevice(dir, `is not a device, it has no ${DEVICE_FILE}`);
}

async function isThere(path: string, ask: (path: string) => Promise<unknown>): Promise<boolean> {
  try {
    await ask(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw ioError(error, path);
  }
}

function noDevice(dir: string, fact: string): OtaError {
  return new OtaError('NOT_FOUND', `${escapeText(dir)}: ${fact}`, ['Make a device with `ota device init`.']);
}

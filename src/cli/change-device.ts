import { lstat } from 'node:fs/promises';
import { OtaError } from '../lib/core/errors.js';
import { systemCode } from '../lib/core/io-error.js';
import { openDevice } from '../lib/device/device.js';
import { dryRunMachine } from '../lib/device/dry-run.js';
import type { Machine } from '../lib/device/machine.js';
import { deviceLockFile, openNodeMachine, withDeviceLock } from '../lib/device/node-machine.js';

export interface ChangeOptions {
  /** Do it in memory: whatever is decided is what would be, and nothing lasts. */
  dryRun: boolean;
  signal: AbortSignal;
  /** Go on without a lock where the disk takes no more writes: a boot loader must start what is confirmed there, too. */
  evenFrozen?: boolean;
}

/**
 * Changes a device that lives in a folder, while nobody else does.
 *
 * @throws OtaError LOCKED, as `openNodeMachine`, or what `work` throws
 */
export async function changeDevice<T>(
  device: string,
  { dryRun, signal, evenFrozen = false }: ChangeOptions,
  work: (machine: Machine) => Promise<T>,
): Promise<T> {
  const change = async (): Promise<T> => {
    await using machine = await openNodeMachine(device);
    if (!dryRun) return await work(machine);
    const { layout } = await openDevice(machine, device);
    return await work(dryRunMachine(machine, layout.erasedValue));
  };
  if (dryRun) return await change();
  let isLocked = false;
  const changeLocked = (): Promise<T> => {
    isLocked = true;
    return change();
  };
  try {
    return await withDeviceLock(device, changeLocked, { signal });
  } catch (error) {
    if (isLocked || !evenFrozen || !(await isFrozen(device, error))) throw error;
    return await change();
  }
}

/** The disk takes no lock, and nobody had taken one before. */
async function isFrozen(device: string, error: unknown): Promise<boolean> {
  if (!(error instanceof OtaError)) return false;
  if (error.code !== 'NO_SPACE' && systemCode(error.cause) !== 'EROFS') return false;
  return await lstat(deviceLockFile(device)).then(
    () => false,
    (cause: unknown) => systemCode(cause) === 'ENOENT',
  );
}

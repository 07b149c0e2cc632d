import { openDevice } from '../lib/device/device.js';
import { dryRunMachine } from '../lib/device/dry-run.js';
import type { Machine } from '../lib/device/machine.js';
import { openNodeMachine, withDeviceLock } from '../lib/device/node-machine.js';

export interface ChangeOptions {
  /** Do it in memory: whatever is decided is what would be, and nothing lasts. */
  dryRun: boolean;
  signal: AbortSignal;
}

/**
 * Changes a device that lives in a folder, while nobody else does.
 *
 * @throws OtaError LOCKED, as `openNodeMachine`, or what `work` throws
 */
export async function changeDevice<T>(
  device: string,
  { dryRun, signal }: ChangeOptions,
  work: (machine: Machine) => Promise<T>,
): Promise<T> {
  const change = async (): Promise<T> => {
    await using machine = await openNodeMachine(device);
    if (!dryRun) return await work(machine);
    const { layout } = await openDevice(machine, device);
    return await work(dryRunMachine(machine, layout.erasedValue));
  };
  return dryRun ? await change() : await withDeviceLock(device, change, { signal });
}

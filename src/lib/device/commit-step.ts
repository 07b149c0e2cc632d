import { OtaError } from '../core/errors.js';
import type { BootControl } from './boot-control.js';
import { type Device, settleDevice } from './device.js';

/**
 * Commits `next`, after the log tells of the commit before: otherwise that event would be lost with its block.
 *
 * @throws OtaError as `settleDevice`, with nothing committed, and as `BootControlStore.commit`
 */
export async function commitStep(device: Device, next: BootControl): Promise<void> {
  await settleDevice(device);
  await device.control.commit(next);
}

/** As {@link commitStep} for the boot loader: a log that cannot be written keeps no device from booting. */
export async function commitAnyway(device: Device, next: BootControl): Promise<void> {
  await settleQuietly(device);
  await device.control.commit(next);
}

/** After the last commit of a step, which stands whatever becomes of the log: whoever opens the device next completes it. */
export async function settleQuietly(device: Device): Promise<void> {
  try {
    await settleDevice(device);
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
  }
}

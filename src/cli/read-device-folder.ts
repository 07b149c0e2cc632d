import { OtaError } from '../lib/core/errors.js';
import { type Device, openDevice } from '../lib/device/device.js';
import { deviceStateOf } from '../lib/device/device-state-of.js';
import { requireSettled } from '../lib/device/install-plan.js';
import { openNodeMachine } from '../lib/device/node-machine.js';
import type { JudgingDevice } from './read-device.js';

/**
 * Asks a device itself; nothing in its folder is changed.
 *
 * @throws OtaError as `openNodeMachine` and `openDevice`
 */
export async function readDeviceFolder(path: string): Promise<JudgingDevice> {
  await using machine = await openNodeMachine(path);
  const device = await openDevice(machine, path);
  const pending = await pendingReason(device);
  return {
    state: await deviceStateOf(device),
    isFolder: true,
    acceptsTestKeys: device.identity.testKeys === true,
    ...(pending !== undefined && { pending }),
  };
}

async function pendingReason(device: Device): Promise<string | undefined> {
  try {
    await requireSettled(device);
    return undefined;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'UPDATE_PENDING') return error.message;
    throw error;
  }
}

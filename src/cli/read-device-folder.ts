import { openDevice } from '../lib/device/device.js';
import { deviceStateOf } from '../lib/device/device-state-of.js';
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
  return { state: await deviceStateOf(device), isFolder: true, acceptsTestKeys: device.identity.testKeys === true };
}

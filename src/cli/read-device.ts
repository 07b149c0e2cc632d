import { type DeviceState, readDeviceState } from '../lib/package/device-state.js';
import type { TrustAnchorSpec } from '../lib/package/trust-anchor.js';
import { isDeviceFolder } from './device-folder.js';

/** A device that a package is judged by. */
export interface JudgingDevice {
  state: DeviceState;
  /** It was read from the device itself, which holds the trust root that it believes. */
  isFolder: boolean;
  /** It was made with test keys, which it believes for good. */
  acceptsTestKeys: boolean;
  /** Why it takes no package at all for the moment. */
  pending?: string;
}

/**
 * What policy needs to know of a device: from a file that tells it, or from the device itself, which is not changed.
 *
 * @param path a device state (JSON), or the folder of a device
 * @throws OtaError as `readDeviceState` and `readDeviceFolder`
 */
export async function readDevice(path: string): Promise<JudgingDevice> {
  if (!(await isDeviceFolder(path))) {
    return { state: await readDeviceState(path), isFolder: false, acceptsTestKeys: false };
  }
  // Loaded here: commands on state files start without all that a device is.
  const { readDeviceFolder } = await import('./read-device-folder.js');
  return await readDeviceFolder(path);
}

/** Whether the trust root of the device counts: nothing else was named. */
export function trustsOwnRoot({ isFolder }: JudgingDevice, spec: TrustAnchorSpec): boolean {
  const { keyPaths = [], threshold, trustRootPath } = spec;
  return isFolder && keyPaths.length === 0 && threshold === undefined && trustRootPath === undefined;
}

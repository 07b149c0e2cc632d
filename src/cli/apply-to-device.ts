import type { RandomAccess } from '../lib/core/random-access.js';
import { openDevice } from '../lib/device/device.js';
import { type InstallReport, installPackage } from '../lib/device/install.js';
import { requireSettled } from '../lib/device/install-plan.js';
import { type NodeMachine, openNodeMachine, withDeviceLock } from '../lib/device/node-machine.js';
import { openForDevice } from '../lib/device/package-for-device.js';
import { consume, receivePackage } from '../lib/device/receive.js';
import { isAddress, parseSourceUrl, printableUrl } from '../lib/net/source-url.js';
import type { PackageInput } from '../lib/package/open-package.js';
import type { OnBytes } from '../lib/package/verify.js';
import { openPackageFiles } from './device-packages.js';

export { deviceApplyText } from '../lib/ui/device-text.js';

export interface DeviceApplyOptions {
  noFullFallback: boolean;
  allowTestKeys: boolean;
  dryRun: boolean;
  /** Surroundings of an input; `onArrival` watches a download too. */
  input: PackageInput & { signal: AbortSignal };
  onBytes: OnBytes;
}

/** What `ota apply --device DIR --json` prints. */
export interface DeviceApplyReport extends InstallReport {
  device: string;
  package: string;
  dryRun: boolean;
}

/**
 * Installs a package on a device that lives in a folder, while nobody else changes it. From an address it is
 * received into the device, where it stays when that is interrupted; a dry run receives it elsewhere.
 *
 * @throws OtaError LOCKED; as `receivePackage`, `openPackageFiles`, `openForDevice`, `installPackage`
 */
export async function applyToDevice(
  spec: string,
  device: string,
  options: DeviceApplyOptions,
): Promise<DeviceApplyReport> {
  const { dryRun, input } = options;
  const apply = async (): Promise<DeviceApplyReport> => {
    await using machine = await openNodeMachine(device);
    const install = (data: RandomAccess) => installOn(machine, device, data, options);
    return isAddress(spec) && !dryRun
      ? await applyReceived(machine, device, parseSourceUrl(spec), options, install)
      : await applyLocal(spec, input, install);
  };
  return dryRun ? await apply() : await withDeviceLock(device, apply, { signal: input.signal });
}

async function installOn(
  machine: NodeMachine,
  device: string,
  data: RandomAccess,
  { noFullFallback, allowTestKeys, dryRun, input: { signal }, onBytes }: DeviceApplyOptions,
): Promise<DeviceApplyReport> {
  const opened = await openForDevice(machine, device, data, { allowTestKeys });
  const report = await installPackage(machine, {
    name: device,
    package: opened,
    noFullFallback,
    dryRun,
    signal,
    onBytes,
  });
  return { device, package: data.name, dryRun, ...report };
}

async function applyReceived(
  machine: NodeMachine,
  name: string,
  url: URL,
  { input: { http, signal, onArrival } }: DeviceApplyOptions,
  install: (data: RandomAccess) => Promise<DeviceApplyReport>,
): Promise<DeviceApplyReport> {
  const device = await openDevice(machine, name);
  await requireSettled(device); // before anything is downloaded
  const arrival = onArrival?.(printableUrl(url));
  const received = await receivePackage(machine, {
    url,
    http,
    roomBytes: device.layout.storageBytes,
    signal,
    onProgress: arrival?.update,
  });
  arrival?.done();
  return await consume(received, install);
}

async function applyLocal(
  spec: string,
  input: PackageInput,
  install: (data: RandomAccess) => Promise<DeviceApplyReport>,
): Promise<DeviceApplyReport> {
  await using opened = await openPackageFiles([spec], input);
  return await install(opened.files[0]!);
}

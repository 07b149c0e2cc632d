import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { sha256Hex } from '../core/sha256.js';
import { type AuthenticPackage, authenticatePackage } from '../package/authenticate.js';
import { type Container, openContainer } from '../package/container.js';
import { timeOf } from '../package/policy-checks.js';
import { type TrustRoot, trustRoot } from '../trust/root.js';
import { followRotations } from '../trust/root-rotation.js';
import { type Device, openDevice } from './device.js';
import type { Machine } from './machine.js';

/** A package whose metadata is authentic by the trust root of one device. */
export interface PackageForDevice {
  container: Container;
  pkg: AuthenticPackage;
  /** The time it was judged at: the device's clock, or its time floor where that is later. */
  now: Date;
  /** The trust root that the device had then. */
  judgedUnder: { version: number; sha256: string };
  /** The root that the package was judged by: that one, or the last of its successors in the package. */
  root: { version: number; sha256: string /** Where it is new to the device. */; bytes?: Uint8Array };
}

export interface OpenForDeviceOptions {
  /** Let keys count that are marked as test keys. A device that was made with such keys always does. */
  allowTestKeys?: boolean | undefined;
}

/**
 * Reads the framing of a package and checks who signed it, by what a device trusts at the device's time.
 *
 * @param name   what to call the device in errors
 * @param source the whole container; read again when it is installed
 * @throws OtaError as `openDevice`, `openContainer`, `followRotations` and `authenticatePackage`
 */
export async function openForDevice(
  machine: Machine,
  name: string,
  source: RandomAccess,
  options: OpenForDeviceOptions = {},
): Promise<PackageForDevice> {
  return await authenticateFor(await openDevice(machine, name), await openContainer(source), options);
}

/** As {@link openForDevice}, with both opened. */
export async function authenticateFor(
  device: Device,
  container: Container,
  { allowTestKeys = false }: OpenForDeviceOptions = {},
): Promise<PackageForDevice> {
  const { current } = device.control;
  const time = {
    now: timeOf(device.machine.clock.now(), current),
    allowTestKeys: allowTestKeys || device.identity.testKeys === true,
  };
  const successors = container.roots.map((root) => ({ ...root, name: `${container.name}:root.${root.version}.json` }));
  const root = followRotations(await device.trustRoot(), successors, time);
  const pkg = authenticatePackage(container, { ...time, trust: trustRoot(root) });
  requireCreatedUnder(root, pkg);
  const { version } = root.signed;
  const carried =
    version === current.trustRoot.version ? undefined : container.roots.find((it) => it.version === version);
  return {
    container,
    pkg,
    now: time.now,
    judgedUnder: current.trustRoot,
    root:
      carried === undefined ? current.trustRoot : { version, sha256: sha256Hex(carried.bytes), bytes: carried.bytes },
  };
}

/**
 * Refuses a release that says it was created when its root had expired: confirmed, it would become a time floor at
 * which the device takes nothing any more, which one wrong clock on a build machine, or one release key, must not do.
 */
function requireCreatedUnder({ name, signed: { version, expiresAt } }: TrustRoot, pkg: AuthenticPackage): void {
  const { createdAt } = pkg.metadata;
  if (createdAt === undefined || Date.parse(createdAt) < Date.parse(expiresAt)) return;
  throw new OtaError(
    'ROOT_EXPIRED',
    `${pkg.name}: was created at ${createdAt}, when ${name} (version ${version}) had expired at ${expiresAt}`,
    ['Pack it again with a --created-at that is true, or under a trust root that lasts longer.'],
  );
}

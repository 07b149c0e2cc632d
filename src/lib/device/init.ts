import { createHash } from 'node:crypto';
import { OtaError } from '../core/errors.js';
import { chunksOf } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { sha256Hex } from '../core/sha256.js';
import { escapeText } from '../core/text.js';
import type { Container } from '../package/container.js';
import { timeOf } from '../package/policy-checks.js';
import { parseTrustRoot, type TrustRoot, trustRoot } from '../trust/root.js';
import { followRotations, verifyRoot } from '../trust/root-rotation.js';
import type { BootControl } from './boot-control.js';
import { BootControlStore } from './boot-control-file.js';
import { later } from './boot-facts.js';
import { type Device, openDevice, trustRootFile } from './device.js';
import { checkIdentity, DEVICE_FILE, type DeviceIdentity, encodeDeviceFile } from './device-file.js';
import { completeEventLog } from './event-log.js';
import { type FactoryImages, type FactoryRelease, releaseOfImages, releaseOfPackage } from './factory-release.js';
import { componentLayout, type Layout, roundUp } from './layout.js';
import type { Machine } from './machine.js';
import { slotImageFile, slotMetadataFile, slotSignatureFile } from './slot-access.js';
import { writeWhole } from './whole-file.js';

/** What a new device is and what it leaves the factory with. */
export interface InitSpec extends DeviceIdentity {
  layout: Layout;
  /** `root.N.json`, exact bytes. */
  trustRoot: Uint8Array;
  /** Images of every component, or a signed package that brings them in full. */
  factory: FactoryImages | Container;
  /** RFC 3339: the latest time known to have passed. */
  timeFloor?: string;
  /** Let keys count that are marked as test keys, also later on this device. */
  allowTestKeys?: boolean;
}

export interface InitOptions {
  /** What to call the device in errors. */
  name?: string;
  signal?: AbortSignal | undefined;
  onBytes?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

/** What was checked before anything is written. */
interface InitPlan {
  identity: DeviceIdentity;
  layout: Layout;
  rootBytes: Uint8Array;
  control: BootControl;
  release: FactoryRelease;
}

/**
 * Makes a device in an empty folder: its images, the boot control block and, last, the file that says it is one.
 * Cut at any point before that, it is no device.
 *
 * @throws OtaError DOES_NOT_FIT, COMPONENT_MISSING (the layout and the images differ in components), USAGE (identity, an
 *   empty image); as `parseTrustRoot`, `verifyRoot` or `followRotations`, `releaseOfImages`, `releaseOfPackage`;
 *   as `DeviceFs`; IO_FAILED when an image changes meanwhile; INTERRUPTED, TERMINATED
 */
export async function initDevice(machine: Machine, spec: InitSpec, options: InitOptions = {}): Promise<Device> {
  const { name = 'device' } = options;
  const { fs } = machine;
  const plan = await planDevice(machine, spec, options);
  const { layout, control, release } = plan;
  const total = [...release.images.values()].reduce((sum, { data }) => sum + data.size, 0);
  let done = 0;
  for (const [component, { target, data }] of release.images) {
    const slot = control.active.slots[component]!;
    await writeImage(machine, layout, slotImageFile(component, slot), data, target.sha256, {
      signal: options.signal,
      onChunk: (bytes) => {
        done += bytes;
        options.onBytes?.(done, total);
      },
    });
    await writeWhole(fs, slotMetadataFile(component, slot), release.metadataBytes);
    await writeWhole(fs, slotSignatureFile(component, slot), release.signatureBytes);
  }
  await writeWhole(fs, trustRootFile(control.trustRoot.version), plan.rootBytes);
  await BootControlStore.create(fs, layout, control);
  await completeEventLog(fs, control);
  await writeWhole(fs, DEVICE_FILE, encodeDeviceFile(plan.identity, layout));
  return await openDevice(machine, name);
}

/** Refuses all that can be refused before the first byte is written. */
export async function planDevice(
  machine: Pick<Machine, 'clock' | 'counter'>,
  spec: InitSpec,
  { signal }: InitOptions = {},
): Promise<InitPlan> {
  const { layout, trustRoot: rootBytes, factory, timeFloor, allowTestKeys, ...rest } = spec;
  const identity = checkIdentity({ ...rest, ...(allowTestKeys === true && { testKeys: true }) });
  const now = machine.clock.now();
  const isPackage = 'metadataBytes' in factory;
  if (!isPackage) requireComponents(layout, factory.images);
  const root = newestRoot(rootBytes, isPackage ? factory : undefined, { now, allowTestKeys });
  const release = isPackage
    ? releaseOfPackage(identity, factory, { trust: trustRoot(root.root), now, allowTestKeys })
    : await releaseOfImages(identity, factory, { signal });
  requireComponents(layout, new Map([...release.images].map(([component, { data }]) => [component, data])));
  const epoch = (await machine.counter?.read()) ?? 0;
  const control = firstControl(release, { layout, root, timeFloor, now, epoch });
  // A device whose time floor is beyond that of its root would never take a package.
  verifyRoot(root.root, { now: timeOf(now, control), ...(allowTestKeys !== undefined && { allowTestKeys }) });
  return { identity, layout, rootBytes: root.bytes, control, release };
}

interface RootFile {
  root: TrustRoot;
  bytes: Uint8Array;
}

/** The root itself, or the last of its successors in the package. */
function newestRoot(
  bytes: Uint8Array,
  container: Container | undefined,
  options: { now: Date; allowTestKeys?: boolean | undefined },
): RootFile {
  const time = { now: options.now, allowTestKeys: options.allowTestKeys ?? false };
  const given = parseTrustRoot(bytes, 'trust root');
  if (container === undefined) {
    verifyRoot(given, time);
    return { root: given, bytes };
  }
  const root = followRotations(given, container.roots, time);
  const carried = container.roots.find(({ version }) => version === root.signed.version);
  return { root, bytes: root === given ? bytes : carried!.bytes };
}

/** The layout and the images must be of the same components: a device runs all of them or none. */
function requireComponents(layout: Layout, images: ReadonlyMap<string, RandomAccess>): void {
  const missing = Object.keys(layout.components).find((component) => !images.has(component));
  if (missing !== undefined) {
    throw new OtaError('COMPONENT_MISSING', `component ${missing} of the layout: there is no image for it`, [
      `Add --image ${missing}=FILE.`,
    ]);
  }
  for (const [component, { name, size }] of images) {
    const place = componentLayout(layout, component);
    if (place === undefined) {
      const known = Object.keys(layout.components).join(', ');
      throw new OtaError(
        'COMPONENT_MISSING',
        `${escapeText(name)}: is for component ${component}, the layout has ${known}`,
      );
    }
    if (size > place.slotBytes) {
      throw new OtaError(
        'DOES_NOT_FIT',
        `${escapeText(name)}: has ${size} bytes, the slot of ${component} holds ${place.slotBytes}`,
        ['Raise "slotBytes" in the layout.'],
      );
    }
  }
}

function firstControl(
  { record, images }: FactoryRelease,
  context: { layout: Layout; root: RootFile; timeFloor?: string | undefined; now: Date; epoch: number },
): BootControl {
  const { layout, root, now, epoch } = context;
  const { digest: release, version } = record;
  const slotOf = (component: string) => componentLayout(layout, component)!.slots[0]!;
  const timeFloor = later(context.timeFloor, record.createdAt);
  return {
    sequence: 1,
    event: { type: 'initialised', time: now.toISOString(), release, version },
    active: {
      release,
      slots: Object.fromEntries([...images.keys()].map((component) => [component, slotOf(component)])),
    },
    slots: Object.fromEntries(
      [...images].map(([component, { target }]) => [component, { [slotOf(component)]: { ...target, release } }]),
    ),
    releases: [record],
    securityCounter: record.securityCounter,
    ...(timeFloor !== undefined && { timeFloor }),
    trustRoot: { version: root.root.signed.version, sha256: sha256Hex(root.bytes) },
    epoch,
  };
}

/** Writes an image to the start of a slot that was never written, padded to the write alignment. */
async function writeImage(
  { fs }: Machine,
  { writeAlignmentBytes, erasedValue }: Layout,
  file: string,
  image: RandomAccess,
  sha256: string,
  { signal, onChunk }: { signal?: AbortSignal | undefined; onChunk: (bytes: number) => void },
): Promise<void> {
  const hash = createHash('sha256');
  let position = 0;
  for await (const chunk of chunksOf(image, signal ? { signal } : {})) {
    hash.update(chunk);
    const padded = Buffer.alloc(roundUp(chunk.byteLength, writeAlignmentBytes), erasedValue);
    padded.set(chunk);
    await fs.write(file, position, padded);
    position += padded.length;
    onChunk(chunk.byteLength);
  }
  if (hash.digest('hex') !== sha256) {
    throw new OtaError('IO_FAILED', `${escapeText(image.name)}: does not have the bytes it was hashed with`, [
      'Run again when nothing writes to it; if it is a package, get it again.',
    ]);
  }
  await fs.sync(file);
}

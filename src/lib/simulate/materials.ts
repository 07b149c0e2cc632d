import { OtaError } from '../core/errors.js';
import { memoryAccess } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { sha256Hex } from '../core/sha256.js';
import { escapeText } from '../core/text.js';
import { defaultLayout } from '../device/default-layout.js';
import { initDevice } from '../device/init.js';
import type { Layout } from '../device/layout.js';
import { packageDigest } from '../package/authenticate.js';
import { openContainer } from '../package/container.js';
import { type Metadata, parseMetadata, targetsOf } from '../package/metadata.js';
import { parseTrustRoot } from '../trust/root.js';
import { EMPTY_STATE, type Geometry, poweredUp } from './disk.js';
import type { Experiment } from './experiment.js';
import type { SimulationRequest } from './request.js';
import { SimulatedFs } from './simulated-fs.js';
import type { Updater } from './updater.js';

/** Largest package and images that are simulated, together: all of it is held in memory by each thread, bytes. */
const MAX_MATERIAL_BYTES = 1024 ** 3;
/** Every release has a version: this one stands for what nobody knows. */
const UNNAMED = '0.0.0';

/** All that an experiment is made of, as plain data that another thread can be handed. */
export interface Materials {
  package: { name: string; bytes: Uint8Array };
  bases: { component: string; name: string; version: string; bytes: Uint8Array }[];
  /** The release that the device leaves the factory with. */
  base: {
    version: string;
    sequence: number;
    securityCounter: number /** Nobody said which version it is. */;
    isUnnamed?: true;
  };
  layout: Layout;
  trustRoot: Uint8Array;
  allowTestKeys: boolean;
  seed: number;
}

/**
 * Reads what a request names, and decides what it leaves open: the device carries the release before the package.
 *
 * @throws OtaError LIMIT_EXCEEDED, SIMULATION_INVALID; as the sources do
 */
export async function materialsOf(request: SimulationRequest): Promise<Materials> {
  const { pkg, data, bases, baseVersion, trustRoot, allowTestKeys, seed } = request;
  const { metadata } = pkg;
  const bytes = [data, ...bases.values()].reduce((sum, { size }) => sum + size, 0);
  if (bytes > MAX_MATERIAL_BYTES) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `${escapeText(pkg.name)}: package and images have ${bytes} bytes, at most ${MAX_MATERIAL_BYTES} are simulated`,
    );
  }
  if (metadata.sequence === 0) {
    throw new OtaError(
      'SIMULATION_INVALID',
      `${escapeText(pkg.name)}: its sequence is 0, so nothing can come before it`,
      ['Pack it with a higher --sequence.'],
    );
  }
  const named: (string | undefined)[] = [];
  const images: Materials['bases'] = [];
  for (const [component, image] of bases) {
    const content = await wholeOf(image);
    const known = metadata.payloads.find(
      ({ component: of, base }) => of === component && base?.sha256 === sha256Hex(content),
    );
    const version = baseVersion ?? known?.base?.version;
    named.push(version);
    images.push({ component, name: image.name, version: version ?? UNNAMED, bytes: content });
  }
  const [version] = named;
  return {
    package: { name: pkg.name, bytes: await wholeOf(data) },
    bases: images,
    base: {
      version: version ?? UNNAMED,
      ...(version === undefined && { isUnnamed: true }),
      sequence: metadata.sequence - 1,
      securityCounter: request.baseSecurityCounter ?? metadata.securityCounter,
    },
    layout: request.layout ?? layoutFor(metadata, images),
    trustRoot,
    allowTestKeys,
    seed,
  };
}

/**
 * Makes the device and everything that its lives have in common.
 *
 * @throws OtaError as `initDevice` and `parseMetadata`
 */
export async function experimentOf(materials: Materials, updater: Updater): Promise<Experiment> {
  const { base, bases, layout, trustRoot, allowTestKeys, seed } = materials;
  const data = memoryAccess(materials.package.bytes, materials.package.name);
  const container = await openContainer(data);
  const metadata = parseMetadata(container.metadataBytes, data.name);
  const geometry: Geometry = {
    eraseBlockBytes: layout.eraseBlockBytes,
    writeAlignmentBytes: layout.writeAlignmentBytes,
    erasedValue: layout.erasedValue,
  };
  const now = timeFor(metadata, trustRoot);
  const clock = { now: () => now };
  const fs = new SimulatedFs(poweredUp(EMPTY_STATE), { geometry });
  const hardwareRevision = metadata.compatible.hardwareRevisions?.[0];
  const device = await initDevice(
    { fs, clock },
    {
      product: metadata.product,
      model: metadata.compatible.models[0]!,
      ...(hardwareRevision !== undefined && { hardwareRevision }),
      layout,
      trustRoot,
      allowTestKeys,
      factory: {
        ...base,
        images: new Map(bases.map(({ component, name, bytes }) => [component, memoryAccess(bytes, name)])),
        versions: new Map(bases.map(({ component, version }) => [component, version])),
      },
    },
  );
  const oldImages = Object.fromEntries(bases.map(({ component, bytes }) => [component, sha256Hex(bytes)]));
  const newImages = Object.fromEntries([...targetsOf(metadata)].map(([component, { sha256 }]) => [component, sha256]));
  return {
    updater,
    factory: fs.disk.durable,
    geometry,
    clock,
    package: data,
    old: { ...base, digest: device.control.current.active.release, images: oldImages },
    new: {
      version: metadata.version,
      securityCounter: metadata.securityCounter,
      digest: packageDigest(container.metadataBytes),
      images: { ...oldImages, ...newImages },
    },
    bootAttempts: metadata.confirm?.bootAttempts ?? layout.bootAttempts,
    seed,
  };
}

function layoutFor(metadata: Metadata, bases: Materials['bases']): Layout {
  const targets = targetsOf(metadata);
  return defaultLayout(
    Object.fromEntries(
      bases.map(({ component, bytes }) => [component, Math.max(bytes.length, targets.get(component)?.size ?? 0)]),
    ),
  );
}

/** An instant at which the package counts. Always the same one, so that a simulation can be repeated at any time. */
function timeFor({ createdAt, expiresAt }: Metadata, trustRoot: Uint8Array): Date {
  if (createdAt !== undefined) return new Date(createdAt);
  const root = parseTrustRoot(trustRoot, 'trust root');
  const keys = [...root.keys.values()].flatMap((key) => key.expiresAt?.getTime() ?? []);
  const ends = [...keys, Date.parse(root.signed.expiresAt), expiresAt === undefined ? Infinity : Date.parse(expiresAt)];
  return new Date(Math.min(Date.UTC(2026, 0, 1), ...ends.map((end) => end - 1)));
}

async function wholeOf(source: RandomAccess): Promise<Uint8Array> {
  const bytes = new Uint8Array(source.size);
  const got = await source.read(bytes, 0);
  if (got === bytes.length) return bytes;
  throw new OtaError('IO_FAILED', `${escapeText(source.name)}: ends at byte ${got}, its size is ${source.size}`);
}

import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import type { JsonValue } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import { authenticatePackage, packageDigest } from '../package/authenticate.js';
import { chooseChunkBytes } from '../package/chunking.js';
import type { Container } from '../package/container.js';
import { checkMetadata, type Metadata, PACKAGE_SPEC, type PayloadEntry, payloadFileName } from '../package/metadata.js';
import { hashPayload } from '../package/payload-hash.js';
import { checkHardware, checkModel, checkProduct, type PolicyCheck } from '../package/policy-checks.js';
import { encodeSignatureEnvelope, METADATA_PAYLOAD_TYPE } from '../trust/dsse.js';
import type { Trust } from '../trust/trust-policy.js';
import type { ReleaseRecord } from './boot-control.js';
import type { DeviceIdentity } from './device-file.js';
import { type ReleasedComponent, releaseRecord } from './release-record.js';

/** Images as the manufacturer puts them in, with what their release is to be known by. */
export interface FactoryImages {
  /** By component. */
  images: ReadonlyMap<string, RandomAccess>;
  version: string;
  /** Versions of components that are not the one of the release. */
  versions?: ReadonlyMap<string, string>;
  sequence: number;
  securityCounter?: number;
  rollback?: { allowed: boolean; minVersion?: string };
}

/** The release a device leaves the factory with. */
export interface FactoryRelease {
  record: ReleaseRecord;
  /** Exact bytes. */
  metadataBytes: Buffer;
  signatureBytes: Buffer;
  images: ReadonlyMap<string, { target: PayloadEntry['target']; data: RandomAccess }>;
}

/**
 * A release around images that nobody has signed: the device trusts it by its hash, which the boot control block holds.
 *
 * @throws OtaError METADATA_INVALID, LIMIT_EXCEEDED; INTERRUPTED, TERMINATED
 */
export async function releaseOfImages(
  { product, model, hardwareRevision }: DeviceIdentity,
  { images, version, versions, sequence, securityCounter = 0, rollback }: FactoryImages,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<FactoryRelease> {
  const payloads: PayloadEntry[] = [];
  for (const [component, data] of images) {
    const imageVersion = versions?.get(component) ?? version;
    payloads.push(await fullPayload(component, imageVersion, data, signal));
  }
  const metadata: Metadata = {
    spec: PACKAGE_SPEC,
    product,
    compatible: {
      models: [model],
      ...(hardwareRevision !== undefined && { hardwareRevisions: [hardwareRevision] }),
    },
    version,
    sequence,
    securityCounter,
    ...(rollback !== undefined && { rollback }),
    payloads,
  };
  checkMetadata(metadata, 'factory release');
  const metadataBytes = canonicalJson(metadata as JsonValue);
  const record = {
    ...releaseRecord(metadata, packageDigest(metadataBytes), componentsOf(metadata)),
    factory: true,
  };
  return {
    record,
    metadataBytes,
    signatureBytes: encodeSignatureEnvelope({ payloadType: METADATA_PAYLOAD_TYPE, signatures: [] }),
    images: new Map(payloads.map(({ component, target }) => [component, { target, data: images.get(component)! }])),
  };
}

/**
 * A signed package that brings the full image of every component.
 *
 * @throws OtaError as `authenticatePackage`; PRODUCT_MISMATCH, MODEL_INCOMPATIBLE, HARDWARE_INCOMPATIBLE;
 *   BASE_MISMATCH where the package only holds a delta
 */
export function releaseOfPackage(
  identity: DeviceIdentity,
  container: Container,
  { trust, now, allowTestKeys }: { trust: Trust; now: Date; allowTestKeys?: boolean | undefined },
): FactoryRelease {
  const { name, digest, metadata, payloads, trustedKeyids } = authenticatePackage(container, {
    trust,
    now,
    ...(allowTestKeys !== undefined && { allowTestKeys }),
  });
  requireFor(identity, metadata, name, digest);
  const full = payloads.filter(({ entry }) => entry.format === 'full');
  const images = new Map(full.map(({ entry, data }) => [entry.component, { target: entry.target, data }]));
  const missing = metadata.payloads.find(({ component }) => !images.has(component));
  if (missing !== undefined) {
    throw new OtaError('BASE_MISMATCH', `${name}: holds no full image of component ${missing.component}`, [
      'Pack the release with --full, for a device that has nothing yet.',
    ]);
  }
  const { metadataBytes, signatureBytes } = container;
  const record = releaseRecord(metadata, digest, componentsOf(metadata), trustedKeyids);
  return { record, metadataBytes, signatureBytes, images };
}

function requireFor(identity: DeviceIdentity, metadata: Metadata, name: string, digest: string): void {
  const device = { spec: 'ota-fleet-device/1', ...identity, components: {}, history: [], securityCounter: 0 } as const;
  const input = { name, digest, contained: new Set<string>(), now: new Date(0) };
  const state = { ...device, history: [] };
  const checks: PolicyCheck[] = [checkProduct, checkModel, checkHardware].map((check) => check(metadata, state, input));
  const refusal = checks.flatMap(({ failures }) => failures)[0];
  if (refusal !== undefined) throw refusal;
}

function componentsOf({ payloads }: Metadata): ReadonlyMap<string, ReleasedComponent> {
  return new Map(payloads.map(({ component, target }) => [component, target]));
}

async function fullPayload(
  component: string,
  version: string,
  data: RandomAccess,
  signal: AbortSignal | undefined,
): Promise<PayloadEntry> {
  if (data.size === 0) throw new OtaError('USAGE', `${escapeText(data.name)}: is empty, expected a firmware image`);
  const chunkBytes = chooseChunkBytes(data.size);
  const { sha256, chunkSha256 } = await hashPayload(data, chunkBytes, signal ? { signal } : {});
  return {
    component,
    format: 'full',
    file: payloadFileName({ component, format: 'full' }),
    size: data.size,
    sha256,
    chunkBytes,
    chunkSha256,
    target: { version, size: data.size, sha256 },
    applyMemoryBytes: chunkBytes,
    storageBytes: 0,
  };
}

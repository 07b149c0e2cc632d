import { resolve } from 'node:path';
import { OtaError } from '../core/errors.js';
import { openFile } from '../core/file-access.js';
import { sha256OfAccess } from '../core/sha256.js';
import { escapeText } from '../core/text.js';
import { authenticatePackage, listPayloads, packageDigest } from '../package/authenticate.js';
import { type Container, openContainer } from '../package/container.js';
import { parseMetadata } from '../package/metadata.js';
import { checkHardware, checkModel, checkProduct } from '../package/policy-checks.js';
import type { TrustAnchor } from '../package/trust-anchor.js';
import { verifyPayloads } from '../package/verify.js';
import { factoryInstalled, factoryRelease, type Installed, type Release } from './installed.js';
import type { ProfileVersion, SwarmProfile } from './profile.js';
import type { SharedFiles } from './shared-files.js';

export interface FactoryOptions {
  /** Where files of the profile are looked for. */
  readonly folder: string;
  readonly files: SharedFiles;
  /** Absent: packages of the profile are believed as they are. */
  readonly trust: { readonly anchor: TrustAnchor; readonly allowTestKeys: boolean } | undefined;
  readonly now: Date;
}

/**
 * What devices of each version have when they leave the factory; images, also those in packages, are kept in `files`.
 *
 * @throws OtaError as `openFile`; for a package as `openContainer`, `authenticatePackage` and `verifyPayloads`;
 *   PRODUCT_MISMATCH, MODEL_INCOMPATIBLE, HARDWARE_INCOMPATIBLE where it is not for all models of the profile;
 *   CONFIG_INVALID where the profile calls it by another version
 */
export async function factoryVersions(
  profile: SwarmProfile,
  options: FactoryOptions,
): Promise<ReadonlyMap<ProfileVersion, Installed>> {
  const all = new Map<ProfileVersion, Installed>();
  for (const version of profile.versions) all.set(version, await factoryVersion(version, profile, options));
  return all;
}

async function factoryVersion(
  given: ProfileVersion,
  profile: SwarmProfile,
  options: FactoryOptions,
): Promise<Installed> {
  const { folder, files } = options;
  if (given.package !== undefined) return await factoryPackage(given.package, given.version, profile, options);
  const images = new Map<string, string>();
  for (const [component, path] of Object.entries(given.images)) {
    const file = await openFile(resolve(folder, path));
    const sha256 = await sha256OfAccess(file);
    files.adopt(sha256, file);
    images.set(component, sha256);
  }
  return factoryInstalled({ ...given, version: given.version! }, profile.components, images);
}

async function factoryPackage(
  path: string,
  version: string | undefined,
  profile: SwarmProfile,
  { folder, files, trust, now }: FactoryOptions,
): Promise<Installed> {
  const file = await openFile(resolve(folder, path));
  files.keepOpen(file);
  const container = await openContainer(file);
  const release = releaseOf(container, trust, now);
  requireForAll(profile, release, path);
  if (version !== undefined && version !== release.metadata.version) {
    const fact = `${escapeText(path)}: is version ${release.metadata.version}, the profile calls it ${version}`;
    throw new OtaError('CONFIG_INVALID', fact, ['Leave out "version" beside "package".']);
  }
  const full = listPayloads(container, release.metadata).filter(({ entry }) => entry.format === 'full');
  await verifyPayloads(full);
  for (const { entry, data } of full) files.adopt(entry.target.sha256, data);
  return factoryRelease(release, profile.components);
}

/** With keys, what the devices came with counts as installed under these; without, nobody asks who may sign. */
function releaseOf(container: Container, trust: FactoryOptions['trust'], now: Date): Release {
  const { name, metadataBytes } = container;
  if (trust === undefined) {
    return { digest: packageDigest(metadataBytes), metadata: parseMetadata(metadataBytes, name) };
  }
  const time = { now, allowTestKeys: trust.allowTestKeys };
  return authenticatePackage(container, { trust: trust.anchor.forContainer(container, time), ...time });
}

function requireForAll({ product, models }: SwarmProfile, { digest, metadata }: Release, path: string): void {
  const input = { name: escapeText(path), digest, contained: new Set<string>(), now: new Date(0) };
  for (const { model, hardwareRevision } of models) {
    const device = {
      spec: 'ota-fleet-device/1' as const,
      ...{ product, model, ...(hardwareRevision !== undefined && { hardwareRevision }) },
      ...{ components: {}, history: [], securityCounter: 0 },
    };
    const checks = [checkProduct, checkModel, checkHardware].map((check) => check(metadata, device, input));
    const refusal = checks.flatMap(({ failures }) => failures)[0];
    if (refusal !== undefined) throw refusal;
  }
}

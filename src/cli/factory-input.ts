import { OtaError } from '../lib/core/errors.js';
import { openFile } from '../lib/core/file-access.js';
import type { RandomAccess } from '../lib/core/random-access.js';
import { ResourceStack } from '../lib/core/resource-stack.js';
import type { FactoryImages } from '../lib/device/factory-release.js';
import { openLocalInput } from '../lib/net/local-input.js';
import { byComponent, parseComponentSpec } from '../lib/package/component-spec.js';
import type { Container } from '../lib/package/container.js';
import { inspectContainer } from '../lib/package/inspect.js';
import { checkOptions, targetsOf } from '../lib/package/metadata.js';
import { openPackage, type PackageInput } from '../lib/package/open-package.js';
import { MAX_ENTRY_BYTES } from '../lib/package/ustar.js';

/** What `ota device init` is told about the release that a device leaves the factory with. */
export interface FactoryFlags {
  image?: readonly string[];
  version?: readonly string[];
  sequence?: number;
  'security-counter'?: number;
  'allow-rollback': boolean;
  package?: string;
}

/** A factory release whose images stay open until disposal. */
export interface OpenFactory extends AsyncDisposable {
  factory: FactoryImages | Container;
  /** Size of the image of each component. Of a package: as it says, which nobody has verified yet. */
  imageBytes: Record<string, number>;
}

/**
 * Opens the images or the package that a new device starts with.
 *
 * @param fallback component of an image without a name
 * @throws OtaError USAGE, as `openLocalInput` and `openPackage`
 */
export async function openFactory(flags: FactoryFlags, fallback: string, input: PackageInput): Promise<OpenFactory> {
  if (flags.package !== undefined) return openFactoryPackage(flags.package, input);
  const { sequence, 'security-counter': securityCounter } = flags;
  const { version, versions } = factoryVersions(flags.version ?? []);
  if (sequence === undefined) throw missing('sequence', 'N');
  checkOptions({ version, sequence, securityCounter });
  for (const other of versions.values()) checkOptions({ version: other });
  await using open = new ResourceStack();
  const images = new Map<string, RandomAccess>();
  for (const [component, spec] of byComponent(flags.image ?? [], fallback, '--image')) {
    const local = open.use(await openLocalInput(spec, { ...input, maxBytes: MAX_ENTRY_BYTES }));
    const file = open.use(await openFile(local.path));
    images.set(component, { name: local.name, size: file.size, read: file.read });
  }
  const stray = [...versions.keys()].find((component) => !images.has(component));
  if (stray !== undefined) {
    throw new OtaError('USAGE', `--version names component ${stray}, which has no --image`, [
      `Add --image ${stray}=FILE.`,
    ]);
  }
  const kept = open.move();
  return {
    factory: {
      images,
      version,
      versions,
      sequence,
      ...(securityCounter !== undefined && { securityCounter }),
      ...(flags['allow-rollback'] && { rollback: { allowed: true } }),
    },
    imageBytes: Object.fromEntries([...images].map(([component, { size }]) => [component, size])),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

async function openFactoryPackage(spec: string, input: PackageInput): Promise<OpenFactory> {
  const file = await openPackage(spec, input);
  try {
    const targets = targetsOf(inspectContainer(file.container).metadata);
    const imageBytes = Object.fromEntries([...targets].map(([component, { size }]) => [component, size]));
    return { factory: file.container, imageBytes, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/** `2.0.0` is the version of the release, `modem=3.1.0` that of one component. */
function factoryVersions(texts: readonly string[]): { version: string; versions: Map<string, string> } {
  const versions = new Map<string, string>();
  let version: string | undefined;
  for (const text of texts) {
    const { component, value } = parseComponentSpec(text);
    if (component === undefined ? version !== undefined : versions.has(component)) {
      throw new OtaError('USAGE', `--version is given twice for ${component ?? 'the release'}`);
    }
    if (component === undefined) version = value;
    else versions.set(component, value);
  }
  // A single component that was named is the release.
  if (version === undefined && versions.size === 1) [version] = versions.values();
  if (version === undefined) throw missing('version', 'SEMVER');
  return { version, versions };
}

function missing(flag: string, value: string): OtaError {
  return new OtaError('USAGE', `--${flag} is missing`, [
    `Add --${flag} ${value} of the release that the images are, or start from a package with --package.`,
  ]);
}

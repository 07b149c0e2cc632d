import type { DeviceState } from '../package/device-state.js';
import { type Metadata, targetsOf } from '../package/metadata.js';
import { type Release, type ReleaseRef, refOf } from './release.js';

/** What may be known of a device; what is not known is not judged. */
export type DeviceFacts = Partial<Omit<DeviceState, 'spec' | 'history' | 'trustRoot'>>;

/** Which devices a finding is about. Absent: any. An empty list: the device does not tell. */
export interface DeviceKinds {
  models?: readonly string[];
  hardwareRevisions?: readonly string[];
}

/** Where a device is on its way: what runs and what is installed, for every device of some kinds. */
export interface Standing {
  kinds: DeviceKinds;
  state: Omit<DeviceState, 'spec' | 'model' | 'hardwareRevision' | 'history' | 'trustRoot'>;
}

/** Where a way begins. A version or a digest stands for a device on which that release is installed as a whole. */
export type Origin =
  | { version: string }
  | { digest: string }
  /** SHA-256 of what is installed, by component. */
  | { images: Readonly<Record<string, string>> };

/** A version may have been published more than once, for different devices or by mistake. */
export type Found<T> = { found: T } | { none: 'unknown' } | { none: 'ambiguous'; releases: ReleaseRef[] };

/**
 * The one release that a version or a digest names.
 * @param kinds where a version was published for different devices, it is theirs that is meant
 */
export function findRelease(
  releases: readonly Release[],
  wanted: { version: string } | { digest: string },
  kinds: DeviceKinds,
): Found<Release> {
  const named = releases.filter(({ digest, metadata }) =>
    'digest' in wanted ? digest === wanted.digest : metadata.version === wanted.version,
  );
  const meant = named.length > 1 ? named.filter(({ metadata }) => isForSome(kinds, metadata)) : named;
  if (meant.length > 1) return { none: 'ambiguous', releases: meant.map(refOf) };
  return meant[0] === undefined ? { none: 'unknown' } : { found: meant[0] };
}

/** The kinds of device that are known by facts alone. */
export function kindsOf({ model, hardwareRevision }: DeviceFacts): DeviceKinds {
  return {
    ...(model !== undefined && { models: [model] }),
    // Whoever tells the model and no revision has none to tell: no list of revisions matches that.
    ...((model !== undefined || hardwareRevision !== undefined) && {
      hardwareRevisions: hardwareRevision === undefined ? [] : [hardwareRevision],
    }),
  };
}

/**
 * Where a device stands, from its origin and whatever it tells of itself; what it tells goes first.
 * @param product where neither says it
 */
export function standingAt(
  origin: Origin,
  facts: DeviceFacts,
  { releases, product }: { releases: readonly Release[]; product: string },
): Found<Standing> {
  const kinds = kindsOf(facts);
  if ('images' in origin) return { found: standingOn(origin.images, facts, { kinds, releases, product }) };
  const release = findRelease(releases, origin, kinds);
  if (!('found' in release)) return release;
  const { metadata } = release.found;
  return {
    found: {
      kinds: facts.model === undefined ? narrowedBy(kinds, metadata) : kinds,
      state: {
        ...judgedFacts(facts),
        product: facts.product ?? metadata.product,
        components: withTargets(facts.components ?? {}, metadata),
        running: facts.running?.digest === release.found.digest ? facts.running : runningOf(release.found),
        securityCounter: facts.securityCounter ?? metadata.securityCounter,
      },
    },
  };
}

function standingOn(
  images: Readonly<Record<string, string>>,
  facts: DeviceFacts,
  { kinds, releases, product }: { kinds: DeviceKinds; releases: readonly Release[]; product: string },
): Standing {
  const whole = newest(releases.filter(({ metadata }) => isInstalled(metadata, images)));
  const running = facts.running ?? (whole && runningOf(whole));
  const installed = Object.entries(images).map(([component, sha256]) => {
    const told = own(facts.components ?? {}, component);
    const version = (told?.sha256 === sha256 ? told.version : undefined) ?? versionOf(releases, component, sha256);
    return [component, { ...told, sha256, version }] as const;
  });
  return {
    kinds,
    state: {
      ...judgedFacts(facts),
      product: facts.product ?? product,
      components: Object.fromEntries(installed),
      ...(running && { running }),
      securityCounter: facts.securityCounter ?? whole?.metadata.securityCounter ?? 0,
    },
  };
}

/**
 * The device that stands for all that could be here: of the kinds that the release is for too, if there is one.
 * For every other device of those kinds policy has the same answer.
 */
export function deviceAt({ kinds, state }: Standing, metadata: Metadata): DeviceState {
  const { models, hardwareRevisions } = narrowedBy(kinds, metadata);
  const model = models?.[0] ?? kinds.models?.[0] ?? '';
  const hardwareRevision = hardwareRevisions?.[0] ?? kinds.hardwareRevisions?.[0];
  return {
    ...state,
    spec: 'ota-fleet-device/1',
    model,
    ...(hardwareRevision !== undefined && { hardwareRevision }),
    history: [],
  };
}

/**
 * After a release was installed and confirmed.
 * @param trustedKeyids who may sign now, if that is known: no later floor lapses while they may
 */
export function standingAfter(
  { kinds, state }: Standing,
  release: Release,
  trustedKeyids?: ReadonlySet<string>,
): Standing {
  const { metadata } = release;
  const timeFloor = later(state.timeFloor, metadata.createdAt);
  return {
    kinds: narrowedBy(kinds, metadata),
    state: {
      ...state,
      components: withTargets(state.components, metadata),
      running: { ...runningOf(release), ...(trustedKeyids && { releaseKeyids: [...trustedKeyids].sort() }) },
      // Policy has let it pass: it is the stored one or above, or that one has lapsed.
      securityCounter: metadata.securityCounter,
      ...(timeFloor !== undefined && { timeFloor }),
    },
  };
}

/** What tells one standing from another: whatever a later judgement depends on. */
export function standingKey({ kinds, state: { running, components, timeFloor } }: Standing): string {
  const images = Object.entries(components).map(([name, { sha256, version }]) => [name, sha256, version]);
  return JSON.stringify([running?.digest, images.sort(), kinds, timeFloor]);
}

/** SHA-256 of the installed images, as an origin. */
export function imagesOf({ components }: Pick<DeviceState, 'components'>): { images: Record<string, string> } {
  return { images: Object.fromEntries(Object.entries(components).map(([name, { sha256 }]) => [name, sha256])) };
}

/** The version under which an image was published. */
export function versionOf(releases: readonly Release[], component: string, sha256: string): string | undefined {
  for (const { metadata } of releases) {
    for (const { component: name, target, base } of metadata.payloads) {
      if (name !== component) continue;
      if (target.sha256 === sha256) return target.version;
      if (base?.sha256 === sha256 && base.version !== undefined) return base.version;
    }
  }
  return undefined;
}

/** By sequence. */
export function newest(releases: readonly Release[]): Release | undefined {
  return releases.reduce<Release | undefined>(
    (best, release) => (best === undefined || release.metadata.sequence > best.metadata.sequence ? release : best),
    undefined,
  );
}

/** Never a property that every object has, such as `constructor`, which is also a valid name of a component. */
export function own<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

function runningOf({
  digest,
  metadata: { version, sequence, rollback },
}: Release): NonNullable<DeviceState['running']> {
  return { digest, version, sequence, ...(rollback && { rollback }) };
}

function judgedFacts({ running, formats, memoryBytes, freeBytes, timeFloor }: DeviceFacts) {
  return {
    ...(running && { running }),
    ...(formats && { formats }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(freeBytes !== undefined && { freeBytes }),
    ...(timeFloor !== undefined && { timeFloor }),
  };
}

function withTargets(components: DeviceState['components'], metadata: Metadata): DeviceState['components'] {
  const brought = [...targetsOf(metadata)].map(([name, { version, sha256 }]) => {
    return [name, { ...own(components, name), version, sha256 }] as const;
  });
  return { ...components, ...Object.fromEntries(brought) };
}

function isInstalled(metadata: Metadata, images: Readonly<Record<string, string>>): boolean {
  return [...targetsOf(metadata)].every(([component, { sha256 }]) => own(images, component) === sha256);
}

function isForSome(kinds: DeviceKinds, metadata: Metadata): boolean {
  const { models, hardwareRevisions } = narrowedBy(kinds, metadata);
  const revisionFits = metadata.compatible.hardwareRevisions === undefined || hardwareRevisions?.length !== 0;
  return models?.length !== 0 && revisionFits;
}

function narrowedBy(kinds: DeviceKinds, { compatible }: Metadata): DeviceKinds {
  const models = common(kinds.models, compatible.models);
  const hardwareRevisions = common(kinds.hardwareRevisions, compatible.hardwareRevisions);
  return { ...(models && { models }), ...(hardwareRevisions && { hardwareRevisions }) };
}

function common(
  some: readonly string[] | undefined,
  others: readonly string[] | undefined,
): readonly string[] | undefined {
  if (some === undefined || others === undefined) return some ?? others;
  const listed = new Set(others);
  return some.filter((value) => listed.has(value));
}

function later(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Date.parse(one) < Date.parse(other) ? other : one;
}

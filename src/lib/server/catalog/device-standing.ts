import type { Release } from '../../catalog/release.js';
import { type DeviceFacts, newest, type Origin } from '../../catalog/standing.js';
import type { DeviceState } from '../../package/device-state.js';
import { targetsOf } from '../../package/metadata.js';
import type { AssumedFact } from '../../wire/catalog.js';
import type { KnownDevice } from './known-device.js';

/** Where a device stands, by what it tells and, where it is silent, by what the server knows. */
export interface DeviceStanding {
  readonly origin: Origin;
  readonly facts: DeviceFacts;
  /** The release that runs; undefined: none that the catalogue knows. */
  readonly running: Release | undefined;
  /** What it did not tell. */
  readonly assumed: readonly AssumedFact[];
}

/**
 * @param releases all of its product
 * @returns undefined: nothing is known of what it runs
 */
export function deviceStanding(device: KnownDevice, releases: readonly Release[]): DeviceStanding | undefined {
  const { told } = device;
  const tellsImages = Object.keys(told.components).length > 0;
  const byDigest = (digest: string | undefined) => releases.find((release) => release.digest === digest);
  // Images go before what the server remembers: the device may have gone back by itself.
  const seen = byDigest(told.digest) ?? (tellsImages ? matching(device, releases) : undefined);
  const running = seen ?? (tellsImages ? undefined : byDigest(device.installed));
  if (running === undefined && !tellsImages) return undefined;
  const { digest: _, spares: __, components, ...facts } = told;
  const images = Object.entries(components).map(([name, { sha256 }]) => [name, sha256]);
  const assumed: AssumedFact[] = [];
  if (told.product === undefined) assumed.push('product');
  if (told.model === undefined) assumed.push('model');
  if (told.digest === undefined || running?.digest !== told.digest) assumed.push('running');
  if (!tellsImages) assumed.push('components');
  if (told.securityCounter === undefined) assumed.push('securityCounter');
  return {
    origin: tellsImages ? { images: Object.fromEntries(images) } : { digest: running!.digest },
    facts: { ...facts, components: { ...components }, ...(running && { running: runningOf(running) }) },
    running,
    assumed,
  };
}

/**
 * All that a device is judged by when it goes back. A model or a revision that it does not tell is taken from what it
 * runs, its counter from the highest that it ran.
 */
export function deviceState(
  { ran, told }: KnownDevice,
  { facts }: DeviceStanding,
  {
    running,
    releases,
    releaseKeyids,
  }: { running: Release; releases: readonly Release[]; releaseKeyids?: Iterable<string> },
): DeviceState {
  const { metadata } = running;
  const history = releases.filter(({ digest }) => ran.has(digest) && digest !== running.digest);
  const counters = [running, ...history].map((release) => release.metadata.securityCounter);
  const { models, hardwareRevisions } = metadata.compatible;
  const { model = models[0]! } = facts;
  // Whoever tells the model and no revision has none.
  const hardwareRevision =
    facts.model === undefined ? (facts.hardwareRevision ?? hardwareRevisions?.[0]) : facts.hardwareRevision;
  const brought = [...targetsOf(metadata)].map(([name, { version, sha256 }]) => [name, { version, sha256 }] as const);
  return {
    ...facts,
    spec: 'ota-fleet-device/1',
    product: facts.product ?? metadata.product,
    model,
    ...(hardwareRevision !== undefined && { hardwareRevision }),
    components: { ...Object.fromEntries(brought), ...told.components },
    running: { ...runningOf(running), ...(releaseKeyids && { releaseKeyids: [...releaseKeyids].sort() }) },
    history: history.map(({ digest, metadata: { version, sequence } }) => ({ digest, version, sequence })),
    securityCounter: facts.securityCounter ?? Math.max(...counters),
  };
}

/** The newest whose images are all there. */
function matching({ told }: KnownDevice, releases: readonly Release[]): Release | undefined {
  const { components } = told;
  const isThere = (component: string, sha256: string) =>
    Object.hasOwn(components, component) && components[component]?.sha256 === sha256;
  return newest(
    releases.filter(({ metadata }) =>
      [...targetsOf(metadata)].every(([component, { sha256 }]) => isThere(component, sha256)),
    ),
  );
}

function runningOf({ digest, metadata: { version, sequence, rollback } }: Release) {
  return { digest, version, sequence, ...(rollback && { rollback }) };
}

import { Readable } from 'node:stream';
import type { Pacing } from '../net/pacing.js';
import type { Device } from '../wire/devices.js';
import { type MeasurementRequest, measurementAnswer } from '../wire/measurements.js';
import { knownRelease, listReleases, sendPackage } from './catalog.js';
import { listDevices } from './devices-client.js';
import type {
  DriverCapabilities,
  DriverMeasure,
  DriverRelease,
  DriverSoftware,
  FleetDevice,
  FleetDriver,
  ReleaseName,
  SoftwareFile,
} from './driver.js';
import type { FleetClient } from './fleet-client.js';
import { readRef } from './hawkbit/portion-ref.js';
import { listSets } from './hawkbit/software.js';
import { hawkbitServer, portionsOf } from './hawkbit-driver.js';

const CAPABILITIES: DriverCapabilities = {
  campaigns: true,
  telemetry: true,
  cuts: true,
  windows: true,
  errorThreshold: true,
};

/** `fleet serve`. The client is the caller's, and the driver's to end. */
export function openFleetDriver(
  client: FleetClient,
  { address, pacing }: { readonly address: string; readonly pacing?: Pacing },
): FleetDriver {
  return {
    kind: 'fleet',
    address,
    capabilities: CAPABILITIES,
    devices: (where, signal) => fleetDevices(client, where, signal),
    findSoftware: (release, signal) => publishedSoftware(client, release, signal),
    releases: (product, signal) => releasesOf(client, product, signal),
    sendSoftware: (release, file, signal) => publish(client, release, file, signal),
    measure: (measure, signal) => measureDevices(client, measure, signal),
    ...portionsOf(hawkbitServer(client, { pacing, tellsEachReport: true })),
  };
}

const FIELDS = [
  'id',
  'group',
  'tags',
  'attributes',
  'metadata',
  'online',
  'lastSeenAt',
  'updateStatus',
  'assigned',
  'installed',
] as const;

async function* fleetDevices(client: FleetClient, where: string, signal?: AbortSignal): AsyncGenerator<FleetDevice[]> {
  const software = await softwareByName(client, signal);
  const named = (one: Device['assigned'] | undefined) =>
    one == null ? null : (software.get(nameKey(one.name, one.version)) ?? null);
  const query = { where: where.trim() === '' ? undefined : where, fields: FIELDS, limit: Number.POSITIVE_INFINITY };
  for await (const { items } of listDevices(client, query, signal)) {
    yield items.map(
      ({ id, group, tags, attributes, metadata, online, lastSeenAt, updateStatus, assigned, installed }) => {
        const has = named(installed);
        const gets = updateStatus === 'pending' ? named(assigned) : null;
        return {
          ...{
            id,
            group: group ?? null,
            tags: tags ?? [],
            attributes: attributes ?? {},
            metadata: metadata ?? {},
            installed: has,
          },
          assigned: gets?.id === has?.id ? null : gets,
          online: online ?? null,
          lastSeenAt: lastSeenAt == null ? null : Date.parse(lastSeenAt),
        };
      },
    );
  }
}

/** Sets by name and version, which no two have in common; with their package where they are of a release. */
async function softwareByName(client: FleetClient, signal?: AbortSignal): Promise<Map<string, DriverSoftware>> {
  const sets = await listSets(client, signal);
  const { releases } = await listReleases(client, {}, { most: Number.POSITIVE_INFINITY, ...(signal && { signal }) });
  const digests = new Map(releases.map(({ distributionSet, digest }) => [String(distributionSet.id), digest]));
  return new Map(sets.map((set) => [nameKey(set.name, set.version), { ...set, digest: digests.get(set.id) ?? null }]));
}

function nameKey(name: string, version: string): string {
  return JSON.stringify([name, version]);
}

async function releasesOf(client: FleetClient, product: string, signal?: AbortSignal): Promise<DriverRelease[]> {
  const { releases } = await listReleases(
    client,
    { product },
    { most: Number.POSITIVE_INFINITY, ...(signal && { signal }) },
  );
  return releases.map(({ digest, version, sequence, securityCounter, rollback, components, yanked }) => ({
    ...{ digest, version, sequence, securityCounter, rollback },
    components: components.map(({ component, version, sha256 }) => ({ component, version, sha256 })),
    isYanked: yanked !== null,
  }));
}

async function publishedSoftware(
  client: FleetClient,
  { digest }: ReleaseName,
  signal?: AbortSignal,
): Promise<DriverSoftware | undefined> {
  const release = await knownRelease(client, digest, signal);
  return release && softwareOf(release.distributionSet, digest);
}

/** Into no channel: it is for the devices of the rollout, and nobody is offered it by itself. */
async function publish(
  client: FleetClient,
  { digest }: ReleaseName,
  file: SoftwareFile,
  signal?: AbortSignal,
): Promise<DriverSoftware> {
  const { release } = await sendPackage(client, {
    ...{ filename: file.filename, size: file.size, channels: [], allowsOlder: false, isDryRun: false, signal },
    body: Readable.from(counted(file), { objectMode: false }),
  });
  return softwareOf(release.distributionSet!, digest);
}

async function* counted(file: SoftwareFile): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of file.open()) {
    yield chunk;
    sent += chunk.byteLength;
    file.onBytes?.(sent);
  }
}

function softwareOf(
  { id, name, version }: { id: number; name: string; version: string },
  digest: string,
): DriverSoftware {
  return { id: String(id), name, version, digest };
}

async function measureDevices(
  client: FleetClient,
  { refs, outsideOf, of, since }: DriverMeasure,
  signal?: AbortSignal,
): Promise<{ value: number; sample: number } | undefined> {
  const portions = refs.map(readRef);
  const parts = {
    rollouts: portions.flatMap(({ rollout }) => (rollout === undefined ? [] : [rollout.id])),
    tags: portions.flatMap(({ rollout, name }) => (rollout === undefined ? [name] : [])),
  };
  const set = portions[0]?.set;
  const measured = of.kind === 'metric' ? { ...of, path: [...of.path] } : of;
  const json: MeasurementRequest = {
    ...{ of: measured, since },
    ...(outsideOf === undefined
      ? { among: parts, ...(set !== undefined && { installedSetId: set }) }
      : { where: outsideOf, outside: parts }),
  };
  const request = { json, answer: measurementAnswer, isIdempotent: true, signal };
  const { value, sample } = await client.call('POST', '/api/v1/measurements', request);
  return value === null ? undefined : { value, sample };
}

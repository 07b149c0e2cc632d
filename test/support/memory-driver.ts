import type {
  DriverCapabilities,
  DriverRelease,
  DriverSoftware,
  FleetDevice,
  FleetDriver,
} from '../../src/lib/fleet-api/driver.js';
import { bindFilter } from '../../src/lib/query/bind-filter.js';
import { DEVICE_FIELDS } from '../../src/lib/query/device-fields.js';
import { type FieldValue, matchesFilter } from '../../src/lib/query/match-filter.js';
import { parseFiql } from '../../src/lib/query/parse-fiql.js';

export type MemoryDevice = Partial<FleetDevice> & { readonly id: string };

export interface MemoryServer {
  devices: MemoryDevice[];
  releases?: readonly DriverRelease[] | undefined;
  software?: readonly DriverSoftware[];
  capabilities?: Partial<DriverCapabilities>;
}

/** What planning asks of a server, of devices in memory. Nothing can be given to them. */
export function memoryDriver(server: MemoryServer): FleetDriver {
  const refuse = (): never => {
    throw new Error('a plan changes nothing at the server');
  };
  const { releases } = server;
  return {
    kind: 'fleet',
    address: 'https://fleet.example.com',
    capabilities: {
      ...{ campaigns: true, telemetry: true, cuts: true, windows: true, errorThreshold: true },
      ...server.capabilities,
    },
    async *devices(where) {
      const filter = where === '' ? undefined : bindFilter(parseFiql(where), DEVICE_FIELDS, { nowMs: 0, overdueMs: 0 });
      const matching = server.devices.filter(
        (device) => filter === undefined || matchesFilter(filter, (path) => fieldOf(device, path)),
      );
      // In pages, so that nobody relies on a single one.
      for (let at = 0; at < matching.length; at += 100) yield matching.slice(at, at + 100).map(whole);
    },
    findSoftware: async ({ digest }) => server.software?.find((one) => one.digest === digest),
    ...(releases && { releases: async () => releases }),
    ...{ sendSoftware: refuse, prepare: refuse, start: refuse, progress: refuse, outcomes: refuse },
    ...{ pause: refuse, resume: refuse, stop: refuse, forget: refuse, stopAll: refuse },
    [Symbol.asyncDispose]: async () => {},
  };
}

function whole(device: MemoryDevice): FleetDevice {
  return {
    ...{ group: null, tags: [], attributes: {}, metadata: {}, installed: null, assigned: null },
    ...{ online: null, lastSeenAt: null },
    ...device,
  };
}

function fieldOf({ id, group, tags, attributes, metadata, installed }: MemoryDevice, path: string): FieldValue {
  const [name = '', ...key] = path.split('.');
  if (name === 'controllerId') return id;
  if (name === 'group') return group ?? undefined;
  if (name === 'installedVersion') return installed?.version;
  if (path === 'tags.name') return tags;
  if (name === 'controllerAttributes') return attributes?.[key.join('.')];
  return metadata?.[key.join('.')];
}

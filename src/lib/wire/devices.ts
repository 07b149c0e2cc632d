import * as z from 'zod/mini';
import { deviceId } from './device-id.js';

/**
 * The registry of devices: `/api/v1/devices`. Times are RFC 3339. Filters are FIQL (docs/filters.md).
 */

/** hawkBit's words for how a device stands to what it is meant to have. */
export const UPDATE_STATUSES = ['unknown', 'registered', 'pending', 'in_sync', 'error'] as const;

/** Devices of one request, and of one page. */
export const MAX_DEVICES_AT_ONCE = 10_000;
export const MAX_DEVICES_PAGE = 1_000;
/** A request with many devices: bytes. */
export const MAX_DEVICES_BYTES = 16 * 1024 ** 2;

const text = (maxLength: number) => z.string().check(z.minLength(1), z.maxLength(maxLength));
/** What belongs to a name or a value on one line: no control character. */
const line = (maxLength: number) =>
  text(maxLength).check(z.regex(/^[^\p{Cc}\p{Cs}]*$/u, 'expected no control character'));
/** Names of attributes and metadata stand in filters, where these characters mean something. */
const key = line(128).check(z.regex(/^[^"'();,=<>!~\s]+$/, `expected no white space and none of "'();,=<>!~`));
const value = z.string().check(z.maxLength(4_000));
const keyed = z.record(key, value).check(atMostKeys());
const tags = z.array(line(128)).check(z.maxLength(256));
const token = z
  .string()
  .check(z.minLength(8), z.maxLength(128), z.regex(/^[\x21-\x7e]+$/, 'expected visible ASCII characters'));

function atMostKeys() {
  return z.refine((values: unknown) => Object.keys(values as object).length <= 256, 'expected at most 256 members');
}

const software = z.object({ name: z.string(), version: z.string() });

/** A device as it is known. */
export const device = z.object({
  /** hawkBit's controllerId. */
  id: z.string(),
  name: z.string(),
  description: z.nullable(z.string()),
  address: z.nullable(z.string()),
  group: z.nullable(z.string()),
  /** In alphabetical order. */
  tags: z.array(z.string()),
  /** What it tells about itself. */
  attributes: z.record(z.string(), z.string()),
  /** What operators note about it. */
  metadata: z.record(z.string(), z.string()),
  online: z.boolean(),
  /** Null: never. */
  lastSeenAt: z.nullable(z.string()),
  updateStatus: z.enum(UPDATE_STATUSES),
  /** The distribution set it is meant to have. */
  assigned: z.nullable(software),
  /** The distribution set it has, as far as the server knows. */
  installed: z.nullable(software),
  installedAt: z.nullable(z.string()),
  /** It may log in with a token of its own. */
  hasToken: z.boolean(),
  /** It is asked for its attributes at its next poll. */
  wantsAttributes: z.boolean(),
  createdAt: z.string(),
  createdBy: z.string(),
  updatedAt: z.string(),
  updatedBy: z.string(),
});
export type Device = z.output<typeof device>;
export type DeviceField = keyof Device;
export const DEVICE_FIELD_NAMES = Object.keys(device.shape) as DeviceField[];

/** A device of a list that asked for some fields only. */
export const partialDevice = z.extend(z.partial(device), { id: z.string() });
export type PartialDevice = z.output<typeof partialDevice>;

/** A page of a list. */
export const devicePage = z.object({
  items: z.array(partialDevice),
  /** Of all pages, as of now. */
  total: z.int(),
  /** For the query `cursor` of the next page; null: there is none. */
  next: z.nullable(z.string()),
});
export type DevicePage = z.output<typeof devicePage>;

/** What a device was told to install, and how that went. */
export const deviceAction = z.object({
  id: z.int(),
  software,
  /** `forced`, `soft`, `timeforced`, `downloadonly` */
  type: z.string(),
  status: z.string(),
  isActive: z.boolean(),
  rollout: z.nullable(z.string()),
  createdAt: z.string(),
  updatedAt: z.string(),
  /** What the device said last. */
  messages: z.array(z.string()),
});
export type DeviceAction = z.output<typeof deviceAction>;

/** A single device, with its newest actions, the newest first. */
export const deviceDetail = z.extend(device, { actions: z.array(deviceAction) });
export type DeviceDetail = z.output<typeof deviceDetail>;

/** Orders of a list. What a `-` precedes is in descending order. Devices that are equal in it are in the order of their ids. */
export const DEVICE_SORTS = ['id', 'name', 'group', 'updateStatus', 'lastSeenAt', 'createdAt'] as const;
export type DeviceSort = (typeof DEVICE_SORTS)[number];

/** A device that shall be known. */
export const newDevice = z.strictObject({
  id: deviceId,
  /** Absent: the id. */
  name: z.optional(line(128)),
  description: z.optional(z.nullable(text(512))),
  address: z.optional(z.nullable(line(512))),
  group: z.optional(z.nullable(line(256))),
  tags: z.optional(tags),
  attributes: z.optional(keyed),
  metadata: z.optional(keyed),
  /** Absent: a device that is new gets one, told in the answer and never again. Null: it logs in by certificate or gateway. */
  token: z.optional(z.nullable(token)),
});
export type NewDeviceJson = z.output<typeof newDevice>;

export const REGISTER_OUTCOMES = ['created', 'updated', 'conflict'] as const;
export type RegisterOutcome = (typeof REGISTER_OUTCOMES)[number];

/** What became of each device, in the order asked for. */
export const registered = z.object({
  isDryRun: z.boolean(),
  created: z.int(),
  updated: z.int(),
  conflicts: z.int(),
  devices: z.array(
    z.object({
      id: z.string(),
      /** `conflict`: it was known, or stood there twice, and was left as it is. */
      outcome: z.enum(REGISTER_OUTCOMES),
      /** Generated for it: shown this once. */
      token: z.optional(z.string()),
    }),
  ),
});
export type Registered = z.output<typeof registered>;

/** What operators may change about devices. Absent: it stays. Null: it goes. */
export const deviceChange = z
  .strictObject({
    name: z.optional(line(128)),
    description: z.optional(z.nullable(text(512))),
    address: z.optional(z.nullable(line(512))),
    group: z.optional(z.nullable(line(256))),
    tags: z.optional(z.strictObject({ add: z.optional(tags), remove: z.optional(tags) })),
    /** By key. */
    metadata: z.optional(z.record(key, z.nullable(value)).check(atMostKeys())),
    /** A new token; null: it logs in by certificate or gateway alone. */
    token: z.optional(z.nullable(token)),
    wantsAttributes: z.optional(z.boolean()),
  })
  .check(z.refine((change) => Object.keys(change).length > 0, 'expected something to change'));
export type DeviceChange = z.output<typeof deviceChange>;

/** How many devices a filter chose, and whether anything happened to them. */
export const bulkResult = z.object({ isDryRun: z.boolean(), devices: z.int() });
export type BulkResult = z.output<typeof bulkResult>;

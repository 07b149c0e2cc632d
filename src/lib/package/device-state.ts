import * as z from 'zod';
import { readBounded } from '../core/file-access.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { componentName, PAYLOAD_FORMATS, productName } from './metadata.js';

/** Size limit of a device state file, bytes. */
export const DEVICE_STATE_MAX_BYTES = 4 * 1024 ** 2;

const text = z.string().min(1).max(256);
const uint = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hex digits');

/** A release the device has run, by what policy needs to know of it. */
const release = z.object({
  /** SHA-256 of the package's metadata. */
  digest: sha256,
  version: text,
  sequence: uint,
});

const deviceState = z.object({
  spec: z.literal('ota-fleet-device/1'),
  product: productName,
  model: text,
  hardwareRevision: text.optional(),
  /** Installed images by component. */
  components: z.record(componentName, z.object({ version: text.optional(), sha256, slotBytes: uint.optional() })),
  /** The release that runs now, with what its metadata says about going back and who signed it. */
  running: release
    .extend({
      rollback: z.object({ allowed: z.boolean(), minVersion: text.optional() }).optional(),
      signers: z.array(sha256).max(32).optional(),
    })
    .optional(),
  /** Releases that ran and were confirmed before. */
  history: z.array(release).max(1024),
  /** Stored anti-rollback counter. */
  securityCounter: uint.max(2 ** 32 - 1),
  /** The latest time the device knows to have passed. */
  timeFloor: z.iso.datetime({ offset: true }).optional(),
  /** Payload formats its updater can apply; absent: all. */
  formats: z.array(z.enum(PAYLOAD_FORMATS)).optional(),
  /** What an update may use, bytes. */
  memoryBytes: uint.optional(),
  freeBytes: uint.optional(),
  /** Its trust root, as `root.N.json` has it. */
  trustRoot: z.unknown().optional(),
});

/** What a device tells about itself: all that policy judges a package by. */
export type DeviceState = z.output<typeof deviceState>;

/**
 * @param raw  strict JSON
 * @param name what to call it in errors
 * @throws OtaError JSON_INVALID, LIMIT_EXCEEDED, DEVICE_STATE_INVALID: a state that cannot be read
 *   whole is refused, never filled with defaults (deleting the counter must not reset it)
 */
export function parseDeviceState(raw: Uint8Array, name: string): DeviceState {
  const value = parseStrictJson(raw, { name, maxBytes: DEVICE_STATE_MAX_BYTES });
  return checkSchema(deviceState, value, { code: 'DEVICE_STATE_INVALID', name });
}

/** @throws OtaError as {@link parseDeviceState}, NOT_FOUND, PERMISSION_DENIED, IO_FAILED */
export async function readDeviceState(path: string): Promise<DeviceState> {
  return parseDeviceState(await readBounded(path, DEVICE_STATE_MAX_BYTES, 'device state'), path);
}

import * as z from 'zod/mini';
import { readBounded } from '../core/file-access.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { ROOT_MAX_KEYS } from '../trust/root.js';
import { componentName, PAYLOAD_FORMATS, productName, semver } from './metadata.js';

/** Size limit of a device state file, bytes. */
export const DEVICE_STATE_MAX_BYTES = 4 * 1024 ** 2;

const text = z.string().check(z.minLength(1), z.maxLength(256));
const uint = z.int().check(z.minimum(0));
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hex digits'));

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
  hardwareRevision: z.optional(text),
  /** Installed images by component. */
  components: z.record(componentName, z.object({ version: z.optional(text), sha256, slotBytes: z.optional(uint) })),
  /** The release that runs now, with what its metadata says about going back and who could sign it. */
  running: z.optional(
    z.extend(release, {
      rollback: z.optional(z.object({ allowed: z.boolean(), minVersion: z.optional(semver) })),
      /** Every key of the product's release role when this release was installed, whether or not it signed. */
      releaseKeyids: z.optional(z.array(sha256).check(z.maxLength(ROOT_MAX_KEYS))),
    }),
  ),
  /** Releases that ran and were confirmed before. */
  history: z.array(release).check(z.maxLength(1024)),
  /** Stored anti-rollback counter. */
  securityCounter: uint.check(z.maximum(2 ** 32 - 1)),
  /** The latest time the device knows to have passed. */
  timeFloor: z.optional(z.iso.datetime({ offset: true })),
  /** Payload formats its updater can apply; absent: all. */
  formats: z.optional(z.array(z.enum(PAYLOAD_FORMATS))),
  /** What an update may use, bytes. */
  memoryBytes: z.optional(uint),
  freeBytes: z.optional(uint),
  /** Its trust root, as `root.N.json` has it. */
  trustRoot: z.optional(z.unknown()),
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

import * as z from 'zod/mini';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { productName } from '../package/metadata.js';
import { checkLayout, LAYOUT_MAX_BYTES, type Layout, layoutToJson } from './layout.js';

export const DEVICE_FILE = 'device.json';
export const DEVICE_FILE_MAX_BYTES = LAYOUT_MAX_BYTES + 16 * 1024;
export const DEVICE_FILE_SPEC = 'ota-fleet-device-folder/1';

const text = z.string().check(z.minLength(1), z.maxLength(256));

const identity = z.strictObject({
  product: productName,
  model: text,
  hardwareRevision: z.optional(text),
  /** What an update may use, bytes. */
  memoryBytes: z.optional(z.int().check(z.minimum(0))),
  /** File of the monotonic counter, outside of the folder; relative to it. */
  monotonicCounter: z.optional(z.string().check(z.minLength(1), z.maxLength(4096))),
  /** Keys that are marked as test keys count: a device for demos and tests. */
  testKeys: z.optional(z.boolean()),
});

/** Who the device is; never changes. */
export type DeviceIdentity = z.output<typeof identity>;

const deviceFile = z.extend(identity, { spec: z.literal(DEVICE_FILE_SPEC), layout: z.unknown() });

/** Checks an identity as a person gave it. @throws OtaError USAGE */
export function checkIdentity(value: DeviceIdentity): DeviceIdentity {
  return checkSchema(identity, value, { code: 'USAGE', name: 'device' });
}

/** device.json as bytes. */
export function encodeDeviceFile(device: DeviceIdentity, layout: Layout): Buffer {
  const json = { spec: DEVICE_FILE_SPEC, ...device, layout: layoutToJson(layout) };
  return Buffer.from(`${JSON.stringify(json, null, 2)}\n`);
}

/** @throws OtaError DEVICE_STATE_LOST: a device that does not know what it is refuses to guess */
export function parseDeviceFile(raw: Uint8Array, name: string): { identity: DeviceIdentity; layout: Layout } {
  const code = 'DEVICE_STATE_LOST';
  try {
    const value = parseStrictJson(raw, { name, maxBytes: DEVICE_FILE_MAX_BYTES });
    const { spec: _, layout, ...identity } = checkSchema(deviceFile, value, { code, name });
    return { identity, layout: checkLayout(layout, { code, name: `${name}: layout` }) };
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    throw new OtaError(code, error.message, ['Set the device up again with `ota device init`.'], { cause: error });
  }
}

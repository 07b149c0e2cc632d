import type { IncomingMessage } from 'node:http';
import { OtaError } from '../../../core/errors.js';
import { checkSchema } from '../../../core/schema.js';
import { type JsonValue, parseStrictJson } from '../../../core/strict-json.js';
import { MAX_DEVICES_AT_ONCE, MAX_DEVICES_BYTES, type NewDeviceJson, newDevice } from '../../../wire/devices.js';
import { readBody } from '../../http/json-body.js';
import { badRequest, ServerFailure } from '../../http/server-failure.js';

/** Bodies that devices may come in. */
export const DEVICE_TYPES = ['application/json', 'application/x-ndjson'] as const;

/** A line of NDJSON, or a device of an array, is one device with at most so many values. */
const MAX_VALUES = 4_000_000;
const MAX_DEPTH = 4;

/**
 * The devices of a request: one, an array of them, or a device a line.
 *
 * @throws ServerFailure 400, 413, 415; OtaError JSON_INVALID, USAGE, LIMIT_EXCEEDED, naming the device or the line
 */
export async function readDevices(request: IncomingMessage): Promise<NewDeviceJson[]> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== undefined && !(DEVICE_TYPES as readonly string[]).includes(type)) {
    throw new ServerFailure(415, 'MEDIA_TYPE', `devices come as ${DEVICE_TYPES.join(' or ')}`);
  }
  const bytes = await readBody(request, MAX_DEVICES_BYTES);
  const devices = type === 'application/x-ndjson' ? devicesOfLines(bytes) : devicesOfJson(bytes);
  if (devices.length === 0) throw badRequest('the request names no device');
  return devices;
}

function devicesOfJson(bytes: Buffer): NewDeviceJson[] {
  const value = parse(bytes, 'body', MAX_VALUES);
  if (!Array.isArray(value)) return [deviceOf(value, 'body')];
  refuseTooMany(value.length);
  return value.map((item, index) => deviceOf(item, `devices[${index}]`));
}

function devicesOfLines(bytes: Buffer): NewDeviceJson[] {
  const devices: NewDeviceJson[] = [];
  for (let from = 0, line = 1; from < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, from);
    const part = bytes.subarray(from, end === -1 ? bytes.length : end);
    from += part.length + 1;
    if (part.length === 0 || (part.length === 1 && part[0] === 0x0d)) continue;
    refuseTooMany(devices.length + 1);
    devices.push(deviceOf(parse(part, `line ${line}`, 2_000), `line ${line}`));
  }
  return devices;
}

function refuseTooMany(count: number): void {
  if (count <= MAX_DEVICES_AT_ONCE) return;
  throw new OtaError('LIMIT_EXCEEDED', `a request takes at most ${MAX_DEVICES_AT_ONCE} devices`, [
    'Send them in several requests.',
  ]);
}

function parse(bytes: Uint8Array, name: string, maxValues: number): JsonValue {
  return parseStrictJson(bytes, { name, maxBytes: MAX_DEVICES_BYTES, maxValues, maxDepth: MAX_DEPTH });
}

function deviceOf(value: JsonValue, name: string): NewDeviceJson {
  return checkSchema(newDevice, value, { code: 'USAGE', name });
}

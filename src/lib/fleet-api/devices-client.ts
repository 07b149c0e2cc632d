import {
  type BulkResult,
  bulkResult,
  type Device,
  type DeviceChange,
  type DeviceDetail,
  type DeviceField,
  type DevicePage,
  device,
  deviceDetail,
  devicePage,
  MAX_DEVICES_PAGE,
  type NewDeviceJson,
  type Registered,
  registered,
} from '../wire/devices.js';
import type { FleetClient } from './fleet-client.js';
import { RepeatedPages } from './repeated-pages.js';

const DEVICES = '/api/v1/devices';

export interface DeviceListQuery {
  /** FIQL; absent: all devices. */
  readonly where?: string | undefined;
  /** `id`, `-lastSeenAt` */
  readonly sort?: string | undefined;
  readonly fields?: readonly DeviceField[] | undefined;
  /** Devices at most; Infinity: all. */
  readonly limit: number;
}

export interface RegisterRequest {
  readonly update?: boolean;
  readonly partial?: boolean;
  readonly dryRun?: boolean;
}

/** What is sent with the change of all devices that a filter chooses. */
export interface BulkRequest {
  readonly where: string;
  /** How many somebody has seen: for another number it does not happen. */
  readonly expect: number;
  readonly dryRun?: boolean;
}

/** Devices page by page, each as it comes. `next` of the last one is null, unless `limit` cut the list. */
export async function* listDevices(
  client: FleetClient,
  { where, sort, fields, limit }: DeviceListQuery,
  signal?: AbortSignal,
): AsyncGenerator<DevicePage> {
  let cursor: string | undefined;
  const cursors = new RepeatedPages(`${client.server}${DEVICES}`);
  for (let left = limit; ; ) {
    const query = { where, sort, fields: fields?.join(','), cursor, limit: Math.min(left, MAX_DEVICES_PAGE) };
    const page = await client.call('GET', DEVICES, { query, answer: devicePage, signal });
    yield page;
    left -= page.items.length;
    if (page.next === null || left <= 0 || page.items.length === 0) return;
    cursor = cursors.next(page.next, page.items[0]!.id);
  }
}

/** @throws OtaError NOT_FOUND */
export function showDevice(client: FleetClient, id: string, signal?: AbortSignal): Promise<DeviceDetail> {
  return client.call('GET', deviceAt(id), { answer: deviceDetail, signal });
}

/** @throws OtaError CONFLICT: some are known, and neither `update` nor `partial` was asked for */
export function registerDevices(
  client: FleetClient,
  devices: readonly NewDeviceJson[],
  request: RegisterRequest,
  signal?: AbortSignal,
): Promise<Registered> {
  const isIdempotent = request.dryRun === true;
  return client.call('POST', DEVICES, {
    query: { ...request },
    json: devices,
    answer: registered,
    isIdempotent,
    signal,
  });
}

/** @throws OtaError NOT_FOUND */
export function changeDevice(
  client: FleetClient,
  id: string,
  change: DeviceChange,
  signal?: AbortSignal,
): Promise<Device> {
  return client.call('PATCH', deviceAt(id), { json: change, answer: device, signal });
}

/** @throws OtaError CONFLICT: they are not as many as expected */
export function changeDevices(
  client: FleetClient,
  request: BulkRequest,
  change: DeviceChange,
  signal?: AbortSignal,
): Promise<BulkResult> {
  return client.call('PATCH', DEVICES, { query: { ...request }, json: change, answer: bulkResult, signal });
}

/** @throws OtaError NOT_FOUND */
export async function removeDevice(client: FleetClient, id: string, signal?: AbortSignal): Promise<void> {
  await client.call('DELETE', deviceAt(id), { signal });
}

/** Not repeated after a lost answer: then there would be none left, and that is not what was expected. @throws OtaError CONFLICT */
export function removeDevices(client: FleetClient, request: BulkRequest, signal?: AbortSignal): Promise<BulkResult> {
  return client.call('DELETE', DEVICES, { query: { ...request }, isIdempotent: false, answer: bulkResult, signal });
}

function deviceAt(id: string): string {
  return `${DEVICES}/${encodeURIComponent(id)}`;
}

import type { FleetDevice, FleetDriver } from '../../fleet-api/driver.js';
import { allOf, type Filter } from '../../query/filter.js';
import { formatFiql } from '../../query/format-fiql.js';

/** FIQL for all of them; empty: every device. Undefined ones hold for every device. */
export function fiqlOf(...filters: readonly (Filter | undefined)[]): string {
  const [first, ...rest] = filters.filter((filter) => filter !== undefined);
  return first === undefined ? '' : formatFiql(allOf([first, ...rest]));
}

/** Names of the devices that match; a device is never listed twice. */
export async function deviceIds(driver: FleetDriver, where: string, signal?: AbortSignal): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const page of driver.devices(where, signal)) for (const { id } of page) ids.add(id);
  return ids;
}

/** All devices that match. A list that changes while it is read may tell of one twice: the first counts. */
export async function allDevices(driver: FleetDriver, where: string, signal?: AbortSignal): Promise<FleetDevice[]> {
  const devices = new Map<string, FleetDevice>();
  for await (const page of driver.devices(where, signal)) {
    for (const device of page) if (!devices.has(device.id)) devices.set(device.id, device);
  }
  return [...devices.values()];
}

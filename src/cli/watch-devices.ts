import { systemClock } from '../lib/core/clock.js';
import { type DeviceListQuery, listDevices } from '../lib/fleet-api/devices-client.js';
import type { FleetClient } from '../lib/fleet-api/fleet-client.js';
import { systemPacing } from '../lib/net/pacing.js';
import { ndjsonPrinter } from '../lib/ui/ndjson.js';
import type { PartialDevice } from '../lib/wire/devices.js';

const EVERY_MS = 2000;

/** Shows the whole list, again and again. */
export type DeviceWatchOutput = (devices: readonly PartialDevice[], total: number) => Promise<unknown>;

/**
 * Lists devices every two seconds until it is interrupted.
 *
 * @param output `ndjson`: an event for each device that has come, changed or gone since the last look
 * @throws OtaError INTERRUPTED, TERMINATED, and those of asking
 */
export async function watchDevices(
  client: FleetClient,
  query: DeviceListQuery,
  output: DeviceWatchOutput | 'ndjson',
  signal: AbortSignal,
): Promise<{ type: 'end' }> {
  const show = output === 'ndjson' ? changesPrinter() : output;
  while (true) {
    const devices: PartialDevice[] = [];
    let total = 0;
    for await (const page of listDevices(client, query, signal)) {
      devices.push(...page.items);
      total = page.total;
    }
    if ((await show(devices, total)) === false) return { type: 'end' };
    await systemPacing.delay(EVERY_MS, signal);
  }
}

/** Resolves to false once nobody reads the events. */
function changesPrinter(): (devices: readonly PartialDevice[]) => Promise<boolean> {
  const print = ndjsonPrinter(process.stdout, systemClock);
  let known = new Map<string, string>();
  return async (devices) => {
    const now = new Map(devices.map((device) => [device.id, JSON.stringify(device)]));
    for (const device of devices) {
      if (known.get(device.id) === now.get(device.id)) continue;
      if (!(await print('device', { device }))) return false;
    }
    for (const id of known.keys()) if (!now.has(id) && !(await print('gone', { id }))) return false;
    known = now;
    return true;
  };
}

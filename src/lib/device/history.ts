import type { Device } from './device.js';
import { type LoggedEvent, readEventLog } from './event-log.js';

/**
 * What has happened to a device, oldest first, each event once: the log, and the event of the present
 * boot control block where the power was cut before the log had it. Changes nothing.
 *
 * @throws OtaError as `DeviceFs`
 */
export async function readHistory({ machine: { fs }, control: { current } }: Device): Promise<LoggedEvent[]> {
  const events = await readEventLog(fs);
  const { sequence, event } = current;
  const isLogged = events.some((logged) => logged.sequence === sequence && logged.time === event.time);
  return isLogged ? events : [...events, { sequence, ...event }];
}

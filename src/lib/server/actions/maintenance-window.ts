import { badRequest } from '../http/server-failure.js';
import { type CronSchedule, parseQuartzCron } from './quartz-cron.js';

/** When a device may install. */
export interface Maintenance {
  /** When windows begin, see quartz-cron.ts. */
  readonly schedule: string;
  /** How long each is: `hh:mm:ss`. */
  readonly duration: string;
  /** By which clock: an offset from UTC such as `+01:00`, or `Z`. */
  readonly timezone: string;
}

const DAY_MS = 86_400_000;
/** How far to look for the next window: a schedule on 29 February comes within it. */
const HORIZON_MS = 9 * 366 * DAY_MS;

interface Window {
  readonly schedule: CronSchedule;
  readonly durationMs: number;
  readonly offsetMs: number;
}

/** @throws ServerFailure 400: a part of it means nothing, or no window comes any more */
export function checkMaintenance(maintenance: Maintenance, now: number): void {
  const { schedule, durationMs, offsetMs } = readMaintenance(maintenance);
  const local = now + offsetMs;
  for (let day = startOfDay(local - durationMs); day < local + HORIZON_MS; day += DAY_MS) {
    if (!schedule.isOn(day)) continue;
    if (schedule.secondsOfDay.some((second) => day + second * 1000 + durationMs > local)) return;
  }
  throw badRequest(`no maintenance window of the schedule "${maintenance.schedule}" comes any more`);
}

/** @throws ServerFailure 400: a part of it means nothing */
export function isWindowOpen(maintenance: Maintenance, now: number): boolean {
  const { schedule, durationMs, offsetMs } = readMaintenance(maintenance);
  const local = now + offsetMs;
  for (let day = startOfDay(local - durationMs); day <= local; day += DAY_MS) {
    if (!schedule.isOn(day)) continue;
    const isOpen = schedule.secondsOfDay.some((second) => {
      const begin = day + second * 1000;
      return begin <= local && local < begin + durationMs;
    });
    if (isOpen) return true;
  }
  return false;
}

function readMaintenance({ schedule, duration, timezone }: Maintenance): Window {
  const cron = parseQuartzCron(schedule);
  if (cron === undefined) {
    throw badRequest(
      `the schedule "${schedule.slice(0, 64)}" is none, expected second, minute, hour, day of month, month, day of week ` +
        'and perhaps a year, such as "0 0 3 ? * SUN"',
    );
  }
  const [, hours, minutes, seconds] = /^(\d{2}):([0-5]\d):([0-5]\d)$/.exec(duration) ?? [];
  const durationMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  if (!(durationMs > 0)) throw badRequest(`the duration "${duration.slice(0, 64)}" is none, expected hh:mm:ss`);
  const zone = /^(?:Z|([+-])(0\d|1[0-8]):([0-5]\d))$/.exec(timezone);
  if (zone === null)
    throw badRequest(`the time zone "${timezone.slice(0, 64)}" is none, expected an offset like +01:00`);
  const [, sign, zoneHours = '0', zoneMinutes = '0'] = zone;
  const offsetMs = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  return { schedule: cron, durationMs, offsetMs: sign === '-' ? -offsetMs : offsetMs };
}

function startOfDay(at: number): number {
  return Math.floor(at / DAY_MS) * DAY_MS;
}

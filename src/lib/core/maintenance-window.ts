import { type CronSchedule, parseQuartzCron } from './quartz-cron.js';

/** When a device may install: again and again. */
export interface MaintenanceWindow {
  /** When windows begin, see quartz-cron.ts. */
  readonly schedule: string;
  /** How long each is: `hh:mm:ss`. */
  readonly duration: string;
  /** By which clock: an offset from UTC such as `+01:00`, or `Z`. */
  readonly timezone: string;
}

/** Times are milliseconds since 1970. */
export interface WindowTimes {
  isOpenAt(now: number): boolean;
  /** When one is open that ends last, or the next one that opens; undefined: none comes any more. */
  from(now: number): { readonly opensAt: number; readonly closesAt: number } | undefined;
}

const DAY_MS = 86_400_000;
/** How far to look for the next window: a schedule on 29 February comes within it. */
const HORIZON_MS = 9 * 366 * DAY_MS;

/** @returns a sentence about what means nothing in it, where that is so */
export function readMaintenanceWindow({ schedule, duration, timezone }: MaintenanceWindow): WindowTimes | string {
  const cron = parseQuartzCron(schedule);
  if (cron === undefined) {
    return (
      `the schedule "${schedule.slice(0, 64)}" is none, expected second, minute, hour, day of month, month, day of week ` +
      'and perhaps a year, such as "0 0 3 ? * SUN"'
    );
  }
  const [, hours, minutes, seconds] = /^(\d{2}):([0-5]\d):([0-5]\d)$/.exec(duration) ?? [];
  const durationMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  if (!(durationMs > 0)) return `the duration "${duration.slice(0, 64)}" is none, expected hh:mm:ss`;
  const zone = /^(?:Z|([+-])(0\d|1[0-8]):([0-5]\d))$/.exec(timezone);
  if (zone === null) return `the time zone "${timezone.slice(0, 64)}" is none, expected an offset like +01:00`;
  const [, sign, zoneHours = '0', zoneMinutes = '0'] = zone;
  const offsetMs = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  return windowTimes(cron, durationMs, sign === '-' ? -offsetMs : offsetMs);
}

function windowTimes(schedule: CronSchedule, durationMs: number, offsetMs: number): WindowTimes {
  return {
    isOpenAt(now) {
      const local = now + offsetMs;
      return beginnings(schedule, local - durationMs, local).some(
        (begin) => begin <= local && local < begin + durationMs,
      );
    },
    from(now) {
      const local = now + offsetMs;
      const asTime = (begin: number) => ({
        opensAt: begin - offsetMs,
        closesAt: begin + durationMs - offsetMs,
      });
      const open = beginnings(schedule, local - durationMs, local).findLast(
        (begin) => begin <= local && local < begin + durationMs,
      );
      if (open !== undefined) return asTime(open);
      for (let day = startOfDay(local); day < local + HORIZON_MS; day += DAY_MS) {
        const begin = beginnings(schedule, day, day).find((one) => one > local);
        if (begin !== undefined) return asTime(begin);
      }
      return undefined;
    },
  };
}

/** Of all days from that of one time to that of another, ascending; local milliseconds. */
function beginnings(schedule: CronSchedule, from: number, to: number): number[] {
  const all: number[] = [];
  for (let day = startOfDay(from); day <= to; day += DAY_MS) {
    if (schedule.isOn(day)) for (const second of schedule.secondsOfDay) all.push(day + second * 1000);
  }
  return all;
}

function startOfDay(at: number): number {
  return Math.floor(at / DAY_MS) * DAY_MS;
}

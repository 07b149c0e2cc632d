/**
 * A schedule in the form that hawkBit takes, which is Quartz's: `second minute hour day-of-month month day-of-week [year]`.
 *
 * Libraries for cron read the same text differently (Quartz counts the days of a week from 1, Sunday; cron from 0), so a
 * device would install on the wrong day. Hence an own reading, of what Quartz documents but `W` and `C`.
 */
export interface CronSchedule {
  /** Whether it fires on a day, which is the UTC midnight it begins at, in milliseconds since 1970. */
  isOn(day: number): boolean;
  /** When on such a day, seconds since midnight, ascending. */
  readonly secondsOfDay: readonly number[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const MAX_TEXT = 256;

interface Field {
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const SECOND: Field = { least: 0, most: 59 };
const MINUTE: Field = { least: 0, most: 59 };
const HOUR: Field = { least: 0, most: 23 };
const DAY: Field = { least: 1, most: 31 };
const MONTH: Field = { least: 1, most: 12, names: MONTHS };
const WEEKDAY: Field = { least: 1, most: 7, names: WEEKDAYS };
const YEAR: Field = { least: 1970, most: 2199 };

/** @returns undefined: it is no such schedule */
export function parseQuartzCron(text: string): CronSchedule | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const fields = text.trim().toUpperCase().split(/\s+/);
  if (fields.length !== 6 && fields.length !== 7) return undefined;
  const [second, minute, hour, day, month, weekday, year = '*'] = fields as [string, ...string[]];
  const seconds = numbers(second, SECOND);
  const minutes = numbers(minute!, MINUTE);
  const hours = numbers(hour!, HOUR);
  const months = numbers(month!, MONTH);
  const years = numbers(year, YEAR);
  const days = dayRule(day!);
  const weekdays = weekdayRule(weekday!);
  if (!seconds || !minutes || !hours || !months || !years || !days || !weekdays) return undefined;
  // Quartz: exactly one of the two says which days, the other is `?`; `*` beside a rule is what people write.
  if (day === '?' && weekday === '?') return undefined;
  return {
    isOn(at) {
      const date = new Date(at);
      return years.has(date.getUTCFullYear()) && months.has(date.getUTCMonth() + 1) && days(date) && weekdays(date);
    },
    secondsOfDay: ascending(hours).flatMap((h) =>
      ascending(minutes).flatMap((m) => ascending(seconds).map((s) => (h * 60 + m) * 60 + s)),
    ),
  };
}

type DayRule = (date: Date) => boolean;

function dayRule(text: string): DayRule | undefined {
  if (text === '?') return () => true;
  if (text === 'L') return (date) => date.getUTCDate() === lastDayOf(date);
  const days = numbers(text, DAY);
  return days && ((date) => days.has(date.getUTCDate()));
}

function weekdayRule(text: string): DayRule | undefined {
  if (text === '?') return () => true;
  const [, last, nth, week] = /^(?:(\w+)L|(\w+)#([1-5]))$/.exec(text) ?? [];
  if (last !== undefined || nth !== undefined) {
    const wanted = number((last ?? nth)!, WEEKDAY);
    if (wanted === undefined) return undefined;
    return (date) =>
      weekdayOf(date) === wanted &&
      (last === undefined
        ? Math.ceil(date.getUTCDate() / 7) === Number(week)
        : date.getUTCDate() > lastDayOf(date) - 7);
  }
  const weekdays = numbers(text, WEEKDAY);
  return weekdays && ((date) => weekdays.has(weekdayOf(date)));
}

/** The values that a field allows: `*`, `7`, `MON-FRI`, `0/15`, `10-20/2`, and lists of those. */
function numbers(text: string, field: Field): ReadonlySet<number> | undefined {
  const allowed = new Set<number>();
  for (const part of text.split(',')) {
    const [, from, to, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d{1,4}))?$/.exec(part) ?? [];
    if (from === undefined) return undefined;
    const first = from === '*' ? field.least : number(from, field);
    const end = to === undefined ? (from === '*' || step !== undefined ? field.most : first) : number(to, field);
    const stride = step === undefined ? 1 : Number(step);
    if (first === undefined || end === undefined || stride === 0 || (from === '*' && to !== undefined))
      return undefined;
    // FRI-MON goes over the end of the week.
    const last = end < first ? end + (field.most - field.least + 1) : end;
    for (let value = first; value <= last; value += stride) {
      allowed.add(value > field.most ? value - (field.most - field.least + 1) : value);
    }
  }
  return allowed;
}

function number(text: string, { least, most, names }: Field): number | undefined {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : (names?.indexOf(text) ?? -1) + 1 || undefined;
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

function weekdayOf(date: Date): number {
  return date.getUTCDay() + 1;
}

function lastDayOf(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

function ascending(values: ReadonlySet<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

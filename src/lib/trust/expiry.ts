import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';

const DURATION = /^([1-9][0-9]{0,4})(d|w|mo|y)$/;
const DATE_OR_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2}))?$/;

/**
 * Reads an expiry as people write it: `90d`, `12w`, `18mo`, `2y` from now, a date (midnight UTC), or an RFC 3339 time.
 *
 * @throws OtaError USAGE, also for an instant that is not after `now`
 */
export function parseExpiry(text: string, now: Date): Date {
  const at = DURATION.test(text) ? after(now, text) : exactly(text);
  if (Number.isNaN(at.getTime()) || at.getUTCFullYear() > 9999) {
    throw new OtaError('USAGE', `"${escapeText(text)}" is no expiry`, [
      'Write 90d, 12w, 18mo or 2y from now, a date such as 2028-01-31, or a time such as 2028-01-31T12:00:00Z.',
    ]);
  }
  if (at <= now) {
    throw new OtaError('USAGE', `expiry ${formatTime(at)} is not in the future, it is ${formatTime(now)}`, [
      'To withdraw a key, take it out with `ota trust remove` or `ota trust rotate`.',
    ]);
  }
  return at;
}

/** RFC 3339 in UTC, whole seconds: `2027-01-31T12:00:00Z`. */
export function formatTime(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}

function after(now: Date, duration: string): Date {
  const [, digits, unit] = DURATION.exec(duration)!;
  const count = Number(digits);
  const at = new Date(Math.floor(now.getTime() / 1000) * 1000);
  if (unit === 'd' || unit === 'w') at.setUTCDate(at.getUTCDate() + count * (unit === 'w' ? 7 : 1));
  else addMonths(at, count * (unit === 'y' ? 12 : 1));
  return at;
}

/** The same day of a later month, or its last day: 31 January + 1 month is 28 or 29 February. */
function addMonths(at: Date, months: number): void {
  const day = at.getUTCDate();
  at.setUTCDate(1);
  at.setUTCMonth(at.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0)).getUTCDate();
  at.setUTCDate(Math.min(day, lastDay));
}

function exactly(text: string): Date {
  if (!DATE_OR_TIME.test(text)) return new Date(Number.NaN);
  const at = new Date(text);
  // The engine reads 2027-02-30 as 2 March.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10)) ? at : new Date(Number.NaN);
}

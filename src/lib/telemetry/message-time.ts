import { isDigit } from './json-bytes.js';
import { jsonStringText } from './json-text.js';

const QUOTE = 0x22;
const HYPHEN = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const COLON = 0x3a;
const NO_DIGITS = -1;

const DAY_MS = 86_400_000;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Time of a message: RFC 3339 text, or a whole number of milliseconds since 1970.
 *
 * @param start offset of a valid JSON value
 * @param end behind it
 * @returns milliseconds since 1970, parts of a millisecond cut off; NaN for any other value. A second 60 is
 *   the first one of the next minute.
 */
export function messageTime(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] !== QUOTE) return wholeNumber(bytes, start, end);
  const time = rfc3339Time(bytes, start + 1, end - 1);
  if (!Number.isNaN(time) || bytes.indexOf(0x5c, start) >= end || end - start > 6 * 64) return time;
  const text = Buffer.from(jsonStringText(bytes, start + 1, end - 1), 'utf8');
  return rfc3339Time(text, 0, text.length);
}

/** `2026-11-22T05:32:00.250Z`, any number of decimals, any offset. */
function rfc3339Time(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 20) return Number.NaN;
  const year = digits(bytes, start, 4);
  const month = digits(bytes, start + 5, 2);
  const day = digits(bytes, start + 8, 2);
  const hour = digits(bytes, start + 11, 2);
  const minute = digits(bytes, start + 14, 2);
  const second = digits(bytes, start + 17, 2);
  const separator = bytes[start + 10]! | 0x20; // T, t or a space
  if (
    bytes[start + 4] !== HYPHEN ||
    bytes[start + 7] !== HYPHEN ||
    (separator !== 0x74 && separator !== 0x20) ||
    bytes[start + 13] !== COLON ||
    bytes[start + 16] !== COLON
  ) {
    return Number.NaN;
  }
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return Number.NaN;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return Number.NaN;
  let at = start + 19;
  let fraction = 0;
  if (bytes[at] === POINT) {
    const first = ++at;
    for (let scale = 100; isDigit(bytes[at]!); at++, scale = Math.trunc(scale / 10)) {
      fraction += scale * (bytes[at]! - 0x30);
    }
    if (at === first) return Number.NaN;
  }
  const offsetMinutes = zoneOffset(bytes, at, end);
  const time = daysSince1970(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
  return time - offsetMinutes * 60_000;
}

/** Minutes east of Greenwich; NaN where the rest of the text is no offset. */
function zoneOffset(bytes: Uint8Array, at: number, end: number): number {
  const sign = bytes[at]!;
  if ((sign | 0x20) === 0x7a) return end - at === 1 ? 0 : Number.NaN;
  if ((sign !== PLUS && sign !== HYPHEN) || end - at !== 6 || bytes[at + 3] !== COLON) return Number.NaN;
  const hours = digits(bytes, at + 1, 2);
  const minutes = digits(bytes, at + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return Number.NaN;
  return (sign === PLUS ? 1 : -1) * (hours * 60 + minutes);
}

function daysInMonth(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : DAYS_IN_MONTH[month - 1]!;
}

/** In the Gregorian calendar; years begin in March here, so that the leap day comes last. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return 365 * y + leapDays + Math.floor((153 * monthFromMarch + 2) / 5) + day - 1 - 719_468;
}

function digits(bytes: Uint8Array, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at++) {
    if (!isDigit(bytes[at]!)) return NO_DIGITS;
    value = value * 10 + bytes[at]! - 0x30;
  }
  return value;
}

/** Up to what a Date can hold. */
function wholeNumber(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    if (!isDigit(bytes[at]!) || end - start > 16) return unusualNumber(bytes, start, end);
    value = value * 10 + bytes[at]! - 0x30;
  }
  return value <= 8.64e15 ? value : Number.NaN;
}

/** Before 1970, or in another notation such as 1.76e12. */
function unusualNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > 64 || !(isDigit(bytes[start]!) || bytes[start] === HYPHEN)) return Number.NaN;
  const value = Number(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'));
  return Number.isInteger(value) && Math.abs(value) <= 8.64e15 ? value : Number.NaN;
}

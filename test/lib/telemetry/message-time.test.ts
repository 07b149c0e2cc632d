import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageTime } from '../../../src/lib/telemetry/message-time.js';

function timeOf(json: string): number {
  const bytes = Buffer.from(`{"timestamp":${json}}`);
  return messageTime(bytes, 13, bytes.length - 1);
}

const anyTime = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
const twoDigits = (value: number) => String(value).padStart(2, '0');

test('RFC 3339 text is the time that Date reads', () => {
  fc.assert(
    fc.property(anyTime, (date) => {
      const text = date.toISOString();
      expect(timeOf(JSON.stringify(text))).toBe(date.getTime());
      expect(timeOf(JSON.stringify(text.toLowerCase().replace('t', ' ')))).toBe(date.getTime());
      expect(timeOf(JSON.stringify(text.replace(/\.\d+/, '')))).toBe(Math.floor(date.getTime() / 1000) * 1000);
    }),
  );
});

test('Years before 1970, and the first of all, are right', () => {
  for (const text of ['0000-01-01T00:00:00Z', '0001-03-01T00:00:00Z', '1600-02-29T12:00:00Z', '1969-12-31T23:59:59Z']) {
    expect([text, timeOf(`"${text}"`)]).toEqual([text, Date.parse(text)]);
  }
});

test('An offset is taken off', () => {
  fc.assert(
    fc.property(
      anyTime,
      fc.constantFrom('+', '-'),
      fc.nat({ max: 23 }),
      fc.nat({ max: 59 }),
      (date, sign, hours, minutes) => {
        const text = date.toISOString().replace('Z', `${sign}${twoDigits(hours)}:${twoDigits(minutes)}`);
        expect([text, timeOf(JSON.stringify(text))]).toEqual([text, Date.parse(text)]);
      },
    ),
  );
});

test.each([
  ['"2026-11-22T05:32:00.1Z"', Date.UTC(2026, 10, 22, 5, 32, 0, 100)],
  ['"2026-11-22T05:32:00.1239999Z"', Date.UTC(2026, 10, 22, 5, 32, 0, 123)],
  ['"2016-12-31T23:59:60Z"', Date.UTC(2017, 0, 1)],
  ['"2024-02-29T00:00:00Z"', Date.UTC(2024, 1, 29)],
  ['"\\u0032026-11-22T05:32:00\\u005a"', Date.UTC(2026, 10, 22, 5, 32)],
  ['1790000000123', 1_790_000_000_123],
  ['0', 0],
  ['-1', -1],
  ['1.79e12', 1_790_000_000_000],
  ['1790000000123.0', 1_790_000_000_123],
  ['8640000000000000', 8.64e15],
])('%s is a time', (json, time) => {
  expect(timeOf(json)).toBe(time);
});

test.each([
  '""',
  '"2026-11-22"',
  '"2026-11-22T05:32:00"',
  '"2026-11-22T05:32Z"',
  '"2026-13-22T05:32:00Z"',
  '"2026-00-22T05:32:00Z"',
  '"2026-02-29T05:32:00Z"',
  '"2100-02-29T05:32:00Z"',
  '"2026-11-31T05:32:00Z"',
  '"2026-11-00T05:32:00Z"',
  '"2026-11-22T24:00:00Z"',
  '"2026-11-22T05:60:00Z"',
  '"2026-11-22T05:32:61Z"',
  '"2026-11-22T05:32:00.Z"',
  '"2026-11-22T05:32:00,5Z"',
  '"2026-11-22T05:32:00+24:00"',
  '"2026-11-22T05:32:00+01:60"',
  '"2026-11-22T05:32:00+0100"',
  '"2026-11-22T05:32:00+01"',
  '"2026-11-22T05:32:00ZZ"',
  '"2026-11-22_05:32:00Z"',
  '"2026/11/22T05:32:00Z"',
  '"20a6-11-22T05:32:00Z"',
  '"2026-11-22T05:32:00\\u0000Z"',
  '"1790000000123"',
  `"2026-11-22T05:32:00.${'0'.repeat(1000)}"`,
  '1790000000.5',
  '8640000000000001',
  '99999999999999999999',
  '1e400',
  'null',
  'true',
  '[1790000000123]',
  '{"ms":1790000000123}',
])('%s is no time', (json) => {
  expect(timeOf(json)).toBeNaN();
});

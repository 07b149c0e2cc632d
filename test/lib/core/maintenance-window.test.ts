import { expect, test } from 'vitest';
import { readMaintenanceWindow, type WindowTimes } from '../../../src/lib/core/maintenance-window.js';

const at = (time: string) => Date.parse(time);

function times(schedule: string, duration = '02:00:00', timezone = '+01:00'): WindowTimes {
  const window = readMaintenanceWindow({ schedule, duration, timezone });
  if (typeof window === 'string') throw new Error(window);
  return window;
}

test('the window that is open is told until it closes, then the next one', () => {
  const nightly = times('0 0 3 * * ?');
  const monday = { opensAt: at('2026-01-05T02:00:00Z'), closesAt: at('2026-01-05T04:00:00Z') };
  expect(nightly.from(at('2026-01-05T01:59:59Z'))).toEqual(monday);
  expect(nightly.from(at('2026-01-05T02:00:00Z'))).toEqual(monday);
  expect(nightly.from(at('2026-01-05T03:59:59Z'))).toEqual(monday);
  expect(nightly.from(at('2026-01-05T04:00:00Z'))?.opensAt).toBe(at('2026-01-06T02:00:00Z'));
});

test('a window that began on the day before is still open', () => {
  const sundays = times('0 0 23 ? * SUN', '04:00:00', '+00:00');
  expect(sundays.from(at('2026-01-05T02:00:00Z'))?.opensAt).toBe(at('2026-01-04T23:00:00Z'));
  expect(sundays.isOpenAt(at('2026-01-05T02:59:59Z'))).toBe(true);
  expect(sundays.isOpenAt(at('2026-01-05T03:00:00Z'))).toBe(false);
});

test('nothing is told where none comes any more', () => {
  expect(times('0 0 3 1 1 ? 2025').from(at('2026-01-05T00:00:00Z'))).toBeUndefined();
});

test('what means nothing is said in a sentence', () => {
  const window = { schedule: '0 0 3 * * ?', duration: '02:00:00', timezone: 'Z' };
  expect(readMaintenanceWindow({ ...window, schedule: 'sundays' })).toMatch(
    /^the schedule "sundays" is none, expected/,
  );
  expect(readMaintenanceWindow({ ...window, duration: '2h' })).toBe('the duration "2h" is none, expected hh:mm:ss');
  expect(readMaintenanceWindow({ ...window, timezone: 'CET' })).toBe(
    'the time zone "CET" is none, expected an offset like +01:00',
  );
});

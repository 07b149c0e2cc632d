import { describe, expect, test } from 'vitest';
import { parseQuartzCron } from '../../../../src/lib/core/quartz-cron.js';
import { checkMaintenance, isWindowOpen } from '../../../../src/lib/server/actions/maintenance-window.js';

const at = (time: string) => Date.parse(time);

describe('a schedule', () => {
  const firesOn = (schedule: string, day: string) => parseQuartzCron(schedule)?.isOn(at(`${day}T00:00:00Z`));

  test.each([
    // 2026-01-05 is a Monday; Quartz counts from Sunday, 1.
    ['0 0 3 ? * 2', '2026-01-05', true],
    ['0 0 3 ? * MON', '2026-01-05', true],
    ['0 0 3 ? * 1', '2026-01-05', false],
    ['0 0 3 ? * SUN', '2026-01-04', true],
    ['0 0 3 ? * MON-FRI', '2026-01-09', true],
    ['0 0 3 ? * MON-FRI', '2026-01-10', false],
    ['0 0 3 ? * FRI-MON', '2026-01-11', true],
    ['0 0 3 ? * FRI-MON', '2026-01-13', false],
    ['0 0 3 ? * MON#1', '2026-01-05', true],
    ['0 0 3 ? * MON#2', '2026-01-05', false],
    ['0 0 3 ? * MON#2', '2026-01-12', true],
    ['0 0 3 ? * FRIL', '2026-01-30', true],
    ['0 0 3 ? * FRIL', '2026-01-23', false],
    ['0 0 3 L * ?', '2026-02-28', true],
    ['0 0 3 L * ?', '2028-02-28', false],
    ['0 0 3 L * ?', '2028-02-29', true],
    ['0 0 3 1,15 * ?', '2026-06-15', true],
    ['0 0 3 1/10 * ?', '2026-06-21', true],
    ['0 0 3 1/10 * ?', '2026-06-20', false],
    ['0 0 3 * JAN,3 ?', '2026-03-02', true],
    ['0 0 3 * JAN,3 ?', '2026-02-02', false],
    ['10 12 14 3 8 ? 2026', '2026-08-03', true],
    ['10 12 14 3 8 ? 2026', '2027-08-03', false],
    ['0 0 3 13 * FRI', '2026-02-13', true],
    ['0 0 3 13 * FRI', '2026-02-20', false],
  ])('%s on %s: %s', (schedule, day, expected) => {
    expect(firesOn(schedule, day)).toBe(expected);
  });

  test('says when on a day', () => {
    expect(parseQuartzCron('30 0/20 6,18 * * ?')?.secondsOfDay).toEqual(
      [6, 18].flatMap((hour) => [0, 20, 40].map((minute) => (hour * 60 + minute) * 60 + 30)),
    );
  });

  test.each([
    '',
    '0 0 3 * *',
    '0 0 3 ? * ?',
    '60 0 3 * * ?',
    '0 0 24 * * ?',
    '0 0 3 32 * ?',
    '0 0 3 ? * 8',
    '0 0 3 ? * MON#6',
    '0 0 3 ? FOO *',
    '0 0/0 3 * * ?',
    '0 0 3 * * ? 1969',
    '0 0 3 15W * ?',
    '0 0 3-x * * ?',
    `0 0 3 * * ? ${' '.repeat(300)}`,
  ])('refuses %j', (schedule) => {
    expect(parseQuartzCron(schedule)).toBeUndefined();
  });
});

describe('a maintenance window', () => {
  const weekly = { schedule: '0 0 23 ? * SUN', duration: '02:00:00', timezone: '+01:00' };

  test.each([
    // Sunday 23:00 to Monday 01:00 by a clock one hour ahead.
    ['2026-01-04T21:59:59Z', false],
    ['2026-01-04T22:00:00Z', true],
    ['2026-01-04T23:30:00Z', true],
    ['2026-01-04T23:59:59Z', true],
    ['2026-01-05T00:00:00Z', false],
  ])('over midnight, at %s: %s', (time, isOpen) => {
    expect(isWindowOpen(weekly, at(time))).toBe(isOpen);
  });

  test('may be longer than a day', () => {
    const long = { schedule: '0 0 0 1 * ?', duration: '72:00:00', timezone: 'Z' };
    expect(isWindowOpen(long, at('2026-03-03T23:59:59Z'))).toBe(true);
    expect(isWindowOpen(long, at('2026-03-04T00:00:00Z'))).toBe(false);
  });

  test.each([
    [{ schedule: 'sometimes' }, 'the schedule "sometimes" is none'],
    [{ duration: '2h' }, 'the duration "2h" is none'],
    [{ duration: '00:00:00' }, 'the duration "00:00:00" is none'],
    [{ timezone: 'CET' }, 'the time zone "CET" is none'],
    [{ timezone: '+99:00' }, 'the time zone "+99:00" is none'],
    [{ schedule: '0 0 3 1 1 ? 2025' }, 'no maintenance window'],
    [{ schedule: '0 0 3 31 2 ?' }, 'no maintenance window'],
  ])('with %j is refused', (change, message) => {
    expect(() => checkMaintenance({ ...weekly, ...change }, at('2026-01-05T00:00:00Z'))).toThrow(message);
  });

  test.each([
    [{}],
    [{ schedule: '0 0 3 29 2 ?' }],
    [{ schedule: '0 0 23 4 1 ? 2026' }], // open now
  ])('with %j still comes', (change) => {
    expect(() => checkMaintenance({ ...weekly, ...change }, at('2026-01-04T22:30:00Z'))).not.toThrow();
  });
});

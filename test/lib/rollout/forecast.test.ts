import { expect, test } from 'vitest';
import { ASSUMED_INSTALL_SECONDS, ASSUMED_POLL_SECONDS, forecastStages } from '../../../src/lib/rollout/forecast.js';
import { somePlan } from '../../support/rollout-plan.js';

const START = Date.parse('2026-01-05T06:00:00Z');
const DEVICE_MS = (ASSUMED_POLL_SECONDS + ASSUMED_INSTALL_SECONDS) * 1_000;

test('a stage takes as long as a device does, then it soaks', () => {
  const { stages } = somePlan({ stages: [{ devices: 3, gates: [{ type: 'soak', seconds: 3_600 }] }, 5] });
  expect(forecastStages(stages, START)).toEqual([
    { startsAt: START, installedAt: START + DEVICE_MS, endsAt: START + DEVICE_MS + 3_600_000 },
    {
      startsAt: START + DEVICE_MS + 3_600_000,
      installedAt: START + 2 * DEVICE_MS + 3_600_000,
      endsAt: START + 2 * DEVICE_MS + 3_600_000,
    },
  ]);
});

test('a stage waits for its start', () => {
  const { stages } = somePlan({ stages: [{ devices: 1, startAt: '2026-01-06T00:00:00+01:00' }] });
  expect(forecastStages(stages, START)[0]!.startsAt).toBe(Date.parse('2026-01-05T23:00:00Z'));
});

test('a rate takes its time, and less where it grows', () => {
  const given = (growth: number) => {
    const { stages } = somePlan({ stages: [{ devices: 600, rate: { devicesPerMinute: 10, growth } }] });
    return forecastStages(stages, START)[0]!.installedAt - START - DEVICE_MS;
  };
  expect(given(1)).toBe(60 * 60_000);
  // 100 in the first ten minutes, 200 in the next, 300 of 400 in three quarters of the third.
  expect(given(2)).toBe(27.5 * 60_000);
});

test('devices install only while a window is open, in as many as it takes', () => {
  const window = { schedule: '0 0 3 * * ?', duration: '00:30:00', timezone: '+00:00' };
  const { stages } = somePlan({ stages: [{ devices: 300, window, rate: { devicesPerMinute: 6, growth: 1 } }] });
  const [stage] = forecastStages(stages, START);
  // 50 minutes to be given and ten for the last one: two nights.
  expect(stage).toMatchObject({
    startsAt: Date.parse('2026-01-06T03:00:00Z'),
    installedAt: Date.parse('2026-01-07T03:30:00Z'),
  });
});

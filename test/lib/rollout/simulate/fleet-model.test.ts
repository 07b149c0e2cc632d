import { describe, expect, test } from 'vitest';
import {
  DEFAULT_MODEL,
  MODEL_MAX_BYTES,
  parseFleetModel,
  parseShare,
} from '../../../../src/lib/rollout/simulate/fleet-model.js';

const parse = (text: string) => parseFleetModel(Buffer.from(text), 'model.yaml');

test('a model that says nothing is the default one', async () => {
  expect(await parse('# nothing')).toEqual(DEFAULT_MODEL);
  expect(await parse('{}')).toEqual(DEFAULT_MODEL);
});

test('shares are read as 0 to 1, times as seconds; what is not said stays as it is', async () => {
  const model = await parse(`
devices: 100000
poll: 10m
offline: { share: 12.5%, for: [1h, 3d] }
update: { median: 90s, p95: 5m }
failures: { share: 0.5%, models: { M200: 20 % } }
stuck: 0
late: { share: 2%, after: [2h, 12h], silent: 50% }
telemetry:
  messagesPerHour: 60
  errors: { before: 0.1%, after: 0.2% }
  metrics: { latencyMs: { before: 100, after: 130.5 } }
approval: 8h
observe: 1m
`);
  expect(model).toEqual({
    ...{ devices: 100_000, poll: 600, offline: { share: 0.125, for: [3_600, 259_200] } },
    ...{ update: { median: 90, p95: 300 }, failures: { share: 0.005, models: { M200: 0.2 } }, stuck: 0 },
    late: { share: 0.02, after: [7_200, 43_200], silent: 0.5 },
    telemetry: {
      messagesPerHour: 60,
      errors: { before: 0.001, after: 0.002, bad: 0.3 },
      metrics: { latencyMs: { before: 100, after: 130.5 } },
    },
    ...{ approval: 28_800, observe: 60 },
  });
});

describe('a model is refused, and the place is named, with', () => {
  test.each([
    ['a member nobody knows', 'failurs: { share: 5% }', 'Unrecognized key: "failurs"'],
    ['a share without a percent sign', 'stuck: 5', 'stuck: expected a share from 0% to 100%'],
    ['a share above the whole', 'failures: { share: 101% }', 'failures.share: expected a share from 0%'],
    ['a share of one model above the whole', 'failures: { models: { M1: 200% } }', 'failures.models.M1'],
    ['a time without a unit', 'poll: "300"', 'poll: expected a duration'],
    ['a time that is a number', 'poll: 300', 'poll: expected a duration'],
    ['no time between two polls', 'poll: 0s', 'poll: expected a time above 0'],
    ['a longer time first', 'offline: { for: [2d, 1h] }', 'offline.for: expected the shorter time first'],
    ['a p95 below the median', 'update: { median: 5m, p95: 4m }', 'update: expected 0 < median'],
    ['no devices', 'devices: 0', 'devices: '],
    ['more devices than it takes', 'devices: 10000001', 'devices: '],
    ['looks more often than a second', 'observe: 100ms', 'observe: expected 1s or more'],
    ['a list', '- 1', 'expected object, received array'],
    [
      'a metric that is no number',
      'telemetry: { metrics: { a: { before: x, after: 1 } } }',
      'telemetry.metrics.a.before',
    ],
  ])('%s', async (_, text, place) => {
    await expect(parse(text)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`model.yaml: ${place}`),
    });
  });

  test('more bytes than it takes', async () => {
    await expect(parse(`# ${'x'.repeat(MODEL_MAX_BYTES)}`)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

test('a share is typed with its percent sign', () => {
  expect([parseShare('5%'), parseShare('0.1 %'), parseShare('100%')]).toEqual([0.05, 0.001, 1]);
  for (const text of ['5', '', '-1%', '101%', '5%%', '١%']) expect(() => parseShare(text)).toThrow('is no share');
});

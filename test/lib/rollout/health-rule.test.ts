import { expect, test } from 'vitest';
import { parseHealthRule } from '../../../src/lib/rollout/health-rule.js';

test.each([
  ['errorRate < 1%', { of: { kind: 'errorRate' }, operator: '<', limit: 1, comparedTo: 'value' }],
  [' offline<=5.5 % ', { of: { kind: 'offline' }, operator: '<=', limit: 5.5, comparedTo: 'value' }],
  [
    'p95(latencyMs) < 250',
    { of: { kind: 'metric', path: ['latencyMs'], quantile: 0.95 }, operator: '<', limit: 250, comparedTo: 'value' },
  ],
  [
    'p99.9( battery.level ) >= -20.5',
    {
      of: { kind: 'metric', path: ['battery', 'level'], quantile: 0.999 },
      operator: '>=',
      limit: -20.5,
      comparedTo: 'value',
    },
  ],
  [
    'mean(temperature) > 3',
    { of: { kind: 'metric', path: ['temperature'], quantile: 'mean' }, operator: '>', limit: 3, comparedTo: 'value' },
  ],
  [
    'median(latencyMs) < 120% of control',
    { of: { kind: 'metric', path: ['latencyMs'], quantile: 0.5 }, operator: '<', limit: 120, comparedTo: 'control' },
  ],
  ['errorRate <= 150% of control', { of: { kind: 'errorRate' }, operator: '<=', limit: 150, comparedTo: 'control' }],
])('reads %j', (text, rule) => {
  expect(parseHealthRule(text)).toEqual(rule);
});

test.each([
  '',
  'errorRate < 1',
  'errorRate < 101%',
  'offline < -1%',
  'errorRate == 1%',
  'latencyMs < 250',
  'p95(latencyMs) < 250%',
  'p95(latencyMs) < 120 of control',
  'p95(latencyMs) < -120% of control',
  'p100(latencyMs) < 1',
  'p95() < 1',
  'p95(a..b) < 1',
  'p95(latencyMs) < 1e9',
  'p95(latencyMs) < 250; rm',
  `p95(${'x'.repeat(300)}) < 1`,
  `p95(${'x'.repeat(129)}) < 1`,
  `p95(${Array(17).fill('x').join('.')}) < 1`,
])('refuses %j', (text) => {
  expect(() => parseHealthRule(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

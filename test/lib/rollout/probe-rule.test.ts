import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeProbe, parseProbeRule } from '../../../src/lib/rollout/probe-rule.js';

test.each([
  ['< 0.01', { operator: '<', value: 0.01 }],
  ['>=3', { operator: '>=', value: 3 }],
  [' != -1e3 ', { operator: '!=', value: -1000 }],
  ['== "ok"', { operator: '==', value: 'ok' }],
  ['== "a\\"b"', { operator: '==', value: 'a"b' }],
  ['== true', { operator: '==', value: true }],
  ['!= false', { operator: '!=', value: false }],
])('reads %j', (text, rule) => {
  expect(parseProbeRule(text)).toEqual(rule);
});

test.each(['', '0.01', '<', '< ok', '== ok', '< "1"', '> true', '== "a', '== null', '< 1e999', '=== 1', '< 1 2'])(
  'refuses %j',
  (text) => {
    expect(() => parseProbeRule(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  },
);

describe('a value', () => {
  const judged = (rule: string, value: unknown) => judgeProbe(parseProbeRule(rule), value);

  test('is good or bad, with its figures', () => {
    expect(judged('< 0.01', 0.004)).toEqual({ outcome: 'good', said: '0.004 < 0.01' });
    expect(judged('< 0.01', 0.02)).toEqual({ outcome: 'bad', said: '0.02, < 0.01 is asked for' });
    expect(judged('== "ok"', 'down')).toEqual({ outcome: 'bad', said: '"down", == "ok" is asked for' });
    expect(judged('!= "down"', 'ok').outcome).toBe('good');
    expect(judged('== true', true).outcome).toBe('good');
    expect(judged('== true', 'true').outcome).toBe('bad');
  });

  test('may be a number in a text, as Prometheus writes it', () => {
    expect(judged('< 0.01', '0.004').outcome).toBe('good');
    expect(judged('< 0.01', '+Inf').outcome).toBe('bad');
    expect(judged('> 0', '1.5e-05').outcome).toBe('good');
  });

  test.each([undefined, null, 'NaN', Number.NaN, '', ' ', 'none', [], {}, [0.001], true])(
    'that is %j is no number, and holds',
    (value) => {
      expect(judged('< 0.01', value).outcome).toBe('holds');
      expect(judged('!= 5', value).outcome).toBe('holds');
    },
  );

  test('that is a list or an object equals and differs from nothing', () => {
    expect(judged('!= "ok"', { a: 1 }).outcome).toBe('holds');
    expect(judged('!= "ok"', []).outcome).toBe('holds');
  });

  test('is shown short, and without characters that move a cursor', () => {
    const { said } = judged('== "ok"', `\u001b[2J\u202e${'x'.repeat(10_000)}`);
    expect(said).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(said.length).toBeLessThan(200);
  });

  test('is judged as the number it is', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (value, limit) => {
        const good = (operator: string) => judged(`${operator} ${limit}`, String(value)).outcome === 'good';
        expect([good('<'), good('<='), good('=='), good('!='), good('>='), good('>')]).toEqual([
          value < limit,
          value <= limit,
          value === limit,
          value !== limit,
          value >= limit,
          value > limit,
        ]);
      }),
    );
  });
});

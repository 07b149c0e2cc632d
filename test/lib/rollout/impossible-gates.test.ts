import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GateOf, GateSpec } from '../../../src/lib/rollout/gate-spec.js';
import { impossibleGates } from '../../../src/lib/rollout/impossible-gates.js';
import { judgeStage } from '../../../src/lib/rollout/judge-stage.js';
import { observationOf } from './stage-figures.js';

const success = (atLeastPercent: number, confidencePercent = 95): GateOf<'success'> => ({
  type: 'success',
  atLeastPercent,
  confidencePercent,
  completedPercent: 90,
});
const failure = (atMostPercent: number, minimumSample = 20): GateOf<'failure'> => ({
  type: 'failure',
  atMostPercent,
  confidencePercent: 95,
  minimumSample,
  otherwise: 'pause',
});
const health = (rule: string, minimumSample = 20, windowSeconds = 900): GateSpec => ({
  type: 'health',
  rule,
  minimumSample,
  windowSeconds,
  otherwise: 'pause',
});
const probe = (given: Partial<GateOf<'probe'>>): GateSpec => ({
  type: 'probe',
  url: 'https://monitor.example.com/',
  timeoutSeconds: 5,
  everySeconds: 60,
  otherwise: 'pause',
  ...given,
});

test('finds nothing wrong with gates that a stage can pass and fail', () => {
  const gates: GateSpec[] = [
    success(95),
    failure(5),
    { type: 'stuck', afterSeconds: 86_400, atMostPercent: 5, otherwise: 'pause' },
    { type: 'soak', seconds: 0 },
    health('errorRate < 1%', 5_000),
    probe({ pointer: '/data/result/0/value/1', rule: '< 0.01' }),
    probe({}),
    probe({ url: 'http://127.0.0.1:9090/', tokenEnv: 'MONITOR_TOKEN' }),
    { type: 'command', argv: ['true'], timeoutSeconds: 1, everySeconds: 1, otherwise: 'pause' },
    { type: 'approval' },
  ];
  expect(impossibleGates(gates, 59)).toEqual([]);
});

describe('says of', () => {
  test.each<[string, GateSpec[], number, string]>([
    [
      'all devices',
      [success(100)],
      1e6,
      'success: 100 % at 95 % confidence can never be certain, however many devices succeed',
    ],
    [
      'too few devices',
      [success(95)],
      58,
      'success: 95 % at 95 % confidence needs 59 devices without a failure, the stage has 58',
    ],
    ['too large a sample', [failure(5)], 19, 'failure: a sample of 20 devices is needed, the stage has 19'],
    [
      'a failure nobody can be certain of',
      [failure(90, 10)],
      20,
      'failure: even if all 20 devices failed, it would be certain of 86.0 % only, never of more than 90 %',
    ],
    [
      'a contradiction',
      [success(98), failure(50)],
      1e3,
      'failure: 50 % may fail, though success asks for 98 %, which leaves 2 %',
    ],
    [
      'devices stuck at once',
      [{ type: 'stuck', afterSeconds: 0, atMostPercent: 5, otherwise: 'pause' }],
      9,
      'stuck: after 0 s every device on its way is stuck at once',
    ],
    [
      'devices that cannot be offline',
      [health('offline < 5%')],
      19,
      'health: offline < 5% needs 20 devices, the stage has 19',
    ],
    ['no time to look at', [health('errorRate < 1%', 20, 0)], 50, 'health: a window of 0 s holds no message'],
    ['a rule that is none', [health('errors few')], 50, 'health: "errors few" is no rule on health'],
    ['an address', [probe({ url: 'file:///etc/passwd' })], 9, 'probe: its address is none of an http or https server'],
    [
      'a password',
      [probe({ url: 'https://me:secret@example.com/' })],
      9,
      'probe: its address holds a password, and a plan must hold none',
    ],
    [
      'a token for everybody',
      [probe({ url: 'http://example.com/', tokenEnv: 'MONITOR_TOKEN' })],
      9,
      'probe: its token would be sent in clear text, as its address is none of https',
    ],
    ['a pointer', [probe({ pointer: 'data', rule: '< 1' })], 9, 'probe: its pointer is no JSON pointer (RFC 6901)'],
    ['a rule of nothing', [probe({ rule: '< 1' })], 9, 'probe: a rule without a pointer speaks of no value'],
    ['nothing asked', [probe({ pointer: '/a' })], 9, 'probe: nothing is asked of what its pointer names'],
    ['a broken rule', [probe({ pointer: '/a', rule: 'low' })], 9, 'probe: "low" is no rule on a value'],
    [
      'no program',
      [{ type: 'command', argv: [''], timeoutSeconds: 1, everySeconds: 1, otherwise: 'pause' }],
      9,
      'command: the name of the program is empty',
    ],
  ])('%s', (_, gates, devices, sentence) => {
    expect(impossibleGates(gates, devices)).toEqual([sentence]);
  });
});

test('lets a success gate through exactly when a stage without a failure passes it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 50, max: 100 }),
      fc.integer({ min: 50, max: 99 }),
      fc.integer({ min: 1, max: 700 }),
      (share, confidence, devices) => {
        const gate = success(share, confidence);
        const passes = judgeStage([gate], observationOf({ installed: devices })).decision === 'advance';
        expect(impossibleGates([gate], devices).length === 0).toBe(passes);
      },
    ),
  );
});

test('lets a failure gate through only when a stage in which all fail fails it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 100 }),
      (share, sample, devices) => {
        fc.pre(sample <= devices);
        const gate = failure(share, sample);
        const { gates } = judgeStage([gate], observationOf({ failed: devices }));
        expect(impossibleGates([gate], devices).length === 0).toBe(gates[0]!.decision === 'pause');
      },
    ),
  );
});

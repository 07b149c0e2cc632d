import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { parsePredicate } from '../../../src/lib/query/parse-predicate.js';
import { type ObservedEvent, PredicateState } from '../../../src/lib/query/predicate-state.js';

function stateAfter(predicate: string, events: readonly ObservedEvent[]): PredicateState {
  const state = new PredicateState(parsePredicate(predicate));
  for (const event of events) state.observe(event);
  return state;
}

const status = (device: string, body: object): ObservedEvent => ({ type: 'status', device, body });
const telemetry = (device: string, body: object): ObservedEvent => ({ type: 'telemetry', device, body });
const rollout = (body: object): ObservedEvent => ({ type: 'rollout', body });

describe('a predicate on a share of the devices', () => {
  test('is met by exactly that share, and shows the figures', () => {
    const predicate = parsePredicate('status.version == "2.1.0" on 95%');
    expect(predicate).toMatchObject({
      conditionText: 'status.version == "2.1.0"',
      quantifier: { kind: 'share', percent: 95 },
    });
    const state = new PredicateState(predicate);
    for (let device = 1; device <= 18; device += 1) state.observe(status(`d${device}`, { version: '2.1.0' }));
    expect(state.figures(20)).toEqual({ met: false, matched: 18, devices: 20 });
    state.observe(status('d19', { version: '2.1.0' }));
    expect(state.figures(20)).toEqual({ met: true, matched: 19, devices: 20 });
    expect(state.figures(21)).toMatchObject({ met: false });
  });

  test('counts in thousandths, not in binary fractions', () => {
    const state = stateAfter(
      'status.ok == true on 99.9%',
      Array.from({ length: 999 }, (_, device) => status(`d${device}`, { ok: true })),
    );
    expect(state.figures(1000)).toEqual({ met: true, matched: 999, devices: 1000 });
    expect(state.figures(1001)).toMatchObject({ met: false });
  });

  test('is not met by no devices at all', () => {
    expect(stateAfter('status.ok == true on 100%', []).figures(0)).toEqual({ met: false, matched: 0, devices: 0 });
  });

  test('follows the latest event of a device', () => {
    const state = stateAfter('status.version == "2.1.0" on 100%', [status('a', { version: '2.1.0' })]);
    expect(state.figures(1).met).toBe(true);
    state.observe(status('a', { version: '2.0.0' }));
    expect(state.figures(1)).toEqual({ met: false, matched: 0, devices: 1 });
  });

  test('keeps what a later event does not speak of', () => {
    const state = stateAfter('status.version == "2.1.0" on 1 device', [
      status('a', { version: '2.1.0' }),
      status('a', { online: false }),
      telemetry('a', { version: 'other' }),
    ]);
    expect(state.figures(1).matched).toBe(1);
  });

  test('no longer counts a device that is gone', () => {
    const state = stateAfter('status.ok == true on 2 devices', [status('a', { ok: true }), status('b', { ok: true })]);
    expect(state.figures(2).met).toBe(true);
    state.forget('a');
    state.forget('never seen');
    expect(state.figures(1)).toEqual({ met: false, matched: 1, devices: 1 });
  });
});

describe('a predicate without "on"', () => {
  test('is met by one device, or by an event of none', () => {
    expect(stateAfter('event.type == "alert"', [status('a', {})]).figures(9).met).toBe(false);
    expect(stateAfter('event.type == "alert"', [{ type: 'alert', device: 'a', body: {} }]).figures(9).met).toBe(true);
    expect(stateAfter('event.type == alert', [{ type: 'alert', body: null }]).figures(9).met).toBe(true);
    expect(stateAfter('event.device ~ truck-*', [{ type: 'alert', device: 'Truck-7', body: {} }]).figures(9).met).toBe(
      true,
    );
    const finished = [rollout({ status: 'running' }), rollout({ status: 'finished' })];
    expect(stateAfter('rollout.status == "finished"', finished).figures(9)).toEqual({
      met: true,
      matched: 0,
      devices: 9,
    });
    expect(stateAfter('rollout.status == "finished"', finished.toReversed()).figures(9).met).toBe(false);
  });
});

test('what events of no device say is true for every device that said something', () => {
  const text = 'rollout.status == finished and telemetry.errorRate < 0.01 on 2 devices';
  const state = stateAfter(text, [telemetry('a', { errorRate: 0 }), telemetry('b', { errorRate: 0.001 })]);
  expect(state.figures(3).matched).toBe(0);
  state.observe(rollout({ status: 'finished' }));
  expect(state.figures(3)).toEqual({ met: true, matched: 2, devices: 3 });
  state.observe(rollout({ status: 'paused' }));
  expect(state.figures(3).matched).toBe(0);
});

describe('members are compared', () => {
  test.each([
    ['telemetry.errorRate < 0.01', { errorRate: 0.009 }, true],
    ['telemetry.errorRate < 0.01', { errorRate: 0.01 }, false],
    ['telemetry.errorRate <= 1e-2', { errorRate: 0.01 }, true],
    ['telemetry.errorRate < 0.01', { errorRate: '0.001' }, true],
    ['telemetry.errorRate < "0.01"', { errorRate: 0.001 }, false],
    ['telemetry.temperature >= -5', { temperature: -5 }, true],
    ['telemetry.engine.rpm > 100', { engine: { rpm: 101 } }, true],
    ['telemetry.engine.rpm > 100', { engine: 101 }, false],
    ['telemetry.count == 1.0', { count: 1 }, true],
    ['telemetry.on == true', { on: true }, true],
    ['telemetry.on != true', { on: true }, false],
    ['telemetry.version >= 2.10', { version: '2.9.0' }, false],
    ['telemetry.version > "2.9"', { version: '2.10.0' }, true],
    ['telemetry.version > 2.9', { version: 'nightly' }, false],
    ['telemetry.state == FINISHED', { state: 'finished' }, true],
    ['telemetry.state ~ "fin*"', { state: 'Finished' }, true],
    ['telemetry.state != finished', { state: null }, true],
    ['telemetry.state != finished', {}, false],
    ['telemetry.state == null', { state: null }, false],
    ['telemetry.constructor.name == Object', {}, false],
    ['telemetry.a == 1 or telemetry.b == 1 and telemetry.c == 1', { a: 0, b: 1, c: 1 }, true],
    ['(telemetry.a == 1 or telemetry.b == 1) and telemetry.c == 1', { a: 1, b: 0, c: 0 }, false],
  ])('%s with %j: %s', (predicate, body, isMet) => {
    expect(stateAfter(predicate, [telemetry('a', body)]).figures(1).met).toBe(isMet);
  });
});

describe('what is no predicate is refused', () => {
  test.each([
    ['', 'USAGE', '--until, column 1: expected a member of an event, such as status.version, or "(", found the end'],
    ['status.version', 'USAGE', '--until, column 15: expected == != < <= > >= or ~, found the end'],
    ['status.version = 1', 'USAGE', '--until, column 16: expected == != < <= > >= or ~, found "="'],
    ['status.version == ', 'USAGE', '--until, column 19: expected a value, found the end'],
    ['status.version == "1', 'USAGE', '--until, column 19: this quote is not closed'],
    ['status.a == 1 at 5%', 'USAGE', '--until, column 15: expected "and", "or", "on" or the end, found "at"'],
    [
      'status.a == 1 on all',
      'USAGE',
      '--until, column 18: expected a share such as 95%, or a number such as 5 devices, found "all"',
    ],
    ['status.a == 1 on 5 devices now', 'USAGE', '--until, column 28: expected the end, found "now"'],
    ['status.a == 1 on 0%', 'USAGE', '--until: 0% of the devices is more than none and at most 100%'],
    ['status.a == 1 on 101%', 'USAGE', '--until: 101% of the devices is more than none and at most 100%'],
    ['status.a == 1 on 0 devices', 'USAGE', '--until: on 0 devices holds before anything has happened'],
    ['(status.a == 1', 'USAGE', '--until, column 15: expected "and", "or" or ")", found the end'],
    ['sattus.a == 1', 'USAGE', '--until: there are no events "sattus"'],
    ['status == 1', 'USAGE', '--until: "status" names no member of an event'],
    ['status. == 1', 'USAGE', '--until: "status." names no member of an event'],
    [Array(16).fill('status.a == 1').join(' or '), 'LIMIT_EXCEEDED', '--until: more than 15 comparisons'],
    [`${'('.repeat(33)}status.a == 1`, 'LIMIT_EXCEEDED', '--until: parentheses nest more than 32 deep'],
  ])('%s', (text, code, message) => {
    expect(() => parsePredicate(text)).toThrow(expect.objectContaining({ code, message }));
  });

  test('with nothing but an OtaError, whatever the text', () => {
    const fragments = [
      '(',
      ')',
      'status.a',
      'event.type',
      '==',
      '<',
      '~',
      '"',
      "'",
      '1',
      ' and ',
      ' or ',
      ' on ',
      '5%',
      '5 devices',
      '\0',
    ];
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...fragments), { maxLength: 30 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          parsePredicate(input);
        } catch (error) {
          expect(error).toBeInstanceOf(OtaError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test('the figures are those of a model that keeps every event', () => {
  const value = fc.constantFrom(1, 2, undefined);
  const event = fc.record({
    type: fc.constantFrom('status', 'rollout'),
    device: fc.constantFrom('a', 'b', 'c', undefined),
    body: fc.record({ x: value, y: value }).map((body) => JSON.parse(JSON.stringify(body))),
  });
  const predicate = 'status.x == 1 and (rollout.y == 2 or event.y != 1) on 2 devices';
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const latest = (device: string | undefined, type: string | undefined, member: 'x' | 'y') =>
        events.findLast(
          (one) => one.device === device && (type === undefined || one.type === type) && one.body[member] !== undefined,
        )?.body[member];
      const known = (device: string, type: string | undefined, member: 'x' | 'y') =>
        latest(device, type, member) ?? latest(undefined, type, member);
      const spoke = (device: string) =>
        [latest(device, 'status', 'x'), latest(device, 'rollout', 'y'), latest(device, undefined, 'y')].some(
          (said) => said !== undefined,
        );
      const matched = ['a', 'b', 'c'].filter(
        (device) =>
          spoke(device) &&
          known(device, 'status', 'x') === 1 &&
          (known(device, 'rollout', 'y') === 2 || known(device, undefined, 'y') === 2),
      ).length;
      expect(stateAfter(predicate, events).figures(3)).toEqual({ met: matched >= 2, matched, devices: 3 });
    }),
    { numRuns: 1000 },
  );
});

test('more devices than it may remember end the wait', () => {
  const state = new PredicateState(parsePredicate('status.a == 1 on 100%'), { maxDevices: 2 });
  for (const device of ['a', 'b', 'a']) state.observe(status(device, { a: 1 }));
  state.observe(status('c', { b: 1 }));
  expect(() => state.observe(status('c', { a: 1 }))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  expect(state.figures(3)).toEqual({ met: false, matched: 2, devices: 3 });
});

import { expect, test } from 'vitest';
import { applyEvent, EVENT_PHASES } from '../../../src/lib/rollout/apply-event.js';
import type { CampaignEvent, CampaignEventType } from '../../../src/lib/rollout/campaign-event.js';
import { CAMPAIGN_PHASES, type CampaignPhase, type CampaignState } from '../../../src/lib/rollout/campaign-state.js';
import type { StageFigures, StageVerdict } from '../../../src/lib/rollout/observation.js';
import { campaignPlan, PREVIOUS } from '../../support/campaign-plan.js';

const plan = campaignPlan({ sizes: [2, 3], onAbort: 'rollback' });
const some = ['s1-0000', 's1-0001'];

function figures(change: Partial<StageFigures> = {}): StageFigures {
  const none = { waiting: 0, running: 0, stuck: 0, installed: 0, failed: 0, canceled: 0, already: 0, gone: 0 };
  const counts = { ...none, ...change };
  return { total: Object.values(counts).reduce((sum, count) => sum + count, 0), ...counts };
}

const hold: StageVerdict = { decision: 'hold', reason: '', gates: [] };
const opened: CampaignEvent = { type: 'opened', by: 'ada', name: 'spring', planDigest: 'c'.repeat(64), planned: '' };
const preparing = (stage: number, from: number, to: number): CampaignEvent => ({
  type: 'preparing',
  portion: `spring.s${stage + 1}.${from}`,
  stage,
  software: null,
  range: [from, to],
  devices: null,
});
const preparingBack: CampaignEvent = {
  type: 'preparing',
  portion: 'spring.back0',
  stage: null,
  software: PREVIOUS,
  range: null,
  devices: some,
};
const prepared = (portion: string): CampaignEvent => ({ type: 'prepared', portion, ref: '7' });
const of = (type: 'starting' | 'started' | 'held' | 'stopping' | 'stopped', portion: string): CampaignEvent => ({
  type,
  portion,
});
const started = (stage: number, from: number, to: number): CampaignEvent[] => {
  const portion = `spring.s${stage + 1}.${from}`;
  return [preparing(stage, from, to), prepared(portion), of('starting', portion), of('started', portion)];
};
const judged = (stage: number, change?: Partial<StageFigures>): CampaignEvent => ({
  type: 'judged',
  stage,
  figures: figures(change),
  verdict: hold,
  goodSince: null,
});
const passed = (stage: number): CampaignEvent => ({ type: 'passed', stage, figures: figures() });
const paused: CampaignEvent = { type: 'paused', by: 'gates', cause: 'gate', reason: 'too many failed' };
const resumed: CampaignEvent = { type: 'resumed', by: 'ada' };
const approved = (stage: number): CampaignEvent => ({ type: 'approved', stage, by: 'ada', remark: '' });
const aborting = (thenRollBack: boolean): CampaignEvent => ({
  type: 'aborting',
  by: 'ada',
  cause: 'operator',
  reason: '',
  thenRollBack,
});
const retrying: CampaignEvent = { type: 'retrying', by: 'ada', stage: 0, devices: ['s1-0000'], failed: 1, canceled: 0 };
const goingBack: CampaignEvent = {
  type: 'rolling-back',
  by: 'ada',
  batches: [{ software: PREVIOUS, devices: some }],
  cannot: [],
};
const returning: CampaignEvent = { type: 'returning', figures: figures({ running: 2 }) };
const counted: CampaignEvent = { type: 'counted', stages: [{ stage: 0, figures: figures({ installed: 2 }) }] };
const ended = (phase: 'finished' | 'aborted' | 'rolled-back' | 'rollback-failed'): CampaignEvent => ({
  type: 'ended',
  phase,
  reason: '',
});

const stopped = (portion: string): CampaignEvent[] => [of('stopping', portion), of('stopped', portion)];
const back = [preparingBack, prepared('spring.back0'), of('starting', 'spring.back0'), of('started', 'spring.back0')];

/** The shortest way into each phase, its first stage given but not passed where it can be. */
const wayTo: Record<CampaignPhase, CampaignEvent[]> = {
  running: [opened, ...started(0, 0, 2)],
  paused: [opened, ...started(0, 0, 2), paused],
  aborting: [opened, ...started(0, 0, 2), aborting(false)],
  'rolling-back': [opened, ...started(0, 0, 2), aborting(true), ...stopped('spring.s1.0'), goingBack],
  finished: [opened, ...started(0, 0, 2), passed(0), ...started(1, 0, 3), passed(1), ended('finished')],
  aborted: [opened, ...started(0, 0, 2), aborting(false), ...stopped('spring.s1.0'), ended('aborted')],
  'rolled-back': [
    opened,
    ...started(0, 0, 2),
    aborting(true),
    ...stopped('spring.s1.0'),
    goingBack,
    ...back,
    ended('rolled-back'),
  ],
  'rollback-failed': [
    opened,
    ...started(0, 0, 2),
    aborting(true),
    ...stopped('spring.s1.0'),
    goingBack,
    ...back,
    ended('rollback-failed'),
  ],
};

function play(events: readonly CampaignEvent[]): CampaignState {
  let state: CampaignState | undefined;
  for (const [at, event] of events.entries()) state = applyEvent(state, { time: 1_000 + at, event }, plan);
  return state!;
}

/** For each event and phase: what has to have happened in that phase before, and an event that is right there. */
const right: Record<CampaignEventType, Partial<Record<CampaignPhase, readonly [CampaignEvent[], CampaignEvent]>>> = {
  opened: {},
  preparing: { running: [[passed(0)], preparing(1, 0, 1)], 'rolling-back': [[], preparingBack] },
  prepared: {
    running: [[passed(0), preparing(1, 0, 1)], prepared('spring.s2.0')],
    aborting: [[], prepared('spring.s2.0')],
    'rolling-back': [[preparingBack], prepared('spring.back0')],
  },
  starting: {
    running: [[passed(0), preparing(1, 0, 1), prepared('spring.s2.0')], of('starting', 'spring.s2.0')],
    'rolling-back': [back.slice(0, 2), of('starting', 'spring.back0')],
  },
  started: {
    running: [
      [passed(0), preparing(1, 0, 1), prepared('spring.s2.0'), of('starting', 'spring.s2.0')],
      of('started', 'spring.s2.0'),
    ],
    'rolling-back': [back.slice(0, 3), of('started', 'spring.back0')],
  },
  held: { paused: [[], of('held', 'spring.s1.0')] },
  stopping: { aborting: [[], of('stopping', 'spring.s1.0')] },
  stopped: { aborting: [[of('stopping', 'spring.s1.0')], of('stopped', 'spring.s1.0')] },
  lost: {
    running: [[], { type: 'lost', portion: 'spring.s1.0', reason: '' }],
    aborting: [[], { type: 'lost', portion: 'spring.s1.0', reason: '' }],
    'rolling-back': [back.slice(0, 1), { type: 'lost', portion: 'spring.back0', reason: '' }],
  },
  judged: { running: [[], judged(0)] },
  passed: { running: [[], passed(0)] },
  approved: { running: [[], approved(0)], paused: [[], approved(0)] },
  paused: { running: [[], paused] },
  resumed: { paused: [[], resumed] },
  aborting: {
    running: [[], aborting(false)],
    paused: [[], aborting(false)],
    aborting: [[], aborting(true)],
    finished: [[], aborting(true)],
    aborted: [[], aborting(true)],
    'rollback-failed': [[], aborting(true)],
  },
  'rolling-back': { aborting: [[aborting(true), ...stopped('spring.s1.0')], goingBack] },
  returning: { 'rolling-back': [[], returning] },
  retrying: {
    running: [[], retrying],
    paused: [[], retrying],
    finished: [[], { ...retrying, stage: 1 } as CampaignEvent],
  },
  failures: {
    running: [[], { type: 'failures', stage: 0, devices: [], more: 0 }],
    paused: [[], { type: 'failures', stage: 0, devices: [], more: 0 }],
    aborting: [[], { type: 'failures', stage: null, devices: [], more: 0 }],
    'rolling-back': [[], { type: 'failures', stage: null, devices: [], more: 0 }],
  },
  noted: Object.fromEntries(CAMPAIGN_PHASES.map((phase) => [phase, [[], { type: 'noted', text: 'x' }]])),
  counted: {
    running: [[passed(0), ...started(1, 0, 3), passed(1)], counted],
    aborting: [stopped('spring.s1.0'), counted],
  },
  ended: {
    running: [[passed(0), ...started(1, 0, 3), passed(1)], ended('finished')],
    aborting: [stopped('spring.s1.0'), ended('aborted')],
    'rolling-back': [back, ended('rolled-back')],
  },
};

/** An event of the type, whatever fits. */
const any: Record<CampaignEventType, CampaignEvent> = {
  opened,
  preparing: preparing(0, 2, 3),
  prepared: prepared('spring.s1.0'),
  starting: of('starting', 'spring.s1.0'),
  started: of('started', 'spring.s1.0'),
  held: of('held', 'spring.s1.0'),
  stopping: of('stopping', 'spring.s1.0'),
  stopped: of('stopped', 'spring.s1.0'),
  lost: { type: 'lost', portion: 'spring.s1.0', reason: '' },
  judged: judged(0),
  passed: passed(0),
  approved: approved(0),
  paused,
  resumed,
  aborting: aborting(true),
  'rolling-back': goingBack,
  returning,
  retrying,
  failures: { type: 'failures', stage: 0, devices: [], more: 0 },
  noted: { type: 'noted', text: 'x' },
  counted,
  ended: ended('finished'),
};

const damaged = expect.objectContaining({ code: 'STORE_DAMAGED' });

for (const phase of CAMPAIGN_PHASES) {
  test(`to a campaign that is ${phase} happens what can happen, and nothing else`, () => {
    expect(play(wayTo[phase]).phase).toBe(phase);
    for (const type of Object.keys(any) as CampaignEventType[]) {
      const [before, event] = right[type][phase] ?? [[], any[type]];
      if (phase === 'aborting' && type === 'prepared') continue; // see the test of a portion that was cut
      const state = play([...wayTo[phase], ...before]);
      const apply = () => applyEvent(state, { time: 5_000, event }, plan);
      expect(EVENT_PHASES[type].includes(phase), `${type} while ${phase}`).toBe(right[type][phase] !== undefined);
      if (right[type][phase] === undefined) expect(apply, `${type} while ${phase}`).toThrow(damaged);
      else expect(apply().updatedAt, `${type} while ${phase}`).toBe(5_000);
    }
  });
}

test('a portion that was cut while it was made can still be stopped', () => {
  const cut = [opened, preparing(0, 0, 2), aborting(false)];
  expect(() => play([...cut, of('stopping', 'spring.s1.0')])).toThrow(damaged);
  expect(play([...cut, prepared('spring.s1.0'), ...stopped('spring.s1.0'), ended('aborted')]).phase).toBe('aborted');
});

test('a journal begins with its opening, once, and is about its plan', () => {
  expect(() => play([resumed])).toThrow(damaged);
  expect(() => play([opened, opened])).toThrow(damaged);
  expect(() => play([{ ...opened, name: 'autumn' } as CampaignEvent])).toThrow(damaged);
});

test.each<[string, CampaignEvent[]]>([
  ['a device in two portions', [opened, ...started(0, 0, 1), preparing(0, 0, 2)]],
  ['a device that is left out', [opened, ...started(0, 0, 1), passed(0)]],
  ['a gap between portions', [opened, preparing(0, 1, 2)]],
  ['more devices than there are', [opened, preparing(0, 0, 3)]],
  ['a portion without devices', [opened, preparing(0, 0, 0)]],
  [
    'a portion of the same name',
    [opened, preparing(0, 0, 1), { ...preparing(0, 1, 2), portion: 'spring.s1.0' } as CampaignEvent],
  ],
  ['a stage before the one before it has passed', [opened, ...started(0, 0, 2), preparing(1, 0, 3)]],
  ['a stage that passes with a portion not started', [opened, preparing(0, 0, 2), passed(0)]],
  ['a verdict before anything was started', [opened, preparing(0, 0, 2), judged(0)]],
  ['a start before it is prepared', [opened, preparing(0, 0, 2), of('starting', 'spring.s1.0')]],
  [
    'a start without its announcement',
    [opened, preparing(0, 0, 2), prepared('spring.s1.0'), of('started', 'spring.s1.0')],
  ],
  ['a start of what was never made', [opened, of('starting', 'spring.s9.0')]],
  ['an end before all stages have passed', [opened, ...started(0, 0, 2), passed(0), ended('finished')]],
  ['an abort that ends before all is stopped', [opened, ...started(0, 0, 2), aborting(false), ended('aborted')]],
  ['an abort that forgets to go back', [opened, aborting(true), ended('aborted')]],
  ['going back before all is stopped', [opened, ...started(0, 0, 2), aborting(true), goingBack]],
  ['going back that nobody asked for', [opened, aborting(false), goingBack]],
  [
    'going back with other devices',
    [...wayTo['rolling-back'], { ...preparingBack, devices: ['s1-0000'] } as CampaignEvent],
  ],
  ['an end before all were asked to go back', [...wayTo['rolling-back'], ended('rolled-back')]],
  ['an abort without a way back that is asked for twice', [opened, aborting(true), aborting(false), aborting(false)]],
  ['a finished campaign aborted by a gate', [...wayTo.finished, { ...aborting(true), cause: 'gate' } as CampaignEvent]],
  [
    'a retry of other devices',
    [opened, ...started(0, 0, 2), retrying, { ...preparing(0, 0, 0), range: null, devices: ['x'] } as CampaignEvent],
  ],
  ['two retries at once', [opened, ...started(0, 0, 2), retrying, retrying]],
])('a journal is refused that tells of %s', (_, events) => {
  expect(play(events.slice(0, -1)).phase).toBeTypeOf('string');
  expect(() => play(events)).toThrow(damaged);
});

test('time never goes back', () => {
  const state = play(wayTo.running);
  expect(applyEvent(state, { time: 10, event: paused }, plan).updatedAt).toBe(state.updatedAt);
});

test('the rate grows each time as many devices are installed as had been given', () => {
  let state = play([opened, ...started(0, 0, 1)]);
  expect(state.stages[0]!.rate).toEqual({ grown: 0, nextAt: 1 });
  for (const event of started(0, 1, 2)) state = applyEvent(state, { time: 2_000, event }, plan);
  state = applyEvent(state, { time: 2_000, event: judged(0, { running: 2 }) }, plan);
  expect(state.stages[0]!.rate.grown).toBe(0);
  state = applyEvent(state, { time: 2_000, event: judged(0, { installed: 1, running: 1 }) }, plan);
  expect(state.stages[0]!.rate).toEqual({ grown: 1, nextAt: 2 });
});

test('devices that try again are no evidence until they have ended', () => {
  const state = play([...wayTo.running, judged(0, { installed: 1, failed: 1 }), retrying]);
  expect(state.stages[0]).toMatchObject({
    figures: figures({ installed: 1, waiting: 1 }),
    retryDevices: ['s1-0000'],
    retried: { failed: 1, canceled: 0 },
    retries: 1,
  });
});

test('stages are counted once, and only when all is stopped or has passed', () => {
  const stoppedAll = [opened, ...started(0, 0, 2), aborting(false), ...stopped('spring.s1.0')];
  const state = play([...stoppedAll, counted]);
  expect(state.stages[0]!.figures).toMatchObject({ installed: 2 });
  expect(() => play([...stoppedAll, counted, counted])).toThrow(damaged);
  expect(() => play([opened, ...started(0, 0, 2), aborting(false), counted])).toThrow(damaged);
  expect(() => play([opened, ...started(0, 0, 2), counted])).toThrow(damaged);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type GroupFacts,
  nextStep,
  type RolloutFacts,
  type Step,
} from '../../../../src/lib/server/rollouts/next-step.js';
import { ROLLOUT_STATUSES } from '../../../../src/lib/server/rollouts/rollout-status.js';

const NOW = 1_000_000;

function group(facts: Partial<GroupFacts> = {}): GroupFacts {
  return {
    ...{ id: 1, status: 'scheduled', total: 10, waiting: 0, alreadyAssigned: 0, active: 0, finished: 0, errors: 0 },
    ...{ successThreshold: 50, successAction: 'nextgroup', errorThreshold: 50, hasSucceeded: false },
    ...facts,
  } as GroupFacts;
}

function step(facts: Partial<RolloutFacts>): Step | undefined {
  const rollout: RolloutFacts = {
    ...{ status: 'running', startAt: null, needsApproval: false, groups: [] },
    ...{ uncancelled: 0, active: 0, wasStarted: false },
    ...facts,
  };
  return nextStep(rollout, NOW);
}

const running = (facts: Partial<GroupFacts> = {}) => group({ status: 'running', ...facts });
const next = group({ id: 2, waiting: 10 });

describe('what is to be done with a rollout', () => {
  test.each<[string, Partial<RolloutFacts>, Step | undefined]>([
    [
      'is made: its groups are filled one after the other',
      { status: 'creating', groups: [group({ status: 'ready' }), group({ id: 2, status: 'creating' })] },
      { kind: 'fill', groupId: 2 },
    ],
    ['is made, approved by nobody', { status: 'creating' }, { kind: 'become', status: 'ready' }],
    [
      'is made and needs approval',
      { status: 'creating', needsApproval: true },
      { kind: 'become', status: 'waiting_for_approval' },
    ],
    ['is ready and has no time', { status: 'ready' }, undefined],
    ['is ready before its time', { status: 'ready', startAt: NOW + 1 }, undefined],
    ['is ready at its time', { status: 'ready', startAt: NOW }, { kind: 'become', status: 'starting' }],
    ['starts', { status: 'starting' }, { kind: 'begin' }],
    ['stops: actions are cancelled', { status: 'stopping', uncancelled: 1 }, { kind: 'cancel', isForced: false }],
    ['stops: devices were asked', { status: 'stopping', active: 3 }, { kind: 'become', status: 'stopped' }],
    ['is deleted under way', { status: 'deleting', active: 1 }, { kind: 'cancel', isForced: true }],
    ['is deleted as history', { status: 'deleting', wasStarted: true }, { kind: 'become', status: 'deleted' }],
    ['is deleted before it began', { status: 'deleting' }, { kind: 'remove' }],
  ])('that %s', (_what, facts, expected) => {
    expect(step(facts)).toEqual(expected);
  });

  test.each(['waiting_for_approval', 'approval_denied', 'paused', 'stopped', 'finished', 'deleted'] as const)(
    'that is %s: nothing, whatever its groups do',
    (status) => {
      const groups = [running({ waiting: 3, errors: 10 }), next];
      expect(step({ status, groups, active: 5, uncancelled: 5 })).toBeUndefined();
    },
  );
});

describe('what is to be done with a running rollout', () => {
  test.each<[string, GroupFacts[], Step | undefined]>([
    ['gives the devices of a group the set', [running({ waiting: 1 }), next], { kind: 'give', groupId: 1 }],
    ['waits for devices', [running({ active: 6, finished: 4 }), next], undefined],
    [
      'goes on at exactly its percentage of success',
      [running({ active: 5, finished: 5 }), next],
      { kind: 'succeed', groupId: 1, next: 2, pauses: false },
    ],
    [
      'pauses on success before the next group',
      [running({ active: 5, finished: 5, successAction: 'pause' }), next],
      { kind: 'succeed', groupId: 1, next: undefined, pauses: true },
    ],
    [
      'does not pause on the success of its last group',
      [running({ active: 5, finished: 5, successAction: 'pause' })],
      { kind: 'succeed', groupId: 1, next: undefined, pauses: false },
    ],
    ['bears exactly its percentage of errors', [running({ active: 5, errors: 5 }), next], undefined],
    [
      'fails above it',
      [running({ active: 4, errors: 6 }), next],
      { kind: 'fail', groupIds: [1], reason: 'errorCondition' },
    ],
    [
      'fails at the first error when it bears none',
      [running({ errorThreshold: 0, active: 9, errors: 1 }), next],
      { kind: 'fail', groupIds: [1], reason: 'errorCondition' },
    ],
    [
      'bears all errors without a condition',
      [running({ errorThreshold: null, active: 1, errors: 9 }), next],
      undefined,
    ],
    [
      'fails all groups at once that fail together (hawkbit#2161)',
      [running({ errors: 9, active: 1 }), running({ id: 2, errors: 8, active: 2 }), group({ id: 3, waiting: 10 })],
      { kind: 'fail', groupIds: [1, 2], reason: 'errorCondition' },
    ],
    [
      'fails before it goes on, when both conditions are met',
      [running({ successThreshold: 10, errorThreshold: 10, finished: 5, errors: 5 }), next],
      { kind: 'fail', groupIds: [1], reason: 'errorCondition' },
    ],
    [
      'goes on after an error when an operator resumes it',
      [group({ status: 'error', errors: 6, active: 4 }), next],
      { kind: 'start-group', groupId: 2 },
    ],
    [
      'gives the rest of a failed group the set when an operator resumes it',
      [group({ status: 'error', errors: 6, waiting: 4 }), next],
      { kind: 'give', groupId: 1 },
    ],
    [
      'goes on after a pause on success',
      [running({ active: 5, finished: 5, successAction: 'pause', hasSucceeded: true }), next],
      { kind: 'start-group', groupId: 2 },
    ],
    [
      'pauses when a group has ended without its success',
      [group({ status: 'finished', finished: 4, errors: 5 }), next],
      { kind: 'fail', groupIds: [1], reason: 'successNotReached' },
    ],
    ['ends a group', [running({ finished: 10 }), next], { kind: 'finish-group', groupId: 1 }],
    [
      'is held up by no empty group',
      [group({ status: 'finished', total: 0 }), next],
      { kind: 'succeed', groupId: 1, next: 2, pauses: false },
    ],
    [
      'counts only devices that were updated',
      [running({ alreadyAssigned: 8, active: 1, finished: 1, successThreshold: 60 }), next],
      undefined,
    ],
    [
      'finds errors among the few that were updated',
      [running({ alreadyAssigned: 8, active: 0, finished: 0, errors: 2 }), next],
      { kind: 'fail', groupIds: [1], reason: 'errorCondition' },
    ],
    [
      'is finished when all groups are',
      [group({ status: 'finished', finished: 10, hasSucceeded: true }), group({ id: 2, status: 'error', errors: 10 })],
      { kind: 'become', status: 'finished' },
    ],
    ['waits for the devices of a failed last group', [group({ status: 'error', errors: 6, active: 4 })], undefined],
  ])('%s', (_what, groups, expected) => {
    expect(step({ groups })).toEqual(expected);
  });
});

describe('a whole rollout', () => {
  interface World {
    facts: RolloutFacts;
    pauses: number;
  }

  /** What a step does, without any database. */
  function apply({ facts, pauses }: World, taken: Step, chunk: number): World {
    const setGroups = (ids: readonly number[], change: (one: GroupFacts) => Partial<GroupFacts>): World => ({
      facts: { ...facts, groups: facts.groups.map((one) => (ids.includes(one.id) ? { ...one, ...change(one) } : one)) },
      pauses,
    });
    const withStatus = (world: World, status: RolloutFacts['status']): World => ({
      facts: { ...world.facts, status },
      pauses: world.pauses + (status === 'paused' ? 1 : 0),
    });
    switch (taken.kind) {
      case 'become':
        return withStatus({ facts, pauses }, taken.status);
      case 'begin': {
        const all = facts.groups.map((one, index) => ({ ...one, status: index === 0 ? 'running' : 'scheduled' }));
        return { facts: { ...facts, status: 'running', groups: all as GroupFacts[] }, pauses };
      }
      case 'give':
        return setGroups([taken.groupId], ({ waiting, active }) => {
          const given = Math.min(chunk, waiting);
          return { waiting: waiting - given, active: active + given };
        });
      case 'fail':
        return withStatus(
          setGroups(taken.groupIds, () => ({ status: 'error' })),
          'paused',
        );
      case 'finish-group':
        return setGroups([taken.groupId], () => ({ status: 'finished' }));
      case 'start-group':
        return setGroups([taken.groupId], () => ({ status: 'running' }));
      case 'succeed': {
        const done = setGroups([taken.groupId], () => ({ hasSucceeded: true }));
        if (taken.pauses) return withStatus(done, 'paused');
        const groups = done.facts.groups.map((one) => (one.id === taken.next ? { ...one, status: 'running' } : one));
        return { facts: { ...done.facts, groups: groups as GroupFacts[] }, pauses };
      }
      default:
        throw new Error(`a rollout that was started does not ${taken.kind}`);
    }
  }

  const someGroup = fc.record({
    total: fc.nat(8),
    successThreshold: fc.constantFrom(0, 50, 100),
    successAction: fc.constantFrom('nextgroup' as const, 'pause' as const),
    errorThreshold: fc.constantFrom(null, 0, 50),
  });

  test('ends, whatever its devices report and whenever: everybody is given the set once, nobody while it is paused', () => {
    fc.assert(
      fc.property(
        fc.array(someGroup, { minLength: 1, maxLength: 5 }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        (plan, outcomes, chunk) => {
          const groups = plan.map((one, index) =>
            group({ ...one, id: index + 1, status: 'ready', waiting: one.total }),
          );
          const facts: RolloutFacts = {
            ...{ status: 'starting', startAt: null, needsApproval: false, groups },
            ...{ uncancelled: 0, active: 0, wasStarted: true },
          };
          let world: World = { facts, pauses: 0 };
          let reports = 0;
          for (let turn = 0; world.facts.status !== 'finished'; turn++) {
            expect(turn).toBeLessThan(1_000);
            const taken = nextStep(world.facts, NOW);
            if (taken !== undefined) {
              world = apply(world, taken, chunk);
              continue;
            }
            const working = world.facts.groups.find(({ active }) => active > 0);
            if (working !== undefined) {
              // Some device ends, well or not.
              const isGood = outcomes[reports++ % outcomes.length]!;
              const ended = { active: working.active - 1, finished: working.finished, errors: working.errors };
              ended[isGood ? 'finished' : 'errors'] += 1;
              const after = world.facts.groups.map((one) => (one === working ? { ...one, ...ended } : one));
              world = { ...world, facts: { ...world.facts, groups: after } };
            } else {
              // Only an operator takes a pause away.
              expect(world.facts.status).toBe('paused');
              world = { ...world, facts: { ...world.facts, status: 'running' } };
            }
          }
          for (const { total, finished, errors, waiting, active } of world.facts.groups) {
            expect({ given: finished + errors, waiting, active }).toEqual({ given: total, waiting: 0, active: 0 });
          }
          expect(world.pauses).toBeLessThanOrEqual(2 * plan.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('has a next step, or none, in every status', () => {
    for (const status of ROLLOUT_STATUSES) expect(() => step({ status, groups: [running(), next] })).not.toThrow();
  });
});

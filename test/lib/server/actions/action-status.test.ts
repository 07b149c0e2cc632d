import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ACTION_STATUSES,
  ACTION_TYPES,
  type ActionEvent,
  type ActionStatus,
  isActive,
  nextStatus,
} from '../../../../src/lib/server/actions/action-status.js';
import { DDI_EXECUTIONS, DDI_RESULTS } from '../../../../src/lib/wire/ddi.js';

const report = (execution: string, finished = 'none') => ({ kind: 'report', execution, finished }) as ActionEvent;
const answer = (execution: string, finished = 'none') =>
  ({ kind: 'answer-cancel', execution, finished }) as ActionEvent;

const OPEN = ['running', 'retrieved', 'download', 'downloaded', 'warning'] as const;

/** [event, from, to, history]; what is not listed cannot happen. */
const TABLE: [ActionEvent, readonly ActionStatus[], ActionStatus, string | undefined][] = [
  [{ kind: 'confirm' }, ['wait_for_confirmation'], 'running', 'running'],
  [{ kind: 'deny' }, ['wait_for_confirmation'], 'wait_for_confirmation', 'wait_for_confirmation'],
  [{ kind: 'retrieve' }, ['running'], 'retrieved', 'retrieved'],
  ...(['retrieved', 'download', 'downloaded', 'warning', 'canceling'] as const).map(
    (status) => [{ kind: 'retrieve' }, [status], status, undefined] as (typeof TABLE)[number],
  ),
  [report('closed', 'success'), [...OPEN, 'canceling'], 'finished', 'finished'],
  [report('closed', 'none'), [...OPEN, 'canceling'], 'finished', 'finished'],
  [report('closed', 'failure'), [...OPEN, 'canceling'], 'error', 'error'],
  [report('canceled', 'success'), [...OPEN, 'canceling'], 'canceled', 'canceled'],
  [report('proceeding'), OPEN, 'running', 'running'],
  [report('scheduled'), OPEN, 'running', 'running'],
  [report('resumed'), OPEN, 'running', 'running'],
  [report('download'), OPEN, 'download', 'download'],
  [report('downloaded'), OPEN, 'downloaded', 'downloaded'],
  [report('rejected'), OPEN, 'warning', 'warning'],
  [report('proceeding'), ['canceling'], 'canceling', 'running'],
  [report('scheduled'), ['canceling'], 'canceling', 'running'],
  [report('resumed'), ['canceling'], 'canceling', 'running'],
  [report('download'), ['canceling'], 'canceling', 'download'],
  [report('downloaded'), ['canceling'], 'canceling', 'downloaded'],
  [report('rejected'), ['canceling'], 'canceling', 'warning'],
  [answer('closed', 'success'), ['canceling'], 'canceled', 'canceled'],
  [answer('closed', 'none'), ['canceling'], 'canceled', 'canceled'],
  [answer('canceled', 'success'), ['canceling'], 'canceled', 'canceled'],
  [answer('closed', 'failure'), ['canceling'], 'running', 'cancel_rejected'],
  [answer('rejected'), ['canceling'], 'running', 'cancel_rejected'],
  [answer('proceeding'), ['canceling'], 'canceling', 'canceling'],
  [answer('scheduled'), ['canceling'], 'canceling', 'canceling'],
  [answer('resumed'), ['canceling'], 'canceling', 'canceling'],
  [answer('download'), ['canceling'], 'canceling', 'canceling'],
  [answer('downloaded'), ['canceling'], 'canceling', 'canceling'],
  [{ kind: 'cancel' }, ['wait_for_confirmation', ...OPEN], 'canceling', 'canceling'],
  [{ kind: 'force-cancel' }, ['canceling'], 'canceled', 'canceled'],
  [{ kind: 'fail' }, ['wait_for_confirmation', ...OPEN, 'canceling'], 'error', 'error'],
  [{ kind: 'time-out' }, ['wait_for_confirmation', ...OPEN, 'canceling'], 'error', 'error'],
];

const named = ({ kind, ...rest }: ActionEvent) => [kind, ...Object.values(rest)].join(' ');

describe('an action', () => {
  describe.each(TABLE.map((row) => [named(row[0]), ...row] as const))('%s', (_, event, from, status, recorded) => {
    test.each(ACTION_STATUSES)('from %s', (before) => {
      const others = TABLE.filter((row) => named(row[0]) === named(event));
      const [, , expectedStatus, expectedEntry] = others.find((row) => row[1].includes(before)) ?? [];
      const expected = expectedStatus && { status: expectedStatus, recorded: expectedEntry };
      expect(nextStatus(before, 'forced', event)).toEqual(expected);
      if (from.includes(before)) expect(expected).toEqual({ status, recorded });
    });
  });

  test('that is only to be downloaded ends with the download', () => {
    expect(nextStatus('download', 'downloadonly', report('downloaded'))).toMatchObject({ status: 'downloaded' });
    expect(isActive('downloaded', 'downloadonly')).toBe(false);
    expect(isActive('downloaded', 'forced')).toBe(true);
    expect(nextStatus('downloaded', 'downloadonly', { kind: 'cancel' })).toBeUndefined();
  });

  const anyEvent: fc.Arbitrary<ActionEvent> = fc.oneof(
    fc
      .constantFrom('confirm', 'deny', 'retrieve', 'cancel', 'force-cancel', 'fail', 'time-out')
      .map((kind) => ({ kind }) as ActionEvent),
    fc.record({
      kind: fc.constantFrom('report' as const, 'answer-cancel' as const),
      execution: fc.constantFrom(...DDI_EXECUTIONS),
      finished: fc.constantFrom(...DDI_RESULTS),
    }),
  );

  test('stays ended once it has ended, and can be ended from wherever events have led it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ACTION_TYPES),
        fc.constantFrom('running' as const, 'wait_for_confirmation' as const),
        fc.array(anyEvent, { maxLength: 30 }),
        (type, first, events) => {
          let status: ActionStatus = first;
          for (const event of events) {
            const next = nextStatus(status, type, event);
            if (!isActive(status, type)) expect(next).toBeUndefined();
            status = next?.status ?? status;
          }
          if (!isActive(status, type)) return;
          const canceling = nextStatus(status, type, { kind: 'cancel' })?.status ?? status;
          expect(nextStatus(canceling, type, { kind: 'force-cancel' })?.status).toBe('canceled');
        },
      ),
    );
  });
});

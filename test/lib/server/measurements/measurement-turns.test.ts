import { expect, test } from 'vitest';
import { MeasurementTurns } from '../../../../src/lib/server/measurements/measurement-turns.js';

const here = () => new AbortController().signal;

/** Work that is under way until it is let go of. */
function heldWork() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let begun = 0;
  const work = () => {
    begun++;
    return promise;
  };
  return { work, end: () => resolve('done'), fail: reject, begun: () => begun };
}

test('one tenant is measured once at a time, and holds up no other', async () => {
  const turns = new MeasurementTurns();
  const [first, second, theirs] = [heldWork(), heldWork(), heldWork()];
  const asked = [turns.inTurn(1, here(), first.work), turns.inTurn(1, here(), second.work)];
  const other = turns.inTurn(2, here(), theirs.work);
  theirs.end();
  expect(await other).toBe('done');
  expect([first.begun(), second.begun()]).toEqual([1, 0]);
  first.fail(new Error('broken'));
  second.end();
  await expect(asked[0]).rejects.toThrow('broken');
  expect(await asked[1]).toBe('done');
});

test('who has gone is not measured for, and whoever asks too often is told to come back', async () => {
  const turns = new MeasurementTurns();
  const [first, gone, others] = [heldWork(), heldWork(), heldWork()];
  const left = new AbortController();
  const asked = [turns.inTurn(1, here(), first.work), turns.inTurn(1, left.signal, gone.work)];
  for (let count = 2; count < 32; count++) asked.push(turns.inTurn(1, here(), others.work));
  const ended = Promise.allSettled(asked);
  await expect(turns.inTurn(1, here(), others.work)).rejects.toMatchObject({ status: 429, code: 'RATE_LIMITED' });
  left.abort();
  first.end();
  others.end();
  expect((await ended).filter(({ status }) => status === 'rejected')).toHaveLength(1);
  expect([gone.begun(), others.begun()]).toEqual([0, 30]);
  expect(await turns.inTurn(1, here(), async () => 'again')).toBe('again');
});

import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import {
  DISK_CALLS,
  emptyTally,
  FAILING_CALLS,
  failuresAt,
  killsAt,
  randomKills,
  replayThroughTroubles,
} from '../support/replay-trials.js';

const seed = fc.readConfigureGlobal().seed!;
const tally = emptyTally();

afterAll(() => console.log(`fleet replay: ${JSON.stringify(tally)}`));

// More of it: `npm run proof`; others: FUZZ_SEED.
describe(`a replay of seed ${seed} brings out each message once`, () => {
  test.each([0, 1, 2])('killed at any moment, recording %i', async (index) => {
    const life = { seed: seed * 1000 + index, lines: 60_000 };
    expect(await replayThroughTroubles(life, randomKills(life.seed, 2_000_000), tally)).toEqual([]);
  });

  test.each(DISK_CALLS)('killed at calls of %s', async (syscall) => {
    const life = { seed: seed * 1000 + 100 + DISK_CALLS.indexOf(syscall), lines: 30_000 };
    expect(await replayThroughTroubles(life, killsAt(syscall, life.seed, 5), tally)).toEqual([]);
  });

  test.each(FAILING_CALLS)('though %s fails on a broken or full disk', async (syscall) => {
    const life = { seed: seed * 1000 + 200 + FAILING_CALLS.indexOf(syscall), lines: 30_000 };
    expect(await replayThroughTroubles(life, failuresAt(syscall, life.seed, 4), tally)).toEqual([]);
  });
});

import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { randomNumbers } from '../../src/lib/core/random-numbers.js';
import {
  DISK_CALLS,
  emptyTally,
  FAILING_CALLS,
  failuresAt,
  killsAt,
  randomKills,
  replayThroughTroubles,
  type Trouble,
} from '../support/replay-trials.js';

const KILLS = 500;
const LINES = 10_000_000;
const LINES_EACH = 200_000;

test(`at least ${KILLS} kills over at least ${LINES} messages: each message comes out once`, async () => {
  const tally = emptyTally();
  const seed = Number(process.env.FUZZ_SEED ?? 1);
  const random = randomNumbers(seed);
  const harms: string[] = [];
  let lives = 0;
  const live = async () => {
    while ((tally.kills < KILLS || tally.lines < LINES) && harms.length === 0) {
      const life = { seed: seed * 100_000 + lives++, lines: LINES_EACH };
      harms.push(...(await replayThroughTroubles(life, anyTrouble(life.seed), tally)));
      console.log(JSON.stringify(tally));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, live));
  expect(harms).toEqual([]);

  function* anyTrouble(lifeSeed: number): Generator<Trouble> {
    const kills = randomKills(lifeSeed, 8_000_000);
    for (let round = 0; ; round++) {
      const kind = random();
      const pick = <T>(names: readonly T[]) => names[Math.trunc(random() * names.length)]!;
      if (kind < 0.6) yield kills.next().value;
      else if (kind < 0.85) yield* killsAt(pick(DISK_CALLS), lifeSeed + round, 1);
      else yield* failuresAt(pick(FAILING_CALLS), lifeSeed + round, 1);
    }
  }
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AttackCorpus, attackCorpus, attemptByExecutable } from '../commands/ota/attack-fixture.js';

let attack: AttackCorpus;
beforeAll(async () => {
  attack = await attackCorpus();
});
afterAll(() => attack.work[Symbol.asyncDispose]());

test('the executable answers one file of every row and code as the index says, and changes none of them', async () => {
  const before = await attack.work.state();
  const refused = attack.index.cases.filter(({ verify }) => verify.exitStatus !== 0);
  const sample = new Map(refused.map((entry) => [`${entry.row} ${entry.verify.code}`, entry]));
  const queue = [...sample.values()];
  const worker = async () => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift())
      await attemptByExecutable(attack, entry);
  };
  await Promise.all([worker(), worker()]);
  expect(await attack.work.state()).toEqual(before);
});

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultTrials } from '../support/device-faults.js';
import { SCENARIOS } from '../support/device-scenarios.js';
import { type DeviceStates, deviceStates } from '../support/device-states.js';

const POINTS_EACH = 12;

let states: DeviceStates;
beforeAll(async () => {
  states = await deviceStates();
});
afterAll(() => states[Symbol.asyncDispose]());

const seed = fc.readConfigureGlobal().seed!;

// All of them: `npm run proof`; others: FUZZ_SEED.
describe(`faults of seed ${seed}`, () => {
  test.each(SCENARIOS)(
    '$name, killed or failed at some call, leaves a device that boots and goes on',
    async (scenario) => {
      const { points, run } = await faultTrials(states, scenario, { aftermath: 'by command' });
      const few = fc.shuffledSubarray(points, { minLength: POINTS_EACH, maxLength: POINTS_EACH });
      const [sample] = fc.sample(few, { numRuns: 1, seed });
      expect(await run(sample!)).toEqual([]);
    },
  );
});

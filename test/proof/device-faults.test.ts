import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultTrials, type Harm } from '../support/device-faults.js';
import { SCENARIOS } from '../support/device-scenarios.js';
import { type DeviceStates, deviceStates } from '../support/device-states.js';

let states: DeviceStates;
let faultPoints = 0;
const harms: Harm[] = [];

beforeAll(async () => {
  states = await deviceStates();
});

afterAll(async () => {
  await states[Symbol.asyncDispose]();
  const count = (kind: Harm['harm']) => `${harms.filter(({ harm }) => harm === kind).length} ${kind}`;
  const counts = [count('unbootable'), count('mixed'), count('wrong'), count('not injected')];
  console.log(`\n${faultPoints} fault points of devices on a real disk: ${counts.join(', ')}`);
});

test.each(SCENARIOS)(
  '$name, killed or failed at any call, leaves a device that boots and goes on',
  async (scenario) => {
    const { points, run } = await faultTrials(states, scenario, { aftermath: 'in process' });
    const found = await run(points);
    console.log(`${scenario.name}: ${points.length} fault points`);
    faultPoints += points.length;
    harms.push(...found);
    expect(found).toEqual([]);
  },
);

import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deviceListHash } from '../../../../src/lib/rollout/device-list-hash.js';
import type { RolloutPlan } from '../../../../src/lib/rollout/plan.js';
import { type TestFolder, testFolder } from '../../../support/folder.js';
import { recommendedPlan } from '../../../support/simulated-plan.js';
import { otaInProcess } from '../../in-process.js';

let folder: TestFolder;
beforeAll(async () => {
  folder = await testFolder();
  await writeFile(folder.file('plan.json'), JSON.stringify(wholePlan(6_000)));
  await writeFile(folder.file('model.yaml'), 'failures: { share: 20% }\npoll: 1m\n');
});
afterAll(() => folder[Symbol.asyncDispose]());

/** As a file that is read has to be. */
function wholePlan(devices: number): RolloutPlan {
  const plan = recommendedPlan(devices);
  const [cohort] = plan.cohorts;
  const names = plan.stages.flatMap((stage) => stage.devices.map(([name]) => name));
  return {
    ...plan,
    cohorts: [{ ...cohort!, devices }],
    target: { ...plan.target, devicesSha256: deviceListHash(names) },
    forecast: { ...plan.forecast, downloadBytes: cohort!.bytes * devices },
  };
}

const simulate = (...words: string[]) => otaInProcess(['rollout', 'simulate', ...words], folder.path);

test('tells when a bad build is stopped and how far it came, and exits 0', async () => {
  const { status, stdout } = await simulate('plan.json', '--failure-rate', '10%', '--compare', 'hawkbit');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Is paused in stage/);
  expect(stdout).toMatch(/hawkBit 50\/50 +finished/);
});

test('takes the fleet from a model, other numbers from flags, and tells all of it as one document', async () => {
  const words = ['plan.json', '--model', 'model.yaml', '--devices', '9000', '--seeds', '3', '--seed', '7', '--json'];
  const { status, stdout } = await simulate(...words);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    plan: { devices: 9_000 },
    model: { poll: 60, failures: { share: 0.2 } },
    seeds: { first: 7, count: 3 },
    campaign: { campaigns: 3, ends: { paused: 3 } },
    hawkbit: null,
  });
});

test('writes a page, and none over another without --force', async () => {
  expect(await simulate('plan.json', '--html', 'page.html')).toMatchObject({ status: 0 });
  const page = readFileSync(folder.file('page.html'), 'utf8');
  expect(page).toContain('<svg class="chart"');
  expect(await simulate('plan.json', '--html', 'page.html', '--failure-rate', '50%')).toMatchObject({ status: 8 });
  expect(readFileSync(folder.file('page.html'), 'utf8')).toBe(page);
});

describe('is refused, with nothing written,', () => {
  test.each([
    ['a share without a percent sign', 2, ['plan.json', '--failure-rate', '5'], /"5" is no share/],
    ['a model that is wrong', 2, ['plan.json', '--model', 'wrong.yaml'], /wrong\.yaml: Unrecognized key/],
    ['a model that is not there', 16, ['plan.json', '--model', 'nowhere.yaml'], /nowhere\.yaml/],
    ['a plan that is none', 4, ['model.yaml'], /model\.yaml/],
    ['fewer devices than stages', 2, ['plan.json', '--devices', '3'], /3 devices for 4 stages/],
    ['another server', 2, ['plan.json', '--compare', 'mender'], /--compare/],
  ])('%s', async (_, expected, words, message) => {
    await writeFile(folder.file('wrong.yaml'), 'fleet: 1');
    const { status, stdout, stderr } = await simulate(...words, '--html', 'never.html');
    expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
    expect(stderr).toMatch(message);
    expect(existsSync(folder.file('never.html'))).toBe(false);
  });
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRolloutDesk, type RolloutDesk } from '../commands/ota/rollout/rollout-desk.js';

let desk: RolloutDesk;
beforeEach(async () => {
  desk = await openRolloutDesk({ isTimed: true });
});
afterEach(() => desk[Symbol.asyncDispose]());

test('a campaign that this machine drives gives its first portion, stands until it is resumed, and is aborted', async () => {
  const plan = await desk.plan({ gates: [{ type: 'approval' }] });
  const started = await desk.ota(`rollout start ${plan} --package meter-2.0.0.ota --local --detach`);
  expect(started).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/driven by +nobody: type `ota rollout resume/),
  });
  expect(started.stderr).toContain('warning: nothing further starts until `ota rollout resume meter-2.0.0`');
  expect((await desk.server.call('GET', '/api/v1/campaigns')).body.items).toEqual([]);
  const { body } = await desk.server.call('GET', '/rest/v1/rollouts?representation=full');
  expect(body.content).toMatchObject([{ status: expect.stringMatching(/^(starting|running)$/), totalTargets: 1 }]);

  // Found without a flag, as the folder has it and the server does not.
  expect(JSON.parse((await desk.ota('rollout status --json')).stdout)).toMatchObject({
    phase: 'running',
    isDriven: false,
  });
  expect(JSON.parse((await desk.ota('rollout list --json')).stdout).campaigns).toMatchObject([{ name: 'meter-2.0.0' }]);
  const watched = await desk.ota('rollout watch --wait 1ms');
  expect(watched).toMatchObject({ status: 14, stderr: expect.stringContaining('nobody drives meter-2.0.0') });

  const resumed = await desk.ota('rollout resume --wait 3s');
  expect(resumed.status).toBe(14);
  expect(resumed.stderr).toContain('ota rollout resume meter-2.0.0');

  const aborted = await desk.ota('rollout abort --yes --remark no');
  expect(aborted).toMatchObject({ status: 0, stdout: expect.stringMatching(/phase +aborted/) });
  expect(await desk.ota('rollout watch meter-2.0.0')).toMatchObject({ status: 11 });
  const after = await desk.server.call('GET', '/rest/v1/rollouts?representation=full');
  expect(after.body.content).toMatchObject([{ status: expect.stringMatching(/^stopp(ing|ed)$/) }]);
});

test('campaigns of another server are neither listed nor stopped', async () => {
  const plan = await desk.plan();
  await desk.ota(`rollout start ${plan} --package meter-2.0.0.ota --local --detach`);
  await using other = await openRolloutDesk();
  const env = { XDG_STATE_HOME: desk.folder.file('state') };
  expect(JSON.parse((await other.ota('rollout list --json', { env })).stdout)).toEqual({ campaigns: [] });
  const stopped = await other.ota('rollout stop-all --yes --json', { env });
  expect(JSON.parse(stopped.stdout)).toMatchObject({ campaigns: [] });
  expect(JSON.parse((await desk.ota('rollout status --json')).stdout)).toMatchObject({ phase: 'running' });
  const here = await desk.ota('rollout stop-all --yes --json');
  expect(JSON.parse(here.stdout)).toMatchObject({ campaigns: ['meter-2.0.0'], rollouts: ['meter-2.0.0.s1.0'] });
});

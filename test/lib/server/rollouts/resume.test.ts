import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createDevices } from '../../../../src/lib/server/devices/create-devices.js';
import { DEVICES_PER_STEP, takeStep } from '../../../../src/lib/server/rollouts/take-step.js';
import { managementOf } from '../management/management-fixture.js';
import { startTestServer, type TestServer } from '../server-fixture.js';

const DEVICES = 2 * DEVICES_PER_STEP + 500;

class Killed extends Error {}

/** Takes the rollout on, each step first cut off just before it would be kept. @returns how many steps it took */
async function advanceThroughKills({ running: { context } }: TestServer, rolloutId: number): Promise<number> {
  const { database, events, clock } = context;
  const settings = await context.tenantSettings.of(1);
  const take = (isKilled: boolean) =>
    database.transaction(async (tx) => {
      const told = await takeStep(tx, { tenantId: 1, rolloutId, settings, now: clock.now().getTime() });
      await events.append(tx, told ?? []);
      if (isKilled) throw new Killed();
      return told !== undefined;
    });
  for (let steps = 0; ; steps++) {
    await expect(take(true)).rejects.toThrow(Killed);
    if (!(await take(false))) return steps;
  }
}

test('a rollout that is cut off in every step, and over a restart, reaches each device once and forgets none', async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'ota-test-rollout-'));
  onTestFinished(() => rmSync(dataDirectory, { recursive: true, force: true }));
  const first = await startTestServer({ dataDirectory, isShared: true });
  const api = managementOf(first);
  const setId = await api.set('2.0.0');
  await first.running.context.database.transaction(async (tx) => {
    const devices = Array.from({ length: DEVICES }, (_, index) => ({ controllerId: `d${index}` }));
    await createDevices(tx, devices, { tenantId: 1, createdBy: 'test', now: 1, existing: 'refuse' });
  });
  const { id } = await api.post('/rollouts', {
    ...{ name: 'r', distributionSetId: setId, targetFilterQuery: 'controllerId==d*', amountGroups: 2 },
    ...{ successCondition: { condition: 'THRESHOLD', expression: '0' } },
  });
  // Two groups: each is counted, filled in two steps and found full; then it is ready.
  expect(await advanceThroughKills(first, id)).toBe(2 * 4 + 1);
  expect(await api.get(`/rollouts/${id}`)).toMatchObject({ status: 'ready', totalTargets: DEVICES });
  await api.post(`/rollouts/${id}/start`);
  await first.stop();

  const second = await startTestServer({ dataDirectory, isShared: true });
  onTestFinished(() => second.stop());
  await advanceThroughKills(second, id);
  const { sql } = second.running.context.database;
  const actions = await sql.selectFrom('action').select(['device_id', 'rollout_group_id']).execute();
  expect(actions).toHaveLength(DEVICES);
  expect(new Set(actions.map(({ device_id }) => device_id)).size).toBe(DEVICES);
  expect([...Map.groupBy(actions, (action) => action.rollout_group_id).values()].map((group) => group.length)).toEqual([
    DEVICES / 2,
    DEVICES / 2,
  ]);
  const waiting = await sql.selectFrom('rollout_device').select('device_id').where('outcome', '=', 'waiting').execute();
  expect(waiting).toEqual([]);
});

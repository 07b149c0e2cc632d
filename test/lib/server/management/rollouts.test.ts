import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lockActiveActions } from '../../../../src/lib/server/actions/locked-action.js';
import { moveAction } from '../../../../src/lib/server/actions/move-action.js';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { managementOf } from './management-fixture.js';

let server: TestServer;
let api: ReturnType<typeof managementOf>;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  api = managementOf(server);
});
afterAll(() => server.stop());

/** Each test has a fleet of its own, and a set that nobody has yet. */
let fleet = 0;
let setId: number;
beforeEach(async () => {
  fleet += 1;
  setId = await api.set(`${fleet}.0.0`);
});

const car = (number: number) => `f${fleet}-car-${String(number).padStart(2, '0')}`;
const cars = (...numbers: number[]) => numbers.map(car);
const devices = (count: number) => api.targets(...Array.from({ length: count }, (_, index) => car(index + 1)));
const actions = (filter: string) => api.get(`/actions?q=target.controllerId==f${fleet}-*;${filter}`);
const jobs = () => server.running.runJobs();

async function created(body: object = {}): Promise<number> {
  const { id, status } = await api.post('/rollouts', {
    name: `spring ${fleet}`,
    distributionSetId: setId,
    targetFilterQuery: `controllerId==f${fleet}-car-*`,
    ...body,
  });
  expect(status).toBe('creating');
  await jobs();
  return id;
}

async function started(body: object = {}): Promise<number> {
  const id = await created(body);
  await api.post(`/rollouts/${id}/start`);
  await jobs();
  return id;
}

const statusOf = async (id: number): Promise<string> => (await api.get(`/rollouts/${id}`)).status;
const groupsOf = async (id: number) => (await api.get(`/rollouts/${id}/deploygroups?representation=full`)).content;

/** Lets devices end their actions, as they would over the device API. */
async function report(finished: 'success' | 'failure', ...controllerIds: string[]): Promise<void> {
  const { database } = server.running.context;
  await database.transaction(async (tx) => {
    const rows = await tx
      .selectFrom('action')
      .innerJoin('device', 'device.id', 'action.device_id')
      .select(['action.id', 'action.tenant_id'])
      .where('is_active', '=', 1)
      .where('controller_id', 'in', controllerIds)
      .execute();
    const actionIds = rows.map(({ id }) => id);
    expect(actionIds).toHaveLength(controllerIds.length);
    for (const action of await lockActiveActions(tx, { tenantId: rows[0]!.tenant_id, actionIds })) {
      await moveAction(tx, action, { kind: 'report', execution: 'closed', finished }, { messages: [], now: 1 });
    }
  });
  await jobs();
}

describe('a rollout', () => {
  test('goes through its groups: a canary that pauses, then the rest', async () => {
    await devices(10);
    const id = await started({
      groups: [
        {
          name: 'canary',
          targetPercentage: 20,
          successCondition: { condition: 'THRESHOLD', expression: '100' },
          successAction: { action: 'PAUSE', expression: '' },
          errorCondition: { condition: 'THRESHOLD', expression: '0' },
          errorAction: { action: 'PAUSE', expression: '' },
        },
        { name: 'rest', targetPercentage: 100 },
      ],
    });
    expect(await api.get(`/rollouts/${id}`)).toMatchObject({
      status: 'running',
      totalTargets: 10,
      totalGroups: 2,
      totalTargetsPerStatus: { notstarted: 0, scheduled: 8, running: 2, finished: 0, error: 0, cancelled: 0 },
    });
    const [canary, rest] = await groupsOf(id);
    expect(canary).toMatchObject({ name: 'canary', status: 'running', totalTargets: 2 });
    expect(rest).toMatchObject({ name: 'rest', status: 'scheduled', totalTargets: 8 });
    expect(await api.ids(`/rollouts/${id}/deploygroups/${canary.id}/targets`)).toEqual(cars(1, 2));

    await report('success', car(1));
    expect(await statusOf(id)).toBe('running');
    await report('success', car(2));
    expect(await statusOf(id)).toBe('paused');
    expect((await groupsOf(id)).map(({ status }: { status: string }) => status)).toEqual(['finished', 'scheduled']);

    await api.post(`/rollouts/${id}/resume`);
    await jobs();
    expect((await groupsOf(id))[1].status).toBe('running');
    await report('success', ...cars(3, 4, 5, 6, 7, 8, 9, 10));
    expect(await api.get(`/rollouts/${id}`)).toMatchObject({
      status: 'finished',
      totalTargetsPerStatus: { finished: 10, running: 0 },
    });
  });

  test('pauses at the first error of a group that allows none, and gives nobody anything new', async () => {
    await devices(6);
    const id = await started({ amountGroups: 3, errorCondition: { condition: 'THRESHOLD', expression: '0' } });
    await report('failure', car(1));
    expect(await statusOf(id)).toBe('paused');
    expect((await groupsOf(id)).map(({ status }: { status: string }) => status)).toEqual([
      'error',
      'scheduled',
      'scheduled',
    ]);
    await report('success', car(2));
    expect(await actions('active==true')).toMatchObject({ total: 0 });
    expect(await api.get(`/actions?q=rollout.id==${id};status==ERROR`)).toMatchObject({ total: 1 });

    await api.post(`/rollouts/${id}/resume`);
    await jobs();
    expect((await groupsOf(id))[1].status).toBe('running');
  });

  test('says that devices had the set already, and does not take it for success of the update', async () => {
    await devices(4);
    await api.post(
      `/distributionsets/${setId}/assignedTargets?offline=true`,
      cars(1, 2).map((id) => ({ id })),
    );
    expect(await api.get(`/targets/${car(1)}/installedDS`)).toMatchObject({ id: setId });
    const id = await started({ amountGroups: 2 });
    const [first] = await groupsOf(id);
    expect(first).toMatchObject({ status: 'finished', alreadyAssigned: 2, totalTargetsPerStatus: { finished: 2 } });
    const { sql } = server.running.context.database;
    const events = await sql.selectFrom('event').select('body').where('type', '=', 'rollout').orderBy('seq').execute();
    const told = events
      .map(({ body }) => JSON.parse(body))
      .find(({ rollout, reason }) => rollout === id && reason === 'alreadyAssigned');
    expect(told).toMatchObject({ group: { name: 'group-1' }, figures: { total: 2, alreadyAssigned: 2, running: 0 } });
    expect(await statusOf(id)).toBe('running');
  });

  test('pauses when a group ends without its success', async () => {
    await devices(4);
    const id = await started({
      amountGroups: 2,
      successCondition: { condition: 'THRESHOLD', expression: '100' },
      errorCondition: { condition: 'THRESHOLD', expression: '60' },
    });
    await report('failure', car(1));
    await report('success', car(2));
    expect(await statusOf(id)).toBe('paused');
    expect((await groupsOf(id)).map(({ status }: { status: string }) => status)).toEqual(['error', 'scheduled']);
    await api.post(`/rollouts/${id}/resume`);
    await jobs();
    expect((await groupsOf(id))[1].status).toBe('running');
  });

  test('is stopped: active actions are cancelled, the others never begin', async () => {
    await devices(4);
    const id = await started({ amountGroups: 2 });
    await api.post(`/rollouts/${id}/stop`);
    await jobs();
    expect(await api.get(`/rollouts/${id}`)).toMatchObject({
      status: 'stopped',
      totalTargetsPerStatus: { notstarted: 2, running: 2 },
    });
    const { content } = await api.get(`/actions?q=rollout.id==${id}`);
    expect(content.map(({ detailStatus }: { detailStatus: string }) => detailStatus)).toEqual([
      'canceling',
      'canceling',
    ]);
  });

  test('waits for approval where the tenant wants that', async () => {
    await api.put('/system/configs/rollout.approval.enabled', { value: true });
    await devices(2);
    const id = await created();
    await api.delete('/system/configs/rollout.approval.enabled');
    expect(await statusOf(id)).toBe('waiting_for_approval');
    const early = await server.call('POST', `/rest/v1/rollouts/${id}/start`);
    expect(early).toMatchObject({ status: 400, body: { errorCode: 'hawkbit.server.error.rollout.illegalState' } });
    await api.post(`/rollouts/${id}/approve?remark=fine`);
    expect(await api.get(`/rollouts/${id}`)).toMatchObject({ status: 'ready', approvalRemark: 'fine' });
  });

  test('starts by itself at its time', async () => {
    await devices(2);
    const { clock } = server.running.context;
    const id = await created({ startAt: clock.now().getTime() + 60_000 });
    expect(await statusOf(id)).toBe('ready');
    server.advance(60_000);
    await jobs();
    expect(await statusOf(id)).toBe('running');
  });

  test('can be made again for the devices that failed', async () => {
    await devices(3);
    const id = await started({ errorCondition: { condition: 'THRESHOLD', expression: '100' } });
    await report('success', car(1), car(3));
    await report('failure', car(2));
    expect(await statusOf(id)).toBe('finished');
    const retry = await api.post(`/rollouts/${id}/retry`);
    expect(retry).toMatchObject({ name: `spring ${fleet}_retry` });
    await jobs();
    const [group] = await groupsOf(retry.id);
    expect(await api.ids(`/rollouts/${retry.id}/deploygroups/${group.id}/targets`)).toEqual(cars(2));
  });

  test('is removed: what is under way is cancelled, and nobody sees it any more', async () => {
    await devices(2);
    const id = await started();
    await api.delete(`/rollouts/${id}`);
    await jobs();
    expect((await server.call('GET', `/rest/v1/rollouts/${id}`)).status).toBe(404);
    expect(await actions('active==true')).toMatchObject({ total: 0 });
    const second = await created();
    await api.delete(`/rollouts/${second}`);
    await jobs();
    const { sql } = server.running.context.database;
    const left = await sql.selectFrom('rollout').select('id').where('id', 'in', [id, second]).execute();
    expect(left).toEqual([{ id }]); // what was started is kept as history
  });

  test('is paused when its set is invalidated in between, and says why', async () => {
    await devices(4);
    const id = await created({ amountGroups: 2 });
    await api.post(`/distributionsets/${setId}/invalidate`, { actionCancelationType: 'none' });
    await api.post(`/rollouts/${id}/start`);
    await jobs();
    expect(await statusOf(id)).toBe('paused');
    expect(await actions('id=gt=0')).toMatchObject({ total: 0 });
  });

  test.each([
    ['no device matches', { targetFilterQuery: 'controllerId==ghost' }, 'no device matches'],
    ['groups that leave devices out', { groups: [{ targetPercentage: 40 }] }, 'leave out 2 of 4'],
    ['groups and their number', { groups: [{}], amountGroups: 2 }, 'expected one of them'],
    ['a dynamic one', { dynamic: true }, 'dynamic'],
    ['an unknown filter', { targetFilterQuery: 'x==1' }, 'no field "x"'],
    ['more than all', { errorCondition: { condition: 'THRESHOLD', expression: '101' } }, 'expression'],
  ])('is refused: %s', async (_what, body, message) => {
    await devices(4);
    const refused = await server.call('POST', '/rest/v1/rollouts', {
      body: { name: 'refused', distributionSetId: setId, targetFilterQuery: `name==f${fleet}-*`, ...body },
    });
    expect(refused.status).toBe(400);
    expect(refused.body.message).toContain(message);
    expect(await api.get('/rollouts?q=name==refused')).toMatchObject({ total: 0 });
  });

  test('of another tenant does not exist', async () => {
    await devices(1);
    const id = await created();
    for (const verb of ['start', 'stop', 'triggerNextGroup', 'retry']) {
      const result = await server.call('POST', `/rest/v1/rollouts/${id}/${verb}`, { tenant: 'OTHER' });
      expect(result.status, verb).toBe(404);
    }
    expect(await statusOf(id)).toBe('ready');
  });
});

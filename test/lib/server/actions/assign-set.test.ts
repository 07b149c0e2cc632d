import { beforeAll, describe, expect, test } from 'vitest';
import type { ActionEvent } from '../../../../src/lib/server/actions/action-status.js';
import { type Assignment, assignSet } from '../../../../src/lib/server/actions/assign-set.js';
import { cancelAction, cancelActions } from '../../../../src/lib/server/actions/cancel-action.js';
import { lockActiveActions } from '../../../../src/lib/server/actions/locked-action.js';
import { MAX_HISTORY_ENTRIES, moveAction } from '../../../../src/lib/server/actions/move-action.js';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { type Fleet, testFleet } from './software-fixture.js';

let server: TestServer;
let fleet: Fleet;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  fleet = await testFleet(server.running.context);
  return () => server.stop();
});

const now = () => server.running.context.clock.now().getTime();
const sql = () => server.running.context.database.sql;

function assign(deviceIds: number[], setId: number, more: Partial<Assignment> = {}) {
  const { tenantId } = fleet;
  return fleet.transaction((tx) =>
    assignSet(tx, {
      ...{ tenantId, deviceIds, setId, type: 'forced', confirmationRequired: false, actor: 'alice', now: now() },
      ...more,
    }),
  );
}

function happen(actionId: number, event: ActionEvent, messages: string[] = []) {
  return fleet.transaction(async (tx) => {
    const [action] = await lockActiveActions(tx, { tenantId: fleet.tenantId, actionIds: [actionId] });
    return action && moveAction(tx, action, event, { messages, now: now() });
  });
}

const done = { kind: 'report', execution: 'closed', finished: 'success' } as const;
const failed = { kind: 'report', execution: 'closed', finished: 'failure' } as const;

const device = (id: number) =>
  sql()
    .selectFrom('device')
    .select(['assigned_set_id as assigned', 'installed_set_id as installed', 'update_status as status'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
const action = (id: number) =>
  sql().selectFrom('action').select(['status', 'is_active', 'type']).where('id', '=', id).executeTakeFirstOrThrow();
const history = async (id: number) =>
  (await sql().selectFrom('action_status').selectAll().where('action_id', '=', id).orderBy('id').execute()).map(
    ({ status, messages }) => [status, ...JSON.parse(messages)],
  );

describe('assigning a set', () => {
  test('puts devices on their way to it, and tells whom', async () => {
    const [a, b] = await fleet.devices('assign-1', 'assign-2');
    const { setId } = await fleet.set('1.0.0');
    const { assigned, alreadyAssigned, actions, events } = await assign([a!, b!], setId);
    expect({ assigned, alreadyAssigned }).toEqual({ assigned: 2, alreadyAssigned: 0 });
    expect(actions.map(({ deviceId }) => deviceId)).toEqual([a, b]);
    expect(await device(a!)).toEqual({ assigned: setId, installed: null, status: 'pending' });
    expect(await history(actions[0]!.id)).toEqual([['running', 'alice assigned it.']]);
    expect(events.map(({ device: name, body }) => [name, body.event, body.status ?? body.updateStatus])).toEqual([
      ['assign-1', 'action', 'running'],
      ['assign-1', 'updated', 'pending'],
      ['assign-2', 'action', 'running'],
      ['assign-2', 'updated', 'pending'],
    ]);
  });

  test('does nothing for a device that has it or is on its way to it', async () => {
    const [id] = await fleet.devices('again');
    const { setId } = await fleet.set('1.1.0');
    const first = await assign([id!], setId);
    expect(await assign([id!], setId)).toMatchObject({ assigned: 0, alreadyAssigned: 1, actions: [], events: [] });
    await happen(first.actions[0]!.id, done);
    expect(await device(id!)).toEqual({ assigned: setId, installed: setId, status: 'in_sync' });
    expect(await assign([id!], setId)).toMatchObject({ assigned: 0, alreadyAssigned: 1 });
  });

  test('offers a version again after it failed, and after the device went back by itself', async () => {
    const [id] = await fleet.devices('rolls-back');
    const { setId, moduleId } = await fleet.set('1.2.0');
    const target = 'a'.repeat(64);
    await sql()
      .insertInto('artifact')
      .values({
        ...{
          tenant_id: fleet.tenantId,
          module_id: moduleId,
          filename: 'a.ota',
          size: 1,
          md5: '',
          sha1: '',
          sha256: '',
        },
        ...{ format: 'ota', verification: 'verified', targets: JSON.stringify({ app: target }) },
        ...{ created_at: now(), created_by: 'test' },
      })
      .execute();
    const failing = await assign([id!], setId);
    await happen(failing.actions[0]!.id, failed, ['no space']);
    expect(await device(id!)).toEqual({ assigned: null, installed: null, status: 'error' });
    const second = await assign([id!], setId);
    expect(second.assigned).toBe(1);
    await happen(second.actions[0]!.id, done);

    const tells = (value: string) =>
      sql()
        .insertInto('device_attribute')
        .values({ device_id: id!, tenant_id: fleet.tenantId, name: 'ota.app.sha256', value })
        .onConflict((known) => known.columns(['device_id', 'name']).doUpdateSet({ value }))
        .execute();
    await tells(target);
    expect((await assign([id!], setId)).assigned).toBe(0);
    await tells('b'.repeat(64));
    expect((await assign([id!], setId)).assigned).toBe(1);
  });

  test('cancels what a device was on its way to, softly', async () => {
    const [id] = await fleet.devices('superseded');
    const old = await fleet.set('1.3.0');
    const young = await fleet.set('1.3.1');
    const [first] = (await assign([id!], old.setId)).actions;
    const [second] = (await assign([id!], young.setId)).actions;
    expect(await action(first!.id)).toMatchObject({ status: 'canceling', is_active: 1 });
    expect(await history(first!.id)).toContainEqual(['canceling', 'firmware 1.3.1 was assigned instead.']);
    // The device was faster: it has the old one now, and is still on its way to the young one.
    await happen(first!.id, done);
    expect(await device(id!)).toEqual({ assigned: young.setId, installed: old.setId, status: 'pending' });
    await happen(second!.id, done);
    expect(await device(id!)).toEqual({ assigned: young.setId, installed: young.setId, status: 'in_sync' });
  });

  test('waits for a confirmation unless the device agrees to everything', async () => {
    const [asked, agreeing] = await fleet.devices('asked', 'agreeing');
    await sql().updateTable('device').set({ is_auto_confirmed: 1 }).where('id', '=', agreeing!).execute();
    const { setId } = await fleet.set('1.4.0');
    const { actions } = await assign([asked!, agreeing!], setId, { confirmationRequired: true });
    expect(await action(actions[0]!.id)).toMatchObject({ status: 'wait_for_confirmation' });
    expect(await action(actions[1]!.id)).toMatchObject({ status: 'running' });
    expect(await happen(actions[0]!.id, done)).toBeUndefined();
    await happen(actions[0]!.id, { kind: 'confirm' });
    expect(await action(actions[0]!.id)).toMatchObject({ status: 'running' });
  });

  test.each([
    ['invalidated', 'SET_INVALIDATED'],
    ['incomplete', 'SET_INCOMPLETE'],
    ['yanked', 'SET_YANKED'],
    ['deleted', 'NOT_FOUND'],
    ["another tenant's", 'NOT_FOUND'],
  ])('refuses one that is %s, and leaves everything as it was', async (what, code) => {
    const [id] = await fleet.devices(`refused ${what}`);
    const { setId, moduleId } = await fleet.set(`2.0.0-${code}`);
    let { tenantId } = fleet;
    if (what === 'invalidated')
      await sql().updateTable('distribution_set').set({ invalidated_at: 1 }).where('id', '=', setId).execute();
    if (what === 'deleted')
      await sql().updateTable('distribution_set').set({ deleted_at: 1 }).where('id', '=', setId).execute();
    if (what === 'incomplete') await sql().deleteFrom('distribution_set_module').where('set_id', '=', setId).execute();
    if (what.startsWith('another')) tenantId += 1;
    if (what === 'yanked') await yank(setId, moduleId);
    await expect(assign([id!], setId, { tenantId })).rejects.toMatchObject({ code });
    expect(await device(id!)).toEqual({ assigned: null, installed: null, status: 'unknown' });
    expect(await sql().selectFrom('action').select('id').where('device_id', '=', id!).execute()).toEqual([]);
  });

  test('refuses a device that is not there, and a maintenance window that never comes', async () => {
    const [id] = await fleet.devices('kept');
    const { setId } = await fleet.set('2.1.0');
    await expect(assign([id!, 999_999], setId)).rejects.toMatchObject({ status: 400 });
    const maintenance = { schedule: '0 0 3 30 2 ?', duration: '01:00:00', timezone: '+00:00' };
    await expect(assign([id!], setId, { maintenance })).rejects.toMatchObject({ status: 400 });
    expect(await device(id!)).toEqual({ assigned: null, installed: null, status: 'unknown' });
  });

  test('takes thousands of devices at once', async () => {
    const names = Array.from({ length: 3000 }, (_, index) => `many-${index}`);
    const ids = await fleet.devices(...names);
    const old = await fleet.set('3.0.0');
    const young = await fleet.set('3.0.1');
    expect(await assign(ids, old.setId)).toMatchObject({ assigned: 3000 });
    expect(await assign(ids, young.setId)).toMatchObject({ assigned: 3000 });
    const counts = await sql()
      .selectFrom('action')
      .select(({ fn }) => ['status', fn.countAll<number>().as('count')])
      .where('set_id', 'in', [old.setId, young.setId])
      .groupBy('status')
      .orderBy('status')
      .execute();
    expect(counts).toEqual([
      { status: 'canceling', count: 3000 },
      { status: 'running', count: 3000 },
    ]);
  });
});

describe('cancelling', () => {
  const options = () => ({ tenantId: fleet.tenantId, actor: 'bob', now: now() });

  test('asks the device first, and by force no longer', async () => {
    const [id] = await fleet.devices('cancelled');
    const { setId } = await fleet.set('4.0.0');
    const [made] = (await assign([id!], setId)).actions;
    const cancel = (isForced: boolean) =>
      fleet.transaction((tx) => cancelAction(tx, { ...options(), actionId: made!.id, isForced }));
    await expect(cancel(true)).rejects.toMatchObject({ status: 405 });
    await cancel(false);
    expect(await device(id!)).toEqual({ assigned: setId, installed: null, status: 'pending' });
    await expect(cancel(false)).rejects.toMatchObject({ status: 405 });
    await cancel(true);
    expect(await action(made!.id)).toMatchObject({ status: 'canceled', is_active: 0 });
    expect(await device(id!)).toEqual({ assigned: null, installed: null, status: 'registered' });
    await expect(cancel(true)).rejects.toMatchObject({ status: 405 });
    await expect(
      fleet.transaction((tx) => cancelAction(tx, { ...options(), tenantId: 99, actionId: made!.id, isForced: false })),
    ).rejects.toMatchObject({ status: 404 });
  });

  test.each([
    ['closed', 'success'],
    ['canceled', 'success'],
    ['closed', 'none'],
  ] as const)('counts when the device answers %s with %s', async (execution, finished) => {
    const [id] = await fleet.devices(`answers ${execution} ${finished}`);
    const { setId } = await fleet.set('4.1.0');
    const [made] = (await assign([id!], setId)).actions;
    await happen(made!.id, { kind: 'cancel' });
    await happen(made!.id, { kind: 'answer-cancel', execution, finished });
    expect(await action(made!.id)).toMatchObject({ status: 'canceled', is_active: 0 });
  });

  test('can be done for many, whatever their state', async () => {
    const ids = await fleet.devices('stop-1', 'stop-2', 'stop-3');
    const { setId } = await fleet.set('4.2.0');
    const { actions } = await assign(ids, setId);
    await happen(actions[0]!.id, { kind: 'cancel' });
    await happen(actions[1]!.id, done);
    const actionIds = actions.map(({ id }) => id);
    const events = await fleet.transaction((tx) => cancelActions(tx, { ...options(), actionIds, isForced: true }));
    expect(await Promise.all(actionIds.map(action))).toMatchObject([
      { status: 'canceled' },
      { status: 'finished' },
      { status: 'canceled' },
    ]);
    expect(events.length).toBeGreaterThan(0);
  });
});

test('a device that reports without end is refused, and may still end the action', async () => {
  const [id] = await fleet.devices('talkative');
  const { setId } = await fleet.set('5.0.0');
  const [made] = (await assign([id!], setId)).actions;
  const entry = { tenant_id: fleet.tenantId, action_id: made!.id, status: 'running', occurred_at: 1, reported_at: 1 };
  const entries = Array.from({ length: MAX_HISTORY_ENTRIES - 1 }, () => ({ ...entry, messages: '[]' }));
  await sql().insertInto('action_status').values(entries).execute();
  const progress = { kind: 'report', execution: 'proceeding', finished: 'none' } as const;
  await expect(happen(made!.id, progress)).rejects.toMatchObject({ status: 429 });
  expect(await history(made!.id)).toHaveLength(MAX_HISTORY_ENTRIES);
  await happen(made!.id, done);
  expect(await device(id!)).toEqual({ assigned: setId, installed: setId, status: 'in_sync' });
});

async function yank(setId: number, moduleId: number): Promise<void> {
  const made = { created_at: now(), created_by: 'test' };
  const { id } = await sql()
    .insertInto('artifact')
    .values({
      ...{ tenant_id: fleet.tenantId, module_id: moduleId, filename: 'y.ota', size: 1, md5: '', sha1: '', sha256: '' },
      ...{ format: 'ota', verification: 'verified', ...made },
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await sql()
    .insertInto('release')
    .values({
      ...{ tenant_id: fleet.tenantId, set_id: setId, artifact_id: id, product: 'meter', version: '1.0.0', sequence: 1 },
      ...{ security_counter: 0, digest: 'd', metadata: '{}', record: '{}', proof: '{}', ...made },
      ...{ yanked_at: 1, yanked_reason: 'bricks meters' },
    })
    .execute();
}

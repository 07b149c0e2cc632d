import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { CampaignUpdate } from '../../../../src/lib/campaign/host.js';
import { openServerHost } from '../../../../src/lib/campaign/server-host.js';
import { OtaError } from '../../../../src/lib/core/errors.js';
import { bearer } from '../../../../src/lib/fleet-api/credential.js';
import { type FleetClient, openFleetClient } from '../../../../src/lib/fleet-api/fleet-client.js';
import { systemPacing } from '../../../../src/lib/net/pacing.js';
import type { GateSpec } from '../../../../src/lib/rollout/gate-spec.js';
import { addOperator, auditedActions, logIn } from '../access/access-fixture.js';
import { OTHER_TENANT } from '../server-fixture.js';
import { type CampaignFleet, STRICT, startCampaignFleet } from './campaign-fleet.js';

let fleet: CampaignFleet;
beforeAll(async () => {
  fleet = await startCampaignFleet();
});
afterAll(() => fleet.stop());

let round = 0;
/** A plan for devices that no other test has. */
function planOf(sizes: readonly number[], options: Parameters<CampaignFleet['plan']>[0] = {}) {
  round++;
  const stages = sizes.map((size, stage) => ({
    devices: Array.from({ length: size }, (_, device) => `r${round}-s${stage}-${device}`),
  }));
  return fleet.plan({ name: `round-${round}`, stages, ...options });
}
const device = (stage: number, place: number) => `r${round}-s${stage}-${place}`;
const reports = () =>
  [...fleet.ended].filter(([name]) => name.startsWith(`r${round}-`)).map(([, links]) => links.length);
const offersOf = (name: string) => fleet.ended.get(name)?.length ?? 0;

describe('a campaign in the server', () => {
  test('gives a good build to all devices, stage by stage, each once', async () => {
    const plan = await planOf([1, 3]);
    await fleet.begin(plan);
    const view = await fleet.until(plan.name, 'finished');
    expect(view.stages.map(({ status, figures }) => [status, figures?.installed])).toEqual([
      ['passed', 1],
      ['passed', 3],
    ]);
    expect(view).toMatchObject({ isDriven: false, endedAt: expect.any(String) });
    expect(reports()).toEqual([1, 1, 1, 1]);
    const rollouts = (await auditedActions(fleet.server)).filter((entry) => entry.includes(' rollout.created '));
    expect(rollouts.slice(-2).every((entry) => entry.startsWith(`campaign:${plan.name} (for token:`))).toBe(true);
  });

  test('stands still where a gate fails, and nobody else is given the update', async () => {
    const plan = await planOf([2, 3]);
    fleet.fates.set(device(0, 1), 'failure');
    await fleet.begin(plan);
    const view = await fleet.until(plan.name, 'paused');
    expect(view).toMatchObject({ stage: 0, isDriven: false, reason: expect.stringContaining('fail') });
    for (let look = 0; look < 5; look++) await fleet.pass(60);
    expect([0, 1, 2].map((place) => offersOf(device(1, place)))).toEqual([0, 0, 0]);

    fleet.fates.delete(device(0, 1));
    expect(await fleet.ask(plan.name, 'retry-failed')).toBe(200);
    expect((await fleet.until(plan.name, 'finished')).stages[0]).toMatchObject({ status: 'passed' });
    expect(reports()).toEqual([1, 2, 1, 1, 1]);
  });

  test('is paused and goes on as somebody says, and knows when it cannot', async () => {
    const plan = await planOf([1, 1], { gates: [...STRICT, { type: 'soak', seconds: 600 }] });
    await fleet.begin(plan);
    for (let look = 0; look < 5; look++) await fleet.pass();
    expect((await fleet.view(plan.name)).stages[0]?.waitsSeconds).toBeGreaterThan(500);
    expect(await fleet.ask(plan.name, 'pause')).toBe(200);
    await fleet.until(plan.name, 'paused');
    expect(await fleet.ask(plan.name, 'pause')).toBe(409);
    await fleet.pass(3_600);
    await fleet.pass();
    expect(offersOf(device(1, 0))).toBe(0);
    expect(await fleet.ask(plan.name, 'resume', { as: 'viewer' })).toBe(403);
    expect(await fleet.ask(plan.name, 'resume')).toBe(200);
    // What was asked for twice is refused when it is looked at.
    expect(await fleet.ask(plan.name, 'resume')).toBe(200);
    await fleet.pass();
    for (let look = 0; look < 4; look++) await fleet.pass(3_600);
    await fleet.until(plan.name, 'finished');
    const { sql } = fleet.server.running.context.database;
    const refused = await sql
      .selectFrom('campaign_request')
      .select('failure')
      .where('failure', 'is not', null)
      .execute();
    expect(refused.map(({ failure }) => JSON.parse(failure!).code)).toEqual(['CONFLICT']);
  });

  test('waits for approval, and is approved by whoever may', async () => {
    const plan = await planOf([1, 1], { gates: [...STRICT, { type: 'approval' }] });
    await fleet.begin(plan);
    for (let look = 0; look < 5; look++) await fleet.pass(60);
    expect(await fleet.view(plan.name)).toMatchObject({ phase: 'running', stage: 0 });
    expect(offersOf(device(1, 0))).toBe(0);
    await fleet.ask(plan.name, 'approve');
    await fleet.pass();
    for (let look = 0; look < 5; look++) await fleet.pass();
    expect(await fleet.view(plan.name)).toMatchObject({ stage: 1, stages: [{ status: 'passed' }, {}] });
    await fleet.ask(plan.name, 'approve');
    await fleet.until(plan.name, 'finished');
  });

  test('is aborted: who has not finished lets go of it, and nobody else is given it', async () => {
    const plan = await planOf([2, 2]);
    fleet.fates.set(device(0, 0), 'silent');
    await fleet.begin(plan);
    for (let look = 0; look < 4; look++) await fleet.pass();
    expect(await fleet.ask(plan.name, 'abort')).toBe(200);
    expect(await fleet.until(plan.name, 'aborted')).toMatchObject({ isDriven: false });
    await fleet.pass();
    const actions = (await fleet.server.call('GET', `/rest/v1/targets/${device(0, 0)}/actions`)).body.content;
    expect(actions.map(({ detailStatus }: { detailStatus: string }) => detailStatus)).toEqual(['canceled']);
    expect([0, 1].map((place) => offersOf(device(1, place)))).toEqual([0, 0]);
  });

  test('goes back by itself where the plan says so: each device that has the update gets its own previous one', async () => {
    const plan = await planOf([2, 2, 2], {
      onAbort: 'rollback',
      gates: STRICT.map((gate) => (gate.type === 'failure' ? { ...gate, otherwise: 'abort' } : gate)),
    });
    fleet.fates.set(device(1, 1), 'failure');
    await fleet.begin(plan);
    const view = await fleet.until(plan.name, 'rolled-back');
    expect(view.returning).toMatchObject({ cannot: 0 });
    for (const [stage, place] of [
      [0, 0],
      [0, 1],
      [1, 0],
    ] as const) {
      const { body } = await fleet.server.call('GET', `/rest/v1/targets/${device(stage, place)}/installedDS`);
      expect([device(stage, place), body.version]).toEqual([device(stage, place), '1.0.0']);
    }
    expect([0, 1].map((place) => offersOf(device(2, place)))).toEqual([0, 0]);
  });

  test('asks telemetry for the health of a stage', async () => {
    const health: GateSpec = {
      ...{ type: 'health', rule: 'errorRate < 10%', windowSeconds: 600, minimumSample: 3, otherwise: 'pause' },
    };
    const plan = await planOf([1, 1], { gates: [...STRICT, health] });
    await fleet.begin(plan);
    for (let look = 0; look < 6; look++) await fleet.pass();
    expect(await fleet.view(plan.name)).toMatchObject({ phase: 'running', stage: 0 });
    await fleet.pass(120);
    const lines = Array.from({ length: 40 }, (_, index) =>
      JSON.stringify({ messageId: `${index}`, deviceId: device(0, 0), type: index % 2 === 0 ? 'error' : 'metrics' }),
    );
    await fetch(`${fleet.server.url}/api/v1/telemetry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fleet.server.token('operator')}`, 'content-type': 'application/x-ndjson' },
      body: `${lines.join('\n')}\n`,
    });
    await fleet.pass(20);
    expect(await fleet.until(plan.name, 'paused')).toMatchObject({ stage: 0, reason: expect.stringContaining('50') });
  });

  test('is watched until it rests, over a server that is away for a while: each entry once', async () => {
    const { url } = fleet.server;
    await using client = await openFleetClient({ server: url, credential: bearer(fleet.server.token('operator')) });
    let calls = 0;
    const flaky: FleetClient = {
      server: url,
      call: (...args) => {
        if (calls++ % 5 === 4) throw new OtaError('NETWORK_FAILED', 'the connection was lost');
        return client.call(...args);
      },
      open: (...args) => client.open(...args),
      [Symbol.asyncDispose]: async () => undefined,
    };
    const pacing = { ...systemPacing, delay: () => fleet.pass() };
    await using host = openServerHost(flaky, { pacing });
    const plan = await planOf([1, 2]);
    const begun = await host.open(plan, { by: 'anna' });
    const updates: CampaignUpdate[] = [];
    for await (const update of host.drive(plan.name, new AbortController().signal)) updates.push(update);
    const last = updates.at(-1)!;
    expect(last.view.phase).toBe('finished');
    const written = updates.flatMap(({ entries }) => entries.map(({ seq }) => seq));
    expect(written).toEqual(Array.from({ length: last.view.head.seq - begun.head.seq }, (_, at) => at + 2));
    expect(calls).toBeGreaterThan(10);
  });

  test('is watched no longer than somebody wants to', async () => {
    const { url } = fleet.server;
    await using client = await openFleetClient({ server: url, credential: bearer(fleet.server.token('operator')) });
    const stop = new AbortController();
    const pacing = { ...systemPacing, delay: async () => stop.abort() };
    await using host = openServerHost(client, { pacing });
    const plan = await planOf([1]);
    await host.open(plan, { by: 'anna' });
    const updates: CampaignUpdate[] = [];
    for await (const update of host.watch(plan.name, stop.signal)) updates.push(update);
    expect(updates.map(({ view }) => view.phase)).toEqual(['running']);
    await fleet.until(plan.name, 'finished');
  });

  test('is nothing to another tenant, which has one of the same name', async () => {
    const plan = await planOf([1, 1]);
    await fleet.begin(plan);
    const theirs = { tenant: OTHER_TENANT };
    expect((await fleet.server.call('GET', `/api/v1/campaigns/${plan.name}`, theirs)).status).toBe(404);
    expect(await fleet.ask(plan.name, 'pause', theirs)).toBe(404);
    await fleet.begin(plan, theirs);
    await fleet.until(plan.name, 'finished');
    // Their plan names devices and software of somebody else, which to them do not exist.
    const view = (await fleet.server.call('GET', `/api/v1/campaigns/${plan.name}`, theirs)).body;
    expect(view).toMatchObject({ phase: 'paused', stage: 0 });
    expect(reports()).toEqual([1, 1]);
  });
});

describe('whoever a campaign acts for', () => {
  async function begunBy(name: string) {
    const operatorId = await addOperator(fleet.server, name, 'operator');
    const { accessToken } = await logIn(fleet.server, name);
    const plan = await planOf([1, 1]);
    await fleet.begin(plan, { as: { authorization: `Bearer ${accessToken}` } });
    return { plan, operatorId };
  }
  const change = (id: number, body: object) => fleet.server.call('PATCH', `/api/v1/operators/${id}`, { body });

  test.each<[string, object, string]>([
    ['demoted', { role: 'viewer' }, 'the role viewer of demoted, for whom it acts, does not allow rollouts:write'],
    ['disabled', { isDisabled: true }, 'disabled, for whom it acts, was disabled or deleted'],
  ])('%s: it stands still and says so, until somebody else has it go on', async (name, body, reason) => {
    const { plan, operatorId } = await begunBy(name);
    await fleet.pass();
    await change(operatorId, body);
    expect(await fleet.until(plan.name, 'paused')).toMatchObject({ reason });
    const events = await fleet.journal(plan.name);
    for (let look = 0; look < 5; look++) await fleet.pass(60);
    expect(await fleet.journal(plan.name)).toEqual(events);
    await fleet.ask(plan.name, 'resume');
    await fleet.until(plan.name, 'finished');
    expect((await auditedActions(fleet.server)).findLast((entry) => entry.includes('rollout.created'))).toMatch(
      /^campaign:.* \(for token:/,
    );
  });

  test('an API token that was revoked lets nothing go on', async () => {
    const made = await fleet.server.call('POST', '/api/v1/tokens', { body: { name: 'pipeline', role: 'operator' } });
    const plan = await planOf([1, 1]);
    await fleet.begin(plan, { as: { authorization: `Bearer ${made.body.token}` } });
    await fleet.server.call('DELETE', `/api/v1/tokens/${made.body.id}`);
    const view = await fleet.until(plan.name, 'paused');
    expect(view.reason).toBe('the API token of token:pipeline was revoked, has expired, or lost whoever made it');
    expect(reports()).toEqual([]);
  });

  test('is gone while devices go back: it waits and says so, and somebody else takes it on', async () => {
    const { plan, operatorId } = await begunBy('leaver');
    await fleet.until(plan.name, 'finished');
    fleet.fates.set(device(0, 0), 'silent');
    await fleet.ask(plan.name, 'rollback', {
      as: { authorization: `Bearer ${(await logIn(fleet.server, 'leaver')).accessToken}` },
    });
    await fleet.until(plan.name, 'rolling-back');
    await change(operatorId, { role: 'viewer' });
    for (let look = 0; look < 3; look++) await fleet.pass(20);
    const events = await fleet.journal(plan.name);
    fleet.fates.delete(device(0, 0));
    for (let look = 0; look < 3; look++) await fleet.pass(20);
    expect(await fleet.view(plan.name)).toMatchObject({
      ...{ phase: 'rolling-back', reason: expect.stringContaining('the role viewer of leaver') },
    });
    expect(await fleet.journal(plan.name)).toEqual(events);
    expect(await fleet.ask(plan.name, 'resume')).toBe(200);
    expect(await fleet.until(plan.name, 'rolled-back')).toMatchObject({ returning: { cannot: 0 } });
  });

  test('has to be allowed still when what they asked for is done', async () => {
    const { plan, operatorId } = await begunBy('hasty');
    const { accessToken } = await logIn(fleet.server, 'hasty');
    await fleet.pass();
    await fleet.ask(plan.name, 'abort', { as: { authorization: `Bearer ${accessToken}` } });
    await change(operatorId, { role: 'viewer' });
    expect(await fleet.until(plan.name, 'paused')).toMatchObject({ reason: expect.stringContaining('viewer') });
    expect(await fleet.journal(plan.name)).not.toContain('aborting');
  });
});

test('everything stops at once: campaigns, and rollouts of anybody in the tenant', async () => {
  const plan = await planOf([1, 1], { gates: [...STRICT, { type: 'approval' }] });
  fleet.fates.set(device(0, 0), 'silent');
  await fleet.begin(plan);
  for (let look = 0; look < 4; look++) await fleet.pass();
  const answer = await fleet.server.call('POST', '/api/v1/campaigns/stop-all', { body: { remark: 'smoke' } });
  expect(answer).toMatchObject({
    status: 200,
    body: { campaigns: expect.arrayContaining([plan.name]), rollouts: expect.arrayContaining([`${plan.name}.s1.0`]) },
  });
  expect(await fleet.until(plan.name, 'aborted')).toMatchObject({ reason: expect.stringContaining('smoke') });
  const rollouts = (await fleet.server.call('GET', '/rest/v1/rollouts?limit=500')).body.content;
  const ended = ['stopped', 'finished'];
  expect(rollouts.filter(({ status }: { status: string }) => !ended.includes(status))).toEqual([]);
});

describe('a server that is started anew', () => {
  const steps = (events: readonly string[]) => events.filter((type) => type !== 'judged' && type !== 'noted');

  test('goes on with a campaign as if nothing had happened, wherever it was stopped', async () => {
    const whole = await planOf([1, 2]);
    await fleet.begin(whole);
    await fleet.until(whole.name, 'finished');
    const expected = steps(await fleet.journal(whole.name));
    const plan = await planOf([1, 2]);
    await fleet.begin(plan);
    for (let look = 0; look < 60 && (await fleet.view(plan.name)).phase === 'running'; look++) {
      await fleet.restart();
      await fleet.pass();
    }
    expect(steps(await fleet.journal(plan.name))).toEqual(expected);
    expect(reports()).toEqual([1, 1, 1]);
  });

  test('takes no campaign further whose journal was changed, says so, and goes on with the others', async () => {
    const broken = await planOf([1, 1], { gates: [...STRICT, { type: 'approval' }] });
    await fleet.begin(broken);
    for (let look = 0; look < 3; look++) await fleet.pass();
    const { sql } = fleet.server.running.context.database;
    const { id } = await sql
      .selectFrom('campaign')
      .select('id')
      .where('name', '=', broken.name)
      .executeTakeFirstOrThrow();
    const body = JSON.stringify({ type: 'noted', text: 'never said' });
    await sql
      .updateTable('campaign_entry')
      .set({ body } as never)
      .where('campaign_id', '=', id)
      .where('seq', '=', 2)
      .execute();
    const events = await fleet.journal(broken.name);
    await fleet.restart();
    const plan = await planOf([1, 1]);
    await fleet.begin(plan);
    await fleet.until(plan.name, 'finished');
    expect(await fleet.view(broken.name)).toMatchObject({ reason: expect.stringContaining('entry 2 was changed') });
    expect(await fleet.journal(broken.name)).toEqual(events);
  });

  test('asks probes and tells webhooks where it was started for that', async () => {
    const told: { campaign: string; decision: string }[] = [];
    let asked = 0;
    const outside = createServer((request, response) => {
      if (request.method === 'GET') asked++;
      else void text(request).then((body) => told.push(JSON.parse(body)));
      response.end();
    });
    outside.listen(0, '127.0.0.1');
    await once(outside, 'listening');
    onTestFinished(() => void outside.close());
    const url = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;
    const settings = { ...fleet.server.running.context.settings };
    await fleet.restart({ settings: { ...settings, egressOrigins: [url] } });
    const probe = { type: 'probe', url: `${url}/ok`, timeoutSeconds: 5, everySeconds: 0, otherwise: 'pause' } as const;
    const plan = await planOf([1, 1], { gates: [...STRICT, probe], webhook: `${url}/hook` });
    await fleet.begin(plan);
    await fleet.until(plan.name, 'finished');
    expect(asked).toBeGreaterThan(1);
    expect(told).toContainEqual(expect.objectContaining({ campaign: plan.name, decision: 'advance' }));
    await fleet.restart({ settings });
  });

  test('asks nothing that it was not started for this time', async () => {
    const url = 'http://127.0.0.1:1/';
    const settings = { ...fleet.server.running.context.settings };
    await fleet.restart({ settings: { ...settings, egressOrigins: ['http://127.0.0.1:1'] } });
    const probe = { type: 'probe', url, timeoutSeconds: 1, everySeconds: 60, otherwise: 'pause' } as const;
    const plan = await planOf([1, 1], { gates: [...STRICT, probe] });
    await fleet.begin(plan);
    await fleet.pass();
    expect((await fleet.view(plan.name)).phase).toBe('running');
    await fleet.restart({ settings });
    expect(await fleet.until(plan.name, 'paused')).toMatchObject({
      reason: 'the stage stage 1 asks http://127.0.0.1:1, this server asks nothing outside',
    });
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServerHost } from '../../../../src/lib/campaign/server-host.js';
import { bearer } from '../../../../src/lib/fleet-api/credential.js';
import { openFleetClient } from '../../../../src/lib/fleet-api/fleet-client.js';
import type { JournalEntry } from '../../../../src/lib/rollout/campaign-event.js';
import { chainEntry, EMPTY_JOURNAL, followJournal } from '../../../../src/lib/rollout/journal-chain.js';
import { parsePlan } from '../../../../src/lib/rollout/parse-plan.js';
import type { RolloutPlan } from '../../../../src/lib/rollout/plan.js';
import { TableJournal } from '../../../../src/lib/server/campaigns/table-journal.js';
import { somePlan } from '../../../support/rollout-plan.js';
import { auditedActions } from '../access/access-fixture.js';
import { OTHER_TENANT, startTestServer, type TestServer } from '../server-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
});
afterAll(() => server.stop());

async function allOf(pages: AsyncIterable<readonly JournalEntry[]>): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const page of pages) entries.push(...page);
  return entries;
}

let count = 0;
const newPlan = (options: Partial<RolloutPlan> = {}): RolloutPlan => ({
  ...somePlan(),
  name: `c${count++}`,
  ...options,
});
const post = (body: unknown, options: object = {}) =>
  server.call('POST', '/api/v1/campaigns', { body, as: 'operator', ...options });

async function campaigns(): Promise<string> {
  const { sql } = server.running.context.database;
  const rows = await Promise.all(
    (['campaign', 'campaign_entry', 'campaign_request', 'audit', 'event'] as const).map((table) =>
      sql.selectFrom(table).selectAll().execute(),
    ),
  );
  return JSON.stringify(rows);
}

describe('a campaign is begun', () => {
  test('once, however often the same plan is handed over, and tells where it stands', async () => {
    const plan = newPlan();
    const first = await post(plan);
    expect(first).toMatchObject({
      status: 201,
      body: { name: plan.name, phase: 'running', stage: 0, isDriven: true, head: { seq: 1 } },
    });
    expect(await post(plan)).toMatchObject({ status: 200, body: first.body });
    const path = `/api/v1/campaigns/${plan.name}`;
    expect((await server.call('GET', path, { as: 'viewer' })).body).toEqual(first.body);
    expect((await server.call('GET', `${path}/plan`, { as: 'viewer' })).body).toEqual(plan);
    expect((await server.call('GET', '/api/v1/campaigns', { as: 'viewer' })).body.items[0]).toEqual(first.body);
    expect((await auditedActions(server)).at(-1)).toMatch(/^token:.* campaign\.created campaign:c\d+$/);
  });

  test('with an entry that starts a chain, and an event without lists of devices', async () => {
    const plan = newPlan();
    const { body } = await post(plan);
    const { items } = (await server.call('GET', `/api/v1/campaigns/${plan.name}/journal`)).body;
    expect(followJournal(EMPTY_JOURNAL, items)).toMatchObject(body.head);
    const event = await server.running.context.database.sql
      .selectFrom('event')
      .select(['type', 'body'])
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirstOrThrow();
    expect({ ...event, body: JSON.parse(event.body) }).toMatchObject({
      type: 'rollout',
      body: { event: 'campaign', campaign: plan.name, seq: 1, entry: { type: 'opened' } },
    });
  });

  test.each<[string, () => unknown, number, string]>([
    ['another plan under its name', () => newPlan({ name: 'taken', notes: ['other'] }), 409, 'another plan'],
    ['no plan', () => ({ spec: 'ota-rollout/1' }), 422, 'plan: '],
    [
      'a plan for another kind of server',
      () => {
        return newPlan({ server: { driver: 'hawkbit', address: 'http://h' } });
      },
      422,
      'the plan is for a hawkbit server',
    ],
  ])('is refused: %s', async (_, make, status, message) => {
    await post(newPlan({ name: 'taken' }));
    const before = await campaigns();
    const answer = await post(make());
    expect([answer.status, answer.body.error?.message]).toEqual([status, expect.stringContaining(message)]);
    expect(await campaigns()).toBe(before);
  });

  test('up to twenty of a tenant at a time', async () => {
    const own = await startTestServer();
    const begin = (name: string, tenant?: string) =>
      own.call('POST', '/api/v1/campaigns', { body: { ...somePlan(), name }, ...(tenant && { tenant }) });
    for (let index = 0; index < 20; index++) expect((await begin(`n${index}`)).status).toBe(201);
    expect(await begin('n20')).toMatchObject({ status: 422, body: { error: { code: 'LIMIT_EXCEEDED' } } });
    expect((await begin('n0')).status).toBe(200);
    expect((await begin('n20', OTHER_TENANT)).status).toBe(201);
    await own.running.context.database.sql
      .updateTable('campaign')
      .set({ ended_at: 1 })
      .where('name', '=', 'n3')
      .execute();
    expect((await begin('n20')).status).toBe(201);
  });
});

describe('what a plan has the server do elsewhere', () => {
  const withGate = (gate: object, options: Partial<RolloutPlan> = {}) => {
    const plan = newPlan(options);
    const [stage] = plan.stages;
    return { ...plan, stages: [{ ...stage!, gates: [gate] }, ...plan.stages.slice(1)] };
  };
  const probe = (url: string) => ({
    ...{ type: 'probe', url, timeoutSeconds: 1, everySeconds: 60, otherwise: 'pause' },
  });

  test('goes to the origins that it was started with alone', async () => {
    const own = await startTestServer({
      settings: { ...server.running.context.settings, egressOrigins: ['https://metrics.example'] },
    });
    const begin = (body: unknown) => own.call('POST', '/api/v1/campaigns', { body });
    for (const url of ['http://metrics.example/q', 'https://metrics.example:444/q', 'https://metrics.example.evil/q']) {
      for (const plan of [withGate(probe(url)), newPlan({ webhook: url })]) {
        const { status, body } = await begin(plan);
        expect([url, status, body.error?.code]).toEqual([url, 422, 'USAGE']);
        expect(body.error.message).toContain('this server asks https://metrics.example alone');
      }
    }
    expect((await own.call('GET', '/api/v1/campaigns')).body.items).toEqual([]);
    const webhook = 'https://metrics.example/hook';
    expect((await begin(withGate(probe('https://metrics.example/q?a=b'), { webhook }))).status).toBe(201);
  });

  test('is never done with a secret of its environment', async () => {
    const before = await campaigns();
    for (const plan of [
      withGate({ ...probe('https://metrics.example/q'), tokenEnv: 'HOME' }),
      newPlan({ webhook: 'https://metrics.example/q', webhookTokenEnv: 'HOME' }),
    ]) {
      expect(await post(plan)).toMatchObject({
        status: 422,
        body: { error: { code: 'USAGE', message: expect.stringContaining('token of the environment') } },
      });
    }
    expect(await campaigns()).toBe(before);
  });

  test('is nothing unless it was started so, and never a command', async () => {
    const before = await campaigns();
    const asked = await post(withGate(probe('http://169.254.169.254/latest')));
    expect(asked).toMatchObject({
      status: 422,
      body: { error: { message: expect.stringContaining('asks http://169.254.169.254, this server asks nothing') } },
    });
    const command = { type: 'command', argv: ['id'], timeoutSeconds: 1, everySeconds: 60, otherwise: 'pause' };
    expect(await post(withGate(command))).toMatchObject({
      status: 422,
      body: { error: { message: expect.stringContaining('runs a command'), suggestions: ['Run it with --local.'] } },
    });
    expect(await campaigns()).toBe(before);
  });
});

describe('the journal in the database', () => {
  const noted = (text: string) => ({ type: 'noted', text }) as const;

  test('takes what follows, tells it in pages, and refuses what another process was faster with', async () => {
    const plan = newPlan();
    await post(plan);
    const { database } = server.running.context;
    const { id } = await database.sql
      .selectFrom('campaign')
      .select('id')
      .where('name', '=', plan.name)
      .executeTakeFirstOrThrow();
    const journal = new TableJournal(server.running.context, { tenantId: 1, campaignId: id, campaign: plan.name });
    const all = () => allOf(journal.read());
    const [opened] = await all();
    const own = chainEntry(opened!, 5, noted('own'));
    const next = chainEntry(own, 6, noted('next'));
    await journal.append([own, next]);
    expect(await all()).toEqual([opened, own, next]);
    expect(await allOf(journal.read(2))).toEqual([next]);
    const late = [chainEntry(opened!, 7, noted('late')), chainEntry(own, 7, noted('late'))];
    const forged = { ...chainEntry(next, 7, noted('forged')), previousHash: '0'.repeat(64) };
    for (const entry of [...late, forged]) {
      await expect(journal.append([entry])).rejects.toMatchObject({ code: 'CONFLICT' });
    }
    expect(await all()).toEqual([opened, own, next]);
  });
});

describe('the host of campaigns in a server', () => {
  test('opens, lists, shows and reads; what is not there is not found', async () => {
    const token = server.token('operator');
    await using client = await openFleetClient({ server: server.url, credential: bearer(token) });
    await using host = openServerHost(client);
    const plan = newPlan();
    const view = await host.open(plan, { by: 'anna' });
    expect(view).toMatchObject({ name: plan.name, phase: 'running' });
    expect(await host.view(plan.name)).toEqual(view);
    expect(await host.list()).toContainEqual(view);
    expect(parsePlan(Buffer.from(JSON.stringify(await host.plan(plan.name))), 'plan')).toEqual(plan);
    const entries = await allOf(host.journal(plan.name, 0));
    expect(entries.map(({ event }) => event.type)).toEqual(['opened']);
    await expect(host.open({ ...plan, notes: ['x'] }, { by: 'anna' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(host.view('nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(host.request(plan.name, { verb: 'resume' }, { by: 'anna' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });
});

describe('stop-all', () => {
  test('stops everything, also where a campaign takes no further requests', async () => {
    const own = await startTestServer();
    const call = (path: string, body: unknown) => own.call('POST', `/api/v1/campaigns${path}`, { body });
    for (const name of ['a', 'b', 'c']) await call('', { ...somePlan(), name });
    const flood = Array.from({ length: 17 }, () => call('/a/requests', { verb: 'pause' }));
    expect((await Promise.all(flood)).map(({ status }) => status)).toContain(409);
    expect(await call('/stop-all', {})).toMatchObject({ status: 200, body: { campaigns: ['a', 'b', 'c'] } });
    for (let seconds = 0; seconds < 10; seconds++) {
      own.advance(2_000);
      await own.running.runJobs();
    }
    const { items } = (await own.call('GET', '/api/v1/campaigns')).body;
    expect(items.map(({ phase }: { phase: string }) => phase)).toEqual(['aborted', 'aborted', 'aborted']);
  });
});

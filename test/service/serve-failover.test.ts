import { existsSync } from 'node:fs';
import { createParser } from 'eventsource-parser';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOGIN, startPostgres } from '../../scripts/services/postgres.mjs';
import { startLoad } from '../support/fleet-load.js';
import { type FleetProcess, startFleet } from '../support/fleet-process.js';
import { makeSet, registerDevices } from '../support/fleet-software.js';
import { expectAllKept } from '../support/fleet-state.js';
import { type TestFolder, testFolder } from '../support/folder.js';

const KILLS = 4;

let folder: TestFolder;
let cluster: TestFolder;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
beforeAll(async () => {
  folder = await testFolder();
  cluster = await testFolder(); // another user may have to enter it
  postgres = await startPostgres(cluster.path);
});
afterAll(async () => {
  await postgres.stop();
  for (const one of [folder, cluster]) await one[Symbol.asyncDispose]();
});

function start(data: string, database: string, token?: string): Promise<FleetProcess> {
  const address = new URL(database);
  address.password = '';
  const args = ['--db', address.href, '--db-password-env', 'DB_PASSWORD'];
  return startFleet({ data, args, env: { DB_PASSWORD: LOGIN.password }, ...(token !== undefined && { token }) });
}

describe('fleet servers over one database', () => {
  test('that start first at the same time make one token, which both take', async () => {
    for (const round of [1, 2, 3]) {
      const database = await postgres.createDatabase();
      const folders = ['a', 'b'].map((name) => folder.file(`first-${round}${name}`));
      const servers = await Promise.all(folders.map((data) => start(data, database)));
      const tokens = servers.map(({ adminToken }) => adminToken).filter((token) => token !== '');
      expect(tokens).toHaveLength(1);
      expect(folders.filter((data) => existsSync(`${data}/admin-token`))).toHaveLength(1);
      for (const server of servers) {
        const authorization = `Bearer ${tokens[0]}`;
        expect(await server.call('GET', '/api/v1/whoami', { authorization })).toMatchObject({ status: 200 });
      }
      await Promise.all(servers.map((server) => server.end('SIGTERM')));
    }
  });

  test(`lose and double nothing while ${KILLS} of them are killed: a rollout ends, and a watcher misses nothing`, {
    timeout: 300_000,
  }, async () => {
    const database = await postgres.createDatabase();
    const data = folder.file('shared');
    const servers = [await start(data, database)];
    const { adminToken: token } = servers[0]!;
    servers.push(await start(data, database, token));
    let turn = 0;
    const any = async () => servers[turn++ % servers.length]!;
    const first = servers[0]!;
    await first.call('PUT', '/api/v1/settings/acceptedFormats', { body: { value: ['swu'] } });
    const setId = await makeSet(first, { version: '1.0.0' });
    const watcher = watch(any, token);
    await watcher.isWatching;
    const load = startLoad({ server: any, token, setId, clients: 4 });
    const rollout = await startRollout(first);
    const members = liveAsMembers(any, rollout.tokens);

    for (let kill = 0; kill < KILLS; kill++) {
      await load.more(150);
      // Whichever runs the rollout: one of two in a row does.
      const victim = servers.splice(kill % 2, 1)[0]!;
      expect(await victim.end('SIGKILL')).toBe('SIGKILL');
      await load.more(100); // the other one goes on alone
      servers.splice(kill % 2, 0, await start(data, database, token));
    }
    const server = servers[0]!;
    const state = async () => (await server.call('GET', `/rest/v1/rollouts/${rollout.id}`)).body;
    await expect
      .poll(state, { timeout: 120_000, interval: 500 })
      .toMatchObject({ status: 'finished', totalTargetsPerStatus: { finished: rollout.tokens.size, error: 0 } });
    await members.stop();
    await load.stop();
    await expectAllKept(server, load);

    const db = new Client({ connectionString: database });
    await db.connect();
    const events = await db.query('select seq from event where seq > $1 order by seq', [watcher.start.event]);
    const messages = await db.query('select seq from telemetry where seq > $1 order by seq', [watcher.start.telemetry]);
    await db.end();
    await watcher.until(events.rowCount! + messages.rowCount!);
    await watcher.stop();
    expect(Math.min(events.rowCount!, messages.rowCount!)).toBeGreaterThan(KILLS * 100);
    expect(watcher.gaps).toEqual([]);
    expect(watcher.events).toEqual(events.rows.map(({ seq }) => Number(seq)));
    expect(watcher.messages).toEqual(messages.rows.map(({ seq }) => Number(seq)));
    await Promise.all(servers.map((one) => one.end('SIGTERM')));
  });
});

/** Four groups, each behind the success of the one before. */
async function startRollout(server: FleetProcess): Promise<{ id: number; tokens: Map<string, string> }> {
  const ids = Array.from({ length: 12 }, (_, index) => `member-${index}`);
  const tokens = await registerDevices(server, ids);
  const distributionSetId = await makeSet(server, { version: '2.0.0' });
  const { status, body } = await server.call('POST', '/rest/v1/rollouts', {
    body: {
      ...{ name: 'killed', distributionSetId, targetFilterQuery: 'controllerId==member-*', amountGroups: 4 },
      successCondition: { condition: 'THRESHOLD', expression: '100' },
    },
  });
  expect(status, JSON.stringify(body)).toBe(201);
  const state = async () => (await server.call('GET', `/rest/v1/rollouts/${body.id}`)).body;
  await expect.poll(state, { timeout: 60_000 }).toMatchObject({ status: 'ready' });
  expect(await server.call('POST', `/rest/v1/rollouts/${body.id}/start`)).toMatchObject({ status: 204 });
  return { id: body.id, tokens };
}

/** Devices that install whatever they are offered. */
function liveAsMembers(server: () => Promise<FleetProcess>, tokens: ReadonlyMap<string, string>) {
  let isStopping = false;
  const live = async (id: string, token: string) => {
    const authorization = `TargetToken ${token}`;
    while (!isStopping) {
      const root = `/DEFAULT/controller/v1/${id}`;
      const answer = await (await server()).call('GET', root, { authorization }).catch(() => undefined);
      const link = answer?.body._links?.deploymentBase?.href;
      if (link !== undefined) {
        const body = { timestamp: 1, status: { execution: 'closed', result: { finished: 'success' } } };
        const path = `${new URL(link).pathname}/feedback`;
        await (await server()).call('POST', path, { authorization, body }).catch(() => undefined);
      }
      await new Promise((done) => setTimeout(done, 300));
    }
  };
  const all = Promise.all([...tokens].map(([id, token]) => live(id, token)));
  return {
    stop: () => {
      isStopping = true;
      return all;
    },
  };
}

/** Reads the event stream of one server after the other, each from where the last one left off. */
function watch(server: () => Promise<FleetProcess>, token: string) {
  const started = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const [events, messages, gaps]: [number[], number[], unknown[]] = [[], [], []];
  const start = { event: 0, telemetry: 0 };
  let lastId = '';
  let look = () => {};
  const onEvent = ({ id, event, data }: { id?: string | undefined; event?: string | undefined; data: string }) => {
    lastId = id!; // one that did not come whole is told again
    const [eventSeq, telemetrySeq] = lastId.split('-').map(Number) as [number, number];
    if (event === 'gap') gaps.push(JSON.parse(data));
    else if (event === 'telemetry') messages.push(telemetrySeq);
    else if (event !== 'end') events.push(eventSeq);
    look();
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      const { url } = await server();
      const parser = createParser({ onEvent });
      try {
        const response = await fetch(`${url}/api/v1/events`, {
          headers: { authorization: `Bearer ${token}`, ...(lastId && { 'last-event-id': lastId }) },
          signal: stopping.signal,
        });
        for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
          if (lastId === '') {
            // The first thing it says is where it begins.
            lastId = /^id: (\d+-\d+)$/m.exec(chunk)![1]!;
            [start.event, start.telemetry] = lastId.split('-').map(Number) as [number, number];
          }
          parser.feed(chunk);
          started.resolve();
        }
      } catch {
        await new Promise((done) => setTimeout(done, 50)); // connections are refused at once
      }
    }
  };
  const running = run();
  return {
    ...{ events, messages, gaps, start, isWatching: started.promise },
    until: (count: number) =>
      new Promise<void>((done) => {
        look = () => {
          if (events.length + messages.length >= count) done();
        };
        look();
      }),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { freePorts } from '../../scripts/services/ports.mjs';
import { LOGIN, startPostgres } from '../../scripts/services/postgres.mjs';
import { randomNumbers } from '../../src/lib/core/random-numbers.js';
import { campaignFor, expectUntouched, publishUpdate, startSwarm } from '../support/campaign-run.js';
import { type FleetOptions, type FleetProcess, startFleet } from '../support/fleet-process.js';
import { testFolder } from '../support/folder.js';

const DEVICES = 60;
/** So long after the campaign was taken further the server that did it is killed at most, milliseconds. */
const LONGEST_LIFE_MS = 1_500;

/** One that does not outlive its test, however that ends. */
async function start(options: FleetOptions): Promise<FleetProcess> {
  const server = await startFleet(options);
  onTestFinished(() => void server.end('SIGKILL'));
  return server;
}

async function phaseOf(server: FleetProcess, name: string): Promise<string> {
  return (await server.call('GET', `/api/v1/campaigns/${name}`)).body.phase;
}

/** Waits until something was written into the journal behind an entry. @returns how far it goes */
async function writtenBehind(server: FleetProcess, name: string, seq: number): Promise<number> {
  for (let look = 0; look < 400; look++) {
    const { items } = (await server.call('GET', `/api/v1/campaigns/${name}/journal?after=${seq}`)).body;
    if (items.length > 0) return items.at(-1).seq;
    await delay(50);
  }
  throw new Error(`nothing was written behind entry ${seq}\n${server.output()}`);
}

test('a campaign in a server that is killed again and again ends as if nothing had happened', {
  timeout: 300_000,
}, async () => {
  await using folder = await testFolder();
  const random = randomNumbers(20261129);
  const [port, mqttPort] = await freePorts(2);
  const startAgain = () => start({ data: folder.file('data'), port: port!, mqttPort: mqttPort! });
  let server = await startAgain();
  const digest = await publishUpdate(server);
  await using swarm = await startSwarm(server, folder.path, DEVICES);
  const plan = campaignFor(server, swarm.devices, digest);
  expect((await server.call('POST', '/api/v1/campaigns', { body: plan })).status).toBe(201);
  let [kills, seq] = [0, 0];
  while ((await phaseOf(server, plan.name)) === 'running') {
    seq = await writtenBehind(server, plan.name, seq);
    await delay(random() * LONGEST_LIFE_MS);
    expect(await server.end('SIGKILL')).toBe('SIGKILL');
    server = await startAgain();
    kills++;
  }
  expect(await phaseOf(server, plan.name)).toBe('finished');
  expect(kills).toBeGreaterThan(5);
  await expectUntouched(server, plan);
  expect(await server.end('SIGTERM')).toBe(143);
});

test('a campaign goes on in the other one of two servers when the one that drives it is killed', {
  timeout: 300_000,
}, async () => {
  await using folder = await testFolder();
  await using cluster = await testFolder(); // another user may have to enter it
  const random = randomNumbers(20261130);
  const postgres = await startPostgres(cluster.path);
  try {
    const database = new URL(await postgres.createDatabase());
    database.password = '';
    const ports = await freePorts(4);
    const startOne = (index: number, token?: string) =>
      start({
        ...{ data: folder.file('shared'), port: ports[2 * index]!, mqttPort: ports[2 * index + 1]! },
        args: ['--db', database.href, '--db-password-env', 'DB_PASSWORD'],
        env: { DB_PASSWORD: LOGIN.password },
        ...(token !== undefined && { token }),
      });
    const servers = [await startOne(0)];
    const { adminToken } = servers[0]!;
    servers.push(await startOne(1, adminToken));
    const digest = await publishUpdate(servers[0]!);
    await using swarm = await startSwarm(servers[1]!, folder.path, DEVICES);
    const plan = campaignFor(servers[0]!, swarm.devices, digest);
    expect((await servers[1]!.call('POST', '/api/v1/campaigns', { body: plan })).status).toBe(201);
    let [kills, seq] = [0, 0];
    while ((await phaseOf(servers[0]!, plan.name)) === 'running') {
      seq = await writtenBehind(servers[1]!, plan.name, seq);
      await delay(random() * LONGEST_LIFE_MS);
      // One of two in a row is the one that drives.
      const victim = kills++ % 2;
      expect(await servers[victim]!.end('SIGKILL')).toBe('SIGKILL');
      await delay(random() * LONGEST_LIFE_MS); // the other one goes on alone
      servers[victim] = await startOne(victim, adminToken);
    }
    expect(await phaseOf(servers[0]!, plan.name)).toBe('finished');
    expect(kills).toBeGreaterThan(3);
    await expectUntouched(servers[0]!, plan);
    await Promise.all(servers.map((server) => server.end('SIGTERM')));
  } finally {
    await postgres.stop();
  }
});

import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { JournalEntry } from '../../src/lib/rollout/campaign-event.js';
import type { CampaignView } from '../../src/lib/rollout/campaign-view.js';
import type { GateSpec } from '../../src/lib/rollout/gate-spec.js';
import { EMPTY_JOURNAL, followJournal } from '../../src/lib/rollout/journal-chain.js';
import type { RolloutPlan } from '../../src/lib/rollout/plan.js';
import { publicKeyPem } from '../../src/lib/trust/public-key.js';
import { releaseSigner, rootFile, tenantRoot } from '../lib/server/artifacts/upload-fixture.js';
import { releasePackage } from '../lib/server/catalog/catalogue-fixture.js';
import { cleanEnvironment, executableFile } from './cli.js';
import type { FleetProcess } from './fleet-process.js';
import { somePlan } from './rollout-plan.js';

/** All devices of a stage have to have it. */
const GATES: GateSpec[] = [{ type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent: 100 }];

const PROFILE = {
  product: 'meter',
  models: [{ model: 'M100' }],
  poll: { seconds: 0.3, startSeconds: 0 },
  rebootSeconds: [0, 0.5],
};

/** Publishes release 2.0.0. @returns its digest */
export async function publishUpdate(server: FleetProcess): Promise<string> {
  const trusted = await server.call('PUT', '/api/v1/trust-root', { body: rootFile(await tenantRoot()) });
  expect(trusted.status, JSON.stringify(trusted.body)).toBe(200);
  const { status, body } = await server.call('POST', '/api/v1/releases?filename=meter.ota', {
    body: await releasePackage('2.0.0', { sequence: 2 }),
    headers: { 'content-type': 'application/octet-stream' },
  });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.release.digest;
}

export interface RunningSwarm extends AsyncDisposable {
  readonly devices: readonly string[];
}

/** Starts `fleet simulate`; resolves when its devices are known to the server. */
export async function startSwarm(server: FleetProcess, folder: string, count: number): Promise<RunningSwarm> {
  await writeFile(join(folder, 'release.pub'), publicKeyPem(releaseSigner.publicKey));
  await writeFile(join(folder, 'profile.json'), JSON.stringify(PROFILE));
  const args = [
    ...['simulate', '--devices', String(count), '--server', server.url, '--register', '--token-env', 'TOKEN'],
    ...['--key', 'release.pub', '--profile', 'profile.json', '--patience', '10min', '--json'],
  ];
  const child = spawn(process.execPath, [executableFile('fleet'), ...args], {
    cwd: folder,
    env: { ...cleanEnvironment(), TOKEN: server.adminToken },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const orphan = () => child.kill('SIGKILL');
  process.once('exit', orphan);
  const ended = new Promise<void>((done) => {
    child.once('close', () => done());
  });
  const names = async (): Promise<string[]> => {
    const { body } = await server.call('GET', '/api/v1/devices?limit=1000&fields=id,lastSeenAt');
    return body.items
      .filter(({ lastSeenAt }: { lastSeenAt: unknown }) => lastSeenAt)
      .map(({ id }: { id: string }) => id);
  };
  await expect.poll(async () => [said, (await names()).length], { timeout: 60_000 }).toEqual([said, count]);
  return {
    devices: await names(),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', orphan);
    },
  };
}

/** A plan for all devices: one in ten, then three in ten, then all. */
export function campaignFor(server: FleetProcess, devices: readonly string[], digest: string): RolloutPlan {
  const cuts = [0, 0.1, 0.4, 1].map((share) => Math.round(share * devices.length));
  const stages = cuts.slice(1).map((to, at) => ({ devices: devices.slice(cuts[at], to) }));
  const plan = somePlan({ name: 'killed', stages, gates: GATES, server: { driver: 'fleet', address: server.url } });
  return { ...plan, package: { ...plan.package, digest } };
}

/** That it ended as one that nothing happened to: each device has one action, each thing was done once. */
export async function expectUntouched(server: FleetProcess, { name, stages }: RolloutPlan): Promise<void> {
  const view: CampaignView = (await server.call('GET', `/api/v1/campaigns/${name}`)).body;
  const { items } = (await server.call('GET', `/api/v1/campaigns/${name}/journal`)).body as { items: JournalEntry[] };
  expect(followJournal(EMPTY_JOURNAL, items)).toMatchObject(view.head);
  const done = items.map(({ event }) => event.type).filter((type) => type !== 'judged' && type !== 'noted');
  const stage = ['preparing', 'prepared', 'starting', 'started', 'passed'];
  expect(done).toEqual(['opened', ...stages.flatMap(() => stage), 'ended']);
  expect(view.stages.map(({ figures }) => figures?.installed)).toEqual(stages.map(({ devices }) => devices.length));
  const devices = stages.flatMap((one) => one.devices.map(([device]) => device));
  const actions = (await server.call('GET', '/rest/v1/actions?limit=500&representation=full')).body;
  expect(actions.total).toBe(devices.length);
  expect(
    new Set(actions.content.map(({ _links }: { _links: { target: { href: string } } }) => _links.target.href)).size,
  ).toBe(devices.length);
  const { body } = await server.call('GET', '/api/v1/audit/verify');
  expect(body).toMatchObject({ isIntact: true });
}

import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { systemClock } from '../../../../src/lib/core/clock.js';
import type { CampaignView } from '../../../../src/lib/rollout/campaign-view.js';
import type { GateSpec } from '../../../../src/lib/rollout/gate-spec.js';
import type { RolloutPlan } from '../../../../src/lib/rollout/plan.js';
import type { ServerOptions } from '../../../../src/lib/server/server.js';
import { testFolder } from '../../../support/folder.js';
import { type SomePlan, somePlan } from '../../../support/rollout-plan.js';
import { testFleet } from '../actions/software-fixture.js';
import { publish, releasePackage, trustRootOf } from '../catalog/catalogue-fixture.js';
import { type TestDevice, testDevice } from '../ddi/ddi-fixture.js';
import { type CallOptions, startTestServer, stateOfTest, type TestServer } from '../server-fixture.js';

/** What a device makes of an update: `silent` takes it and tells nothing more. */
export type Fate = 'success' | 'failure' | 'silent';

/** A server with releases 1.0.0 and 2.0.0, devices that do what they are told, and time that goes on by hand. */
export interface CampaignFleet {
  /** Another one after each `restart`. */
  readonly server: TestServer;
  /** Stops the server and starts it over the same files, at the same time. */
  restart(options?: Partial<ServerOptions>): Promise<void>;
  /** Ends it, and removes its files. */
  stop(): Promise<void>;
  /** By name; `success` for all others. */
  readonly fates: Map<string, Fate>;
  /** Actions that each device has ended, by name. */
  readonly ended: ReadonlyMap<string, readonly string[]>;
  /** A plan from 1.0.0 to 2.0.0; its devices are made, and from then on those of earlier plans are off. */
  plan(options?: SomePlan): Promise<RolloutPlan>;
  begin(plan: RolloutPlan, options?: CallOptions): Promise<CampaignView>;
  view(name: string): Promise<CampaignView>;
  ask(name: string, verb: string, options?: CallOptions): Promise<number>;
  /** Seconds pass: jobs run, devices poll. On a timed server a moment passes and devices poll. */
  pass(seconds?: number): Promise<void>;
  /** Lets time pass until a campaign is in a phase. */
  until(name: string, phase: CampaignView['phase']): Promise<CampaignView>;
  /** Types of the journal's entries. */
  journal(name: string): Promise<string[]>;
}

/** All devices of a stage have to have it; one that failed stops it. */
export const STRICT: readonly GateSpec[] = [
  { type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent: 100 },
  { type: 'failure', atMostPercent: 10, confidencePercent: 50, minimumSample: 1, otherwise: 'pause' },
];

const LOOKS = 120;
const MOMENT_MS = 300;

/** @param isTimed time is that of this machine, and the server runs its jobs by itself */
export async function startCampaignFleet({ isTimed = false } = {}): Promise<CampaignFleet> {
  const folder = await testFolder();
  const state = await stateOfTest();
  let now = Date.parse('2026-01-05T06:00:00Z');
  const start = (options: Partial<ServerOptions> = {}) =>
    startTestServer({
      ...{ isShared: true, isTimed, dataDirectory: folder.file('data'), ...state },
      clock: isTimed ? systemClock : { now: () => new Date(now) },
      ...options,
    });
  const server = await start();
  await trustRootOf(server);
  const releases: Release[] = [];
  for (const [index, version] of ['1.0.0', '2.0.0'].entries()) {
    const { status, body } = await publish(server, await releasePackage(version, { sequence: index + 1 }));
    expect(status, JSON.stringify(body)).toBe(201);
    releases.push(body.release);
  }
  return livingFleet(server, {
    ...{ old: releases[0]!, next: releases[1]!, start },
    async pass(server, seconds) {
      if (isTimed) return delay(MOMENT_MS);
      now += seconds * 1_000;
      await server.running.runJobs();
    },
    remove: async () => folder[Symbol.asyncDispose](),
  });
}

interface Release {
  readonly digest: string;
  readonly distributionSet: { readonly id: number; readonly name: string; readonly version: string };
}

interface World {
  readonly old: Release;
  readonly next: Release;
  start(options?: Partial<ServerOptions>): Promise<TestServer>;
  pass(server: TestServer, seconds: number): Promise<unknown>;
  remove(): Promise<void>;
}

function livingFleet(first: TestServer, { old, next, start, pass, remove }: World): CampaignFleet {
  let server = first;
  const fates = new Map<string, Fate>();
  const ended = new Map<string, string[]>();
  let devices = new Map<string, TestDevice>();
  const taken = new Set<string>();

  async function makeDevices(names: readonly string[]): Promise<void> {
    const known = await testFleet(server.running.context);
    // The server may be another one by the time a device calls.
    const caller = { call: (...args: Parameters<TestServer['call']>) => server.call(...args) } as TestServer;
    Object.defineProperty(caller, 'url', { get: () => server.url });
    devices = new Map();
    for (const name of names) devices.set(name, await testDevice(caller, known, name));
    const { sql } = server.running.context.database;
    await sql
      .updateTable('device')
      .set({ installed_set_id: old.distributionSet.id, assigned_set_id: old.distributionSet.id, installed_at: 0 })
      .where('controller_id', 'in', [...names])
      .where('installed_set_id', 'is', null)
      .execute();
  }

  async function live(name: string, device: TestDevice): Promise<void> {
    const { deploymentBase, cancelAction } = await device.poll();
    const fate = fates.get(name) ?? 'success';
    const link = (cancelAction ?? deploymentBase)?.split('?')[0];
    if (link === undefined) return;
    if (cancelAction === undefined && fate === 'silent') {
      if (taken.has(link)) return;
      taken.add(link);
      await device.feedback(link, 'proceeding');
      return;
    }
    const { status } = await device.feedback(link, 'closed', cancelAction === undefined ? fate : 'success', [fate]);
    expect(status).toBe(200);
    ended.set(name, [...(ended.get(name) ?? []), link]);
  }

  const fleet: CampaignFleet = {
    ...{ fates, ended },
    get server() {
      return server;
    },
    async restart(options) {
      await server.stop();
      server = await start(options);
    },
    async stop() {
      await server.stop();
      await remove();
    },
    async plan(some = {}) {
      const { digest } = next;
      const previous = { id: String(old.distributionSet.id), name: 'meter', version: '1.0.0', digest: old.digest };
      const plan = somePlan({ gates: STRICT, cohorts: [{ previous }], stages: [1, 3], ...some });
      await makeDevices(plan.stages.flatMap((stage) => stage.devices.map(([name]) => name)));
      return { ...plan, package: { ...plan.package, digest } };
    },
    async begin(plan, call = {}) {
      const { status, body } = await server.call('POST', '/api/v1/campaigns', { body: plan, ...call });
      expect(status, JSON.stringify(body)).toBe(201);
      return body;
    },
    view: async (name) => (await server.call('GET', `/api/v1/campaigns/${name}`)).body,
    ask: async (name, verb, call = {}) =>
      (await server.call('POST', `/api/v1/campaigns/${name}/requests`, { body: { verb }, ...call })).status,
    async pass(seconds = 2) {
      await pass(server, seconds);
      for (const [name, device] of devices) await live(name, device);
    },
    async until(name, phase) {
      for (let look = 0; look < LOOKS; look++) {
        const view = await fleet.view(name);
        if (view.phase === phase) return view;
        await fleet.pass();
      }
      const events = await fleet.journal(name);
      throw new Error(`${JSON.stringify(await fleet.view(name))}\n${events.join(' ')}\n${server.logged.join('\n')}`);
    },
    async journal(name) {
      const { items } = (await server.call('GET', `/api/v1/campaigns/${name}/journal`)).body;
      return items.map(({ event }: { event: { type: string } }) => event.type);
    },
  };
  return fleet;
}

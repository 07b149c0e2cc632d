import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bearer } from '../../../src/lib/fleet-api/credential.js';
import type { FleetDriver } from '../../../src/lib/fleet-api/driver.js';
import { type FleetClient, openFleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import { openDeviceLookup } from '../../../src/lib/server/access/device-lookup.js';
import { startTestServer, type TestServer } from '../server/server-fixture.js';
import { brokenClient, type DrivenFleet, drivenFleet, some } from './driven-fleet.js';

const HOUR_MS = 3_600_000;
const NEVER = Number.POSITIVE_INFINITY;

export interface DriverUnderTest {
  /** The driver, as it is opened for a server. */
  open(client: FleetClient): FleetDriver;
  /** What stands between the driver and the server, with its address; ended after the tests. */
  between?(server: TestServer): Promise<{ readonly address: string; end(): Promise<void> }>;
}

/** What every driver does, against a real server. Its jobs run when the test says so, and its clock stands. */
export function driverContract(name: string, { open, between }: DriverUnderTest): void {
  describe(name, () => {
    let server: TestServer;
    let client: FleetClient;
    let driver: FleetDriver;
    let relay: { readonly address: string; end(): Promise<void> } | undefined;
    beforeAll(async () => {
      server = await startTestServer({ isShared: true });
      relay = await between?.(server);
      client = await openFleetClient({
        server: relay?.address ?? server.url,
        credential: bearer(server.token('admin')),
      });
      driver = open(client);
    });
    afterAll(async () => {
      await driver[Symbol.asyncDispose]();
      await relay?.end();
      await server.stop();
    });

    test('gives a portion to its devices alone, and sees it to its end', async () => {
      const fleet = await drivenFleet(server, 4);
      const [first, second, third, other] = fleet.devices;
      const ref = await driver.prepare(fleet.portion({ devices: [first!, second!, third!] }));
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'preparing', waiting: 3 });
      await fleet.jobs();
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'prepared', waiting: 3 });
      await driver.start(ref);
      await fleet.jobs();
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 3 });
      expect((await fleet.api.get(`/targets/${other}`)).updateStatus).toBe('unknown');
      await fleet.report('success', [first!, second!]);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 1, installed: 2 });
      expect([...(await fleet.outcomes(driver, ref, 'installed')).keys()].sort()).toEqual([first, second]);
      expect([...(await fleet.outcomes(driver, ref, 'running')).keys()]).toEqual([third]);
      await fleet.report('success', [third!]);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'finished', installed: 3 });
    });

    test('cannot start what the server has not made yet, and starts it once', async () => {
      const fleet = await drivenFleet(server, 2);
      const ref = await driver.prepare(fleet.portion());
      await expect(driver.start(ref)).rejects.toMatchObject({ code: 'CONFLICT' });
      await fleet.jobs();
      await driver.start(ref);
      await driver.start(ref);
      await fleet.jobs();
      await driver.start(ref);
      const { content } = await fleet.api.get(`/actions?q=target.controllerId==${fleet.fleet}-*`);
      expect(content).toHaveLength(2);
    });

    test('asks no more of many devices than of few', async () => {
      const questions = async (count: number) => {
        const fleet = await drivenFleet(server, count);
        const ref = await fleet.started(driver, fleet.portion());
        const counting = brokenClient(client, 0, 'before');
        const watching = open(counting.client);
        await fleet.progress(watching, ref);
        await fleet.progress(watching, ref, HOUR_MS);
        return counting.methods.length;
      };
      expect(await questions(200)).toBe(await questions(2));
    });

    test('tells who failed and what they said', async () => {
      const fleet = await drivenFleet(server, 3);
      const ref = await fleet.started(driver, fleet.portion());
      await fleet.report('failure', [fleet.device(2)], 'flash is worn out');
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 2, failed: 1 });
      expect([...(await fleet.outcomes(driver, ref, 'failed'))]).toEqual([[fleet.device(2), 'flash is worn out']]);
    });

    test('pauses by itself above the error threshold, and goes on when told to', async () => {
      const fleet = await drivenFleet(server, 10);
      const ref = await fleet.started(driver, fleet.portion({ errorThresholdPercent: 15.9 }));
      await fleet.report('failure', [fleet.device(1)]);
      expect(await fleet.progress(driver, ref)).toMatchObject({ status: 'running' });
      await fleet.report('failure', [fleet.device(2)]);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'paused', running: 8, failed: 2 });
      await driver.resume(ref);
      await driver.resume(ref);
      expect(await fleet.progress(driver, ref)).toMatchObject({ status: 'running' });
      await fleet.report('success', fleet.devices.slice(2));
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'finished', installed: 8, failed: 2 });
    });

    test('holds back devices that have not begun, and lets them go on without holding the wait against them', async () => {
      const fleet = await drivenFleet(server, 3);
      const ref = await fleet.started(driver, fleet.portion());
      const lookup = openDeviceLookup(server.running.context.database);
      const offered = async (number: number) =>
        (await lookup.find('DEFAULT', fleet.device(number)))?.device?.openAction !== undefined;
      await fleet.report('proceeding', [fleet.device(1)]);
      for (let again = 0; again < 2; again++) await driver.pause(ref);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'paused', running: 3 });
      expect([await offered(1), await offered(2), await offered(3)]).toEqual([true, false, false]);
      await fleet.report('success', [fleet.device(1)]);
      server.advance(7_200_000);
      await driver.resume(ref);
      expect([await offered(2), await offered(3)]).toEqual([true, true]);
      expect(some(await fleet.progress(driver, ref, 3_600_000))).toEqual({
        status: 'running',
        running: 2,
        installed: 1,
      });
      await fleet.report('success', fleet.devices.slice(1));
      await driver.pause(ref);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'finished', installed: 3 });
    });

    test('stops: devices are asked to let go, and nobody else gets it', async () => {
      const fleet = await drivenFleet(server, 3);
      const ref = await fleet.started(driver, fleet.portion());
      await fleet.report('success', [fleet.device(1)]);
      await driver.stop(ref);
      await fleet.jobs();
      await driver.stop(ref);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'stopped', running: 2, installed: 1 });
      const { content } = await fleet.api.get(`/actions?q=status==CANCELING;target.controllerId==${fleet.fleet}-*`);
      expect(content).toHaveLength(2);
      for (const { _links } of content) {
        await fleet.api.delete(`${new URL(_links.self.href).pathname.replace('/rest/v1', '')}?force=true`);
      }
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'stopped', canceled: 2, installed: 1 });
      expect((await fleet.outcomes(driver, ref, 'canceled')).size).toBe(2);
    });

    test('stops what was never started', async () => {
      const fleet = await drivenFleet(server, 2);
      const ref = await driver.prepare(fleet.portion());
      await fleet.jobs();
      await driver.stop(ref);
      await fleet.jobs();
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'stopped', waiting: 2 });
      expect((await fleet.api.get(`/actions?q=target.controllerId==${fleet.fleet}-*`)).total).toBe(0);
    });

    test('counts apart who had the update before (hawkbit#735)', async () => {
      const fleet = await drivenFleet(server, 4);
      await fleet.api.post(`/targets/${fleet.device(1)}/assignedDS`, { id: fleet.setId });
      await fleet.report('success', [fleet.device(1)]);
      await fleet.api.post(`/targets/${fleet.device(2)}/assignedDS`, { id: fleet.setId });
      const ref = await fleet.started(driver, fleet.portion());
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 2, already: 2 });
      expect([...(await fleet.outcomes(driver, ref, 'already')).keys()].sort()).toEqual(fleet.devices.slice(0, 2));
      await fleet.report('success', fleet.devices.slice(2));
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'finished', installed: 2, already: 2 });
      expect([...(await fleet.outcomes(driver, ref, 'installed')).keys()].sort()).toEqual(fleet.devices.slice(2));
      expect((await fleet.outcomes(driver, ref, 'waiting')).size).toBe(0);
    });

    test('counts who was removed, before and after', async () => {
      const fleet = await drivenFleet(server, 4);
      const devices = ['never-known', ...fleet.devices];
      const ref = await fleet.started(driver, fleet.portion({ devices }));
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 4, gone: 1 });
      await fleet.report('success', [fleet.device(1)]);
      await fleet.api.delete(`/targets/${fleet.device(1)}`);
      await fleet.api.delete(`/targets/${fleet.device(2)}`);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 2, gone: 3 });
      expect((await fleet.outcomes(driver, ref, 'gone')).size).toBe(0);
    });

    test('finishes a portion of which nobody is left', async () => {
      const fleet = await drivenFleet(server, 1);
      const ref = await driver.prepare(fleet.portion({ devices: ['gone-1', 'gone-2'] }));
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'prepared', gone: 2 });
      await driver.start(ref);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'finished', gone: 2 });
      await driver.stop(ref);
      await driver.forget(ref);
    });

    test('takes a device that falls silent for stuck, until it says something (hawkbit#693)', async () => {
      const fleet = await drivenFleet(server, 3);
      const ref = await fleet.started(driver, fleet.portion());
      await fleet.report('proceeding', [fleet.device(1)]);
      server.advance(2 * HOUR_MS);
      await fleet.report('proceeding', [fleet.device(2)]);
      expect(some(await fleet.progress(driver, ref, NEVER))).toEqual({ status: 'running', running: 3 });
      expect(some(await fleet.progress(driver, ref, HOUR_MS))).toEqual({ status: 'running', running: 1, stuck: 2 });
      expect([...(await fleet.outcomes(driver, ref, 'stuck', HOUR_MS)).keys()].sort()).toEqual([
        fleet.device(1),
        fleet.device(3),
      ]);
      expect([...(await fleet.outcomes(driver, ref, 'running', HOUR_MS)).keys()]).toEqual([fleet.device(2)]);
      await fleet.report('success', [fleet.device(1)]);
      const counts = { running: 1, stuck: 1, installed: 1 };
      expect(some(await fleet.progress(driver, ref, HOUR_MS))).toEqual({ status: 'running', ...counts });
    });

    test.each([null, { schedule: '0 0 3 * * ?', duration: '01:00:00', timezone: '+00:00' }])(
      'prepares the same portion when it is cut at any call and asked again (window: %j)',
      async (window) => {
        const whole = await drivenFleet(server, 3);
        await whole.api.post(`/targets/${whole.device(1)}/assignedDS`, { id: whole.setId });
        const counting = brokenClient(client, 0, 'before');
        await open(counting.client).prepare(whole.portion({ window }));
        const methods = counting.methods;
        expect(methods.length).toBeGreaterThan(3);
        const cuts: { fleet: DrivenFleet; ref: string }[] = [];
        for (const [index, method] of methods.entries()) {
          // After a question it makes no difference whether it was heard.
          for (const moment of method === 'GET' ? (['before'] as const) : (['before', 'after'] as const)) {
            const fleet = await drivenFleet(server, 3);
            await fleet.api.post(`/targets/${fleet.device(1)}/assignedDS`, { id: fleet.setId });
            const cut = open(brokenClient(client, index + 1, moment).client).prepare(fleet.portion({ window }));
            await expect(cut).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
            const ref = await driver.prepare(fleet.portion({ window }));
            expect(await driver.prepare(fleet.portion({ window }))).toBe(ref);
            cuts.push({ fleet, ref });
          }
        }
        await whole.jobs();
        for (const { ref } of cuts) await driver.start(ref);
        await whole.jobs();
        for (const { fleet, ref } of cuts) {
          expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 2, already: 1 });
          expect((await fleet.api.get(`/actions?q=target.controllerId==${fleet.fleet}-*`)).total).toBe(3);
        }
        await whole.report(
          'success',
          cuts.flatMap(({ fleet }) => fleet.devices),
        );
        expect(some(await whole.progress(driver, cuts[0]!.ref))).toEqual({
          status: 'finished',
          installed: 2,
          already: 1,
        });
      },
    );

    test('refuses a name that something else has, and leaves that as it is', async () => {
      const fleet = await drivenFleet(server, 3);
      const { name } = fleet.portion();
      const other = await fleet.api.set(`${fleet.fleet}-other`);
      await driver.prepare(
        fleet.portion({ software: { id: String(other), name: 'firmware', version: 'x', digest: null } }),
      );
      await expect(driver.prepare(fleet.portion())).rejects.toMatchObject({ code: 'CONFLICT' });
      const { content } = await fleet.api.get(`/rollouts?q=name==${name}`);
      expect(content).toMatchObject([{ distributionSetId: other, status: 'creating' }]);
    });

    test('refuses a tag that is on other devices, too', async () => {
      const fleet = await drivenFleet(server, 3);
      const [tag] = await fleet.api.post('/targettags', [{ name: fleet.portion().name }]);
      await fleet.api.post(`/targettags/${tag.id}/assigned`, [fleet.device(3)]);
      const portion = fleet.portion({ devices: fleet.devices.slice(0, 2) });
      await expect(driver.prepare(portion)).rejects.toMatchObject({ code: 'CONFLICT' });
      expect((await fleet.api.get(`/rollouts?q=name==${portion.name}`)).total).toBe(0);
    });

    test('does not start a rollout that other devices have slipped into', async () => {
      const fleet = await drivenFleet(server, 3);
      const ref = await driver.prepare(fleet.portion({ devices: fleet.devices.slice(0, 2) }));
      await fleet.api.post(`/targettags/${JSON.parse(ref).tag}/assigned`, [fleet.device(3)]);
      await fleet.jobs();
      await expect(driver.start(ref)).rejects.toMatchObject({ code: 'CONFLICT' });
      expect((await fleet.api.get(`/actions?q=target.controllerId==${fleet.fleet}-*`)).total).toBe(0);
    });

    test('refuses software that is no longer there', async () => {
      const fleet = await drivenFleet(server, 1);
      await fleet.api.delete(`/distributionsets/${fleet.setId}`);
      await expect(driver.prepare(fleet.portion())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('says that the server has forgotten a portion', async () => {
      const fleet = await drivenFleet(server, 1);
      const ref = await fleet.started(driver, fleet.portion());
      await fleet.api.delete(`/rollouts/${JSON.parse(ref).rollout.id}`);
      await expect(fleet.progress(driver, ref)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(driver.start(ref)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(driver.stop(ref)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('gives devices a maintenance window, and stops there, too', async () => {
      const fleet = await drivenFleet(server, 5);
      const window = { schedule: '0 0 3 * * ?', duration: '01:00:00', timezone: '+01:00' };
      await fleet.api.post(`/targets/${fleet.device(1)}/assignedDS`, { id: fleet.setId });
      const ref = await driver.prepare(fleet.portion({ window, devices: [...fleet.devices, 'gone'] }));
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'prepared', waiting: 5, gone: 1 });
      await driver.start(ref);
      await driver.start(ref);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 4, already: 1, gone: 1 });
      const { content } = await fleet.api.get(`/actions?q=target.controllerId==${fleet.device(2)}`);
      expect(content).toMatchObject([{ maintenanceWindow: window }]);
      await fleet.report('success', [fleet.device(2)]);
      await fleet.report('failure', [fleet.device(3)], 'no');
      server.advance(2 * HOUR_MS);
      await fleet.report('proceeding', [fleet.device(4)]);
      const now = { installed: 1, failed: 1, running: 1, stuck: 1, already: 1, gone: 1 };
      expect(some(await fleet.progress(driver, ref, HOUR_MS))).toEqual({ status: 'running', ...now });
      expect([...(await fleet.outcomes(driver, ref, 'failed'))]).toEqual([[fleet.device(3), 'no']]);
      expect([...(await fleet.outcomes(driver, ref, 'stuck', HOUR_MS)).keys()]).toEqual([fleet.device(5)]);
      expect([...(await fleet.outcomes(driver, ref, 'already')).keys()]).toEqual([fleet.device(1)]);
      await driver.stop(ref);
      await driver.stop(ref);
      expect(await fleet.progress(driver, ref)).toMatchObject({ status: 'stopped' });
      // What the first device was on its way to before is not the portion's to stop.
      const states = (await fleet.api.get(`/actions?q=active==true;target.controllerId==${fleet.fleet}-*`)).content;
      expect(states.map(({ status }: { status: string }) => status).sort()).toEqual([
        'canceling',
        'canceling',
        'running',
      ]);
    });

    test('forgets its tags, and what happened stays', async () => {
      const fleet = await drivenFleet(server, 2);
      await fleet.api.post(`/targets/${fleet.device(1)}/assignedDS`, { id: fleet.setId });
      const ref = await fleet.started(driver, fleet.portion());
      await driver.forget(ref);
      await driver.forget(ref);
      expect((await fleet.api.get(`/targettags?q=name==${fleet.fleet}*`)).total).toBe(0);
      expect(some(await fleet.progress(driver, ref))).toEqual({ status: 'running', running: 1, already: 1 });
    });

    test('stops every rollout, whoever made it', async () => {
      const fleet = await drivenFleet(server, 3);
      await driver.stopAll();
      await fleet.jobs();
      const ref = await fleet.started(driver, fleet.portion({ devices: fleet.devices.slice(0, 2) }));
      const foreign = { distributionSetId: fleet.setId, targetFilterQuery: `controllerId==${fleet.device(3)}` };
      await fleet.api.post('/rollouts', { name: `${fleet.fleet} by hand`, amountGroups: 1, ...foreign });
      await fleet.jobs();
      // Before 0.10 a rollout that was stopped is one that is paused, and is stopped again.
      const stopped = await driver.stopAll();
      expect(stopped.filter((name) => name.startsWith(fleet.fleet))).toEqual([
        `${fleet.fleet} by hand`,
        fleet.portion().name,
      ]);
      await fleet.jobs();
      expect(
        (await fleet.api.get(`/actions?q=active==true;status!=CANCELING;rollout.name==${fleet.fleet}*`)).total,
      ).toBe(0);
      expect(['stopped', 'paused']).toContain((await fleet.progress(driver, ref)).status);
    });

    test('lists devices with what they have and what they are on their way to', async () => {
      const fleet = await drivenFleet(server, 4);
      const next = await fleet.api.set(`${fleet.fleet}-next`);
      await fleet.api.post(`/distributionsets/${fleet.setId}/assignedTargets?offline=true`, [
        { id: fleet.device(1) },
        { id: fleet.device(2) },
      ]);
      await fleet.api.post(`/targets/${fleet.device(2)}/assignedDS`, { id: next });
      await fleet.api.put(`/targets/${fleet.device(3)}`, { group: 'north' });
      const devices = [];
      const where = `controllerId==${fleet.device(1)},controllerId==${fleet.device(2)},group==north;controllerId==${fleet.fleet}-*`;
      for await (const page of driver.devices(where)) devices.push(...page);
      const has = { id: String(fleet.setId), name: 'firmware' };
      expect(devices).toMatchObject([
        { id: fleet.device(1), installed: has, assigned: null, lastSeenAt: null },
        { id: fleet.device(2), installed: has, assigned: { id: String(next) } },
        { id: fleet.device(3), installed: null, assigned: null, group: 'north' },
      ]);
      await expect(driver.devices('nonsense=')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'USAGE' });
    });
  });
}

import { expect } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import type { DriverPortion, FleetDriver, PortionProgress } from '../../../src/lib/fleet-api/driver.js';
import type { FleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import { lockActiveActions } from '../../../src/lib/server/actions/locked-action.js';
import { moveAction } from '../../../src/lib/server/actions/move-action.js';
import { managementOf } from '../server/management/management-fixture.js';
import type { TestServer } from '../server/server-fixture.js';

let fleets = 0;

/** Some devices of a server, a set that none of them has, and a driver that gives it to them. */
export async function drivenFleet(server: TestServer, count = 10) {
  const api = managementOf(server);
  const fleet = `f${++fleets}`;
  const device = (number: number) => `${fleet}-car-${String(number).padStart(3, '0')}`;
  const devices = Array.from({ length: count }, (_, index) => device(index + 1));
  await api.targets(...devices);
  const version = `${fleets}.0.0`;
  const setId = await api.set(version);
  const now = () => server.running.context.clock.now().getTime();
  const jobs = () => server.running.runJobs();
  return {
    ...{ api, fleet, device, devices, setId, now, jobs },
    portion: (changes: Partial<DriverPortion> = {}): DriverPortion => ({
      name: `${fleet}.s1.0`,
      description: 'Stage 1 of a test',
      software: { id: String(setId), name: 'firmware', version, digest: null },
      devices,
      errorThresholdPercent: 100,
      window: null,
      ...changes,
    }),
    progress: (driver: FleetDriver, ref: string, silentForMs = Number.POSITIVE_INFINITY): Promise<PortionProgress> =>
      driver.progress(ref, { silentForMs, now: now() }),
    /** Prepared, and given to its devices. */
    async started(driver: FleetDriver, portion: DriverPortion): Promise<string> {
      const ref = await driver.prepare(portion);
      await jobs();
      await driver.start(ref);
      await jobs();
      return ref;
    },
    /** Devices by name that have an outcome, and what they said. */
    async outcomes(
      driver: FleetDriver,
      ref: string,
      outcome: Parameters<FleetDriver['outcomes']>[1],
      silentForMs = 1e9,
    ) {
      const entries = new Map<string, string>();
      for await (const page of driver.outcomes(ref, outcome, { silentForMs, now: now() })) {
        for (const { device: name, message } of page) entries.set(name, message);
      }
      return entries;
    },
    /** Lets devices say something of what they are on their way to, as they would over the device API. */
    async report(
      says: 'success' | 'failure' | 'proceeding',
      controllerIds: readonly string[],
      message = '',
    ): Promise<void> {
      await server.running.context.database.transaction(async (tx) => {
        const rows = await tx
          .selectFrom('action')
          .innerJoin('device', 'device.id', 'action.device_id')
          .select(['action.id', 'action.tenant_id'])
          .where('is_active', '=', 1)
          .where('controller_id', 'in', controllerIds)
          .execute();
        expect(rows).toHaveLength(controllerIds.length);
        const actionIds = rows.map(({ id }) => id);
        for (const action of await lockActiveActions(tx, { tenantId: rows[0]!.tenant_id, actionIds })) {
          const execution = says === 'proceeding' ? 'proceeding' : 'closed';
          const finished = says === 'proceeding' ? 'none' : says;
          const messages = message === '' ? [] : [message];
          await moveAction(tx, action, { kind: 'report', execution, finished }, { messages, now: now() });
        }
      });
      await jobs();
    },
  };
}
export type DrivenFleet = Awaited<ReturnType<typeof drivenFleet>>;

/** Of a portion's progress what there is any of. */
export function some({ status, total, counts }: PortionProgress): object {
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(total);
  return { status, ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)) };
}

/**
 * A client whose connection breaks at one call: before the server has got it, or before its answer is here.
 *
 * @param at from 1
 */
export function brokenClient(client: FleetClient, at: number, moment: 'before' | 'after') {
  const methods: string[] = [];
  const broken: FleetClient = {
    server: client.server,
    async call(method, path, request) {
      methods.push(method);
      const lost = () => new OtaError('NETWORK_FAILED', `${path}: the connection failed`);
      if (methods.length === at && moment === 'before') throw lost();
      if (methods.length !== at) return client.call(method, path, request);
      await client.call(method, path, request).catch(() => undefined);
      throw lost();
    },
    open: (method, path, request) => client.open(method, path, request),
    [Symbol.asyncDispose]: async () => undefined,
  };
  return { client: broken, methods };
}

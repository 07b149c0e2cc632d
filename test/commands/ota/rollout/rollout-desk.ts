import { writeFile } from 'node:fs/promises';
import { systemClock } from '../../../../src/lib/core/clock.js';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { openContainer } from '../../../../src/lib/package/container.js';
import { inspectContainer } from '../../../../src/lib/package/inspect.js';
import type { RolloutPlan } from '../../../../src/lib/rollout/plan.js';
import { testFleet } from '../../../lib/server/actions/software-fixture.js';
import { releasePackage, trustRootOf } from '../../../lib/server/catalog/catalogue-fixture.js';
import { startTestServer, type TestServer } from '../../../lib/server/server-fixture.js';
import { type SomePlan, somePlan } from '../../../support/rollout-plan.js';
import { type FleetDesk, openDesk } from '../../fleet/fleet-login.js';

/** A server with ten devices and none of the package, and a person who is logged in there. */
export interface RolloutDesk extends FleetDesk {
  /** Writes a plan for the server and the package `meter-2.0.0.ota`. @returns its file */
  plan(changes?: SomePlan): Promise<string>;
}

/** @param isTimed the server drives campaigns by itself */
export async function openRolloutDesk({ isTimed = false } = {}): Promise<RolloutDesk> {
  const server: TestServer = await startTestServer({ isShared: true, clock: systemClock, isTimed });
  const desk = await openDesk(server);
  const fleet = await testFleet(server.running.context);
  await fleet.devices(...somePlan().stages.flatMap(({ devices }) => devices.map(([name]) => name)));
  await trustRootOf(server);
  const bytes = await releasePackage('2.0.0', { sequence: 200 });
  await writeFile(desk.folder.file('meter-2.0.0.ota'), bytes);
  await writeFile(desk.folder.file('other.ota'), await releasePackage('3.0.0', { sequence: 300 }));
  const { digest } = inspectContainer(await openContainer(memoryAccess(bytes, 'meter-2.0.0.ota')));
  await desk.login();
  return {
    ...desk,
    async plan(changes = {}) {
      const plan: RolloutPlan = somePlan({
        server: { driver: 'fleet', address: server.url },
        cohorts: [{ previous: null, version: null }],
        package: { ...somePlan().package, digest, sequence: 200, bytes: bytes.length },
        ...changes,
      });
      const name = `${plan.name}.json`;
      await writeFile(desk.folder.file(name), JSON.stringify(plan));
      return name;
    },
    async [Symbol.asyncDispose]() {
      await desk[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

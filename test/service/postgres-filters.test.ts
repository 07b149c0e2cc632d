import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres } from '../../scripts/services/postgres.mjs';
import type { Database } from '../../src/lib/server/database/database.js';
import { openPostgres } from '../../src/lib/server/database/postgres.js';
import { expectSameBothWays, seedDevices, someDeviceFilter } from '../lib/server/database/filter-both-ways.js';
import { managementOf } from '../lib/server/management/management-fixture.js';
import { startTestServer } from '../lib/server/server-fixture.js';
import { testFolder } from '../support/folder.js';

let folder: Awaited<ReturnType<typeof testFolder>>;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
beforeAll(async () => {
  folder = await testFolder();
  postgres = await startPostgres(folder.path);
});
afterAll(async () => {
  await postgres.stop();
  await folder[Symbol.asyncDispose]();
});

test('a filter chooses the same devices in PostgreSQL as in memory', async () => {
  await using database: Database = await openPostgres(new URL(await postgres.createDatabase()));
  for (const seed of [1, 2]) {
    const seeded = await seedDevices(database, seed);
    await fc.assert(
      fc.asyncProperty(someDeviceFilter, (filter) => expectSameBothWays(database, seeded, filter)),
      { numRuns: 300 },
    );
  }
});

test('a rollout goes through its groups over PostgreSQL', async () => {
  const url = new URL(await postgres.createDatabase());
  const server = await startTestServer({ postgres: { url } });
  const api = managementOf(server);
  const setId = await api.set('2.0.0');
  await api.targets('a', 'b', 'c');
  const { id } = await api.post('/rollouts', {
    ...{ name: 'r', distributionSetId: setId, targetFilterQuery: 'name==*', amountGroups: 3 },
    ...{ successCondition: { condition: 'THRESHOLD', expression: '0' } },
  });
  await server.running.runJobs();
  await api.post(`/rollouts/${id}/start`);
  await server.running.runJobs();
  expect(await api.get(`/rollouts/${id}`)).toMatchObject({ status: 'running', totalTargetsPerStatus: { running: 3 } });
  expect(await api.get(`/actions?q=rollout.id==${id};status==running&sort=target.name:DESC`)).toMatchObject({
    total: 3,
  });
  expect(await api.get('/distributionsets?q=complete==true')).toMatchObject({ total: 1 });
  await api.post(`/rollouts/${id}/stop`);
  await server.running.runJobs();
  expect(await api.get(`/rollouts/${id}`)).toMatchObject({ status: 'stopped' });
  await api.delete(`/rollouts/${id}`);
  await server.running.runJobs();
  expect(await api.get('/actions?q=active==true')).toMatchObject({ total: 0 });
  expect(await api.get('/rollouts')).toMatchObject({ total: 0 });
});

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres } from '../../scripts/services/postgres.mjs';
import { openPostgres } from '../../src/lib/server/database/postgres.js';
import { expectSameBothWays, seedDevices, someDeviceFilter } from '../lib/server/database/filter-both-ways.js';
import { keepStateIn } from '../lib/server/server-fixture.js';
import { type TestFolder, testFolder } from '../support/folder.js';

/** Files whose tests hold on the embedded database, and must hold here. */
const CASES = {
  'the registry of devices': () => import('../lib/server/api/devices.test.js'),
  operators: () => import('../lib/server/access/operators.test.js'),
  sessions: () => import('../lib/server/access/sessions.test.js'),
  tenants: () => import('../lib/server/access/tenants.test.js'),
  tokens: () => import('../lib/server/access/tokens.test.js'),
  settings: () => import('../lib/server/access/tenant-settings.test.js'),
  'logins of devices': () => import('../lib/server/access/devices.test.js'),
  assignments: () => import('../lib/server/actions/assign-set.test.js'),
  artifacts: () => import('../lib/server/artifacts/store-artifact.test.js'),
  audit: () => import('../lib/server/audit/audit.test.js'),
  campaigns: () => import('../lib/server/campaigns/campaigns.test.js'),
  'campaigns over routes': () => import('../lib/server/campaigns/campaign-routes.test.js'),
  'what acts for somebody': () => import('../lib/server/campaigns/own-client.test.js'),
  releases: () => import('../lib/server/catalog/releases.test.js'),
  paths: () => import('../lib/server/catalog/paths.test.js'),
  'the device API': () => import('../lib/server/ddi/ddi.test.js'),
  'new devices': () => import('../lib/server/devices/create-devices.test.js'),
  'the event stream': () => import('../lib/server/events/event-stream.test.js'),
  targets: () => import('../lib/server/management/targets.test.js'),
  software: () => import('../lib/server/management/software.test.js'),
  rollouts: () => import('../lib/server/management/rollouts.test.js'),
  'MQTT messages': () => import('../lib/server/mqtt/embedded-broker.test.js'),
  measurements: () => import('../lib/server/measurements/measurements.test.js'),
  telemetry: () => import('../lib/server/telemetry/telemetry-routes.test.js'),
  'every route as everybody': () => import('../lib/server/every-route/every-route.test.js'),
};

let folder: TestFolder;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
const newDatabase = async () => new URL(await postgres.createDatabase());

beforeAll(async () => {
  folder = await testFolder();
  postgres = await startPostgres(folder.path, { settings: { max_connections: 300 } });
  keepStateIn(newDatabase);
});
afterAll(async () => {
  keepStateIn(undefined);
  await postgres.stop();
  await folder[Symbol.asyncDispose]();
});

describe('on PostgreSQL as on the embedded database', () => {
  for (const [name, load] of Object.entries(CASES)) describe(name, async () => void (await load()));

  test('a filter chooses the same devices as in memory', { timeout: 300_000 }, async () => {
    await using database = await openPostgres(await newDatabase());
    for (const seed of [1, 2]) {
      const seeded = await seedDevices(database, seed);
      const isSame = fc.asyncProperty(someDeviceFilter, (filter) => expectSameBothWays(database, seeded, filter));
      await fc.assert(isSame, { numRuns: 100 });
    }
    expect(database.kind).toBe('postgres');
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { createObjects, type Objects, pathTo } from './objects.js';

let server: TestServer;
const tenants: Objects[] = [];
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  for (const [index, tenant] of ['DEFAULT', 'OTHER'].entries()) {
    const objects = await createObjects(server, tenant, index + 1);
    // One that is in use may not be given other modules at all.
    const sets = await server.call('POST', '/rest/v1/distributionsets', {
      body: [{ name: 'unused', version: '1', type: 'os', modules: [] }],
      tenant,
    });
    tenants.push({ ...objects, ids: { ...objects.ids, unused: String(sets.body[0].id) } });
  }
});
afterAll(() => server.stop());

/** Bodies that name what belongs to another tenant. */
const CASES: readonly (readonly [route: string, body: (theirs: Objects['ids']) => unknown])[] = [
  [
    'POST /rest/v1/distributionsets',
    ({ softwaremodules }) => [{ name: 'mine', version: '1', type: 'os', modules: [{ id: Number(softwaremodules) }] }],
  ],
  ['POST /rest/v1/distributionsets/{unused}/assignedSM', ({ softwaremodules }) => [{ id: Number(softwaremodules) }]],
  ['POST /rest/v1/distributionsets/{id}/assignedTargets', ({ controllerId }) => [{ id: controllerId, type: 'forced' }]],
  ['POST /rest/v1/targets/{controllerId}/assignedDS', ({ distributionsets }) => ({ id: Number(distributionsets) })],
  [
    'POST /rest/v1/rollouts',
    ({ distributionsets }) => ({
      name: 'mine',
      distributionSetId: Number(distributionsets),
      targetFilterQuery: 'controllerId==*',
      amountGroups: 1,
    }),
  ],
  ['POST /rest/v1/targettags/{id}/assigned', ({ controllerId }) => [controllerId]],
  ['PUT /rest/v1/targetgroups/{group}/assigned', ({ controllerId }) => [controllerId]],
];

async function state(): Promise<string> {
  const { sql } = server.running.context.database;
  const tables = (await sql.introspection.getTables()).map(({ name }) => name);
  const rows = await Promise.all(
    tables.map((name) =>
      sql
        .selectFrom(name as 'tenant')
        .selectAll()
        .execute(),
    ),
  );
  return JSON.stringify(rows);
}

describe('row 53: a body that names something of another tenant', () => {
  test.each(CASES)('is refused as if it named nothing, and changes nothing: %s', async (route, body) => {
    const [method, path] = route.split(' ') as [string, string];
    for (const [own, theirs] of [tenants, tenants.toReversed()] as [Objects, Objects][]) {
      const before = await state();
      const answer = await server.call(method, pathTo(path, own), { body: body(theirs.ids), tenant: own.tenant });
      expect
        .soft([own.tenant, [400, 404].includes(answer.status), answer.status])
        .toEqual([own.tenant, true, answer.status]);
      expect.soft(await state()).toBe(before);
    }
  });

  test.each(CASES)('is taken where it names its own, so nothing else was wrong with it: %s', async (route, body) => {
    const [method, path] = route.split(' ') as [string, string];
    const [own] = tenants as [Objects];
    const answer = await server.call(method, pathTo(path, own), { body: body(own.ids) });
    expect.soft(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  });
});

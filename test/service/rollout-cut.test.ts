import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestFolder, testFolder } from '../support/folder.js';
import { openScene, type Scene, type Way, writeReleases } from '../support/rollout-scene.js';

const LOCAL: Way = 'from this machine, over hawkBit’s API';
const DEVICES = 12;
const TIMEOUT = { timeout: 120_000 };
const GATES = '--success 85% --confidence 60% --completed 100% --failure none --soak none --seed 1';

let releases: TestFolder;
beforeAll(async () => {
  releases = await testFolder();
  await writeReleases(releases);
});
afterAll(() => releases[Symbol.asyncDispose]());

const fileOf = (scene: Scene, name: string) => scene.folder.file(`${name}.json`);

/** A plan for devices that are known and do not come yet: what they are given waits for them. */
async function planned(scene: Scene, name: string, prefix: string) {
  await scene.register(prefix, DEVICES);
  const plan = await scene.plan(name, '1.1.0', `--where id=${prefix}* --stages 50%,100% ${GATES}`);
  const [first, second] = plan.stages.map(({ devices }) => devices.map(([device]) => device).sort());
  return { first: first!, all: [...first!, ...second!].sort() };
}

async function rolloutsAt({ server }: Scene): Promise<{ id: number; name: string; status: string }[]> {
  return (await server.call('GET', '/rest/v1/rollouts?limit=100&representation=full')).body.content;
}

/** Asks the server until it is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 600; look++) {
    if (await isSo()) return;
    await delay(100);
  }
  throw new Error(`it was not to be: ${isSo}`);
}

async function untilRunning(scene: Scene): Promise<void> {
  await until(async () => (await rolloutsAt(scene)).some(({ status }) => status === 'running'));
}

describe.concurrent.each<Way>(['in the server', LOCAL])('a campaign %s', (way) => {
  const isLocal = way === LOCAL;

  test('outlives the commands that wait for it, and nothing is given twice', TIMEOUT, async () => {
    await using scene = await openScene(way, releases);
    const { first, all } = await planned(scene, 'cut', 'hub-');
    const start = `rollout start ${fileOf(scene, 'cut')}`;

    const ctrlC = new AbortController();
    const started = scene.ota(`${start} --package 1.1.0.ota --wait`, { signal: ctrlC.signal });
    await untilRunning(scene);
    ctrlC.abort('SIGINT');
    const interrupted = await started;
    expect(interrupted).toMatchObject({ status: 130 });
    expect(interrupted.stderr).toContain(isLocal ? '`ota rollout resume cut`' : 'goes on at the server');
    expect(await scene.status('cut')).toMatchObject({ phase: 'running', stage: 0, isDriven: !isLocal });

    await scene.expect(14, `${start} --wait 1s`);
    await scene.expect(0, `${start} --detach`);
    expect(await scene.status('cut')).toMatchObject({ phase: 'running', stage: 0, isDriven: !isLocal });

    await using swarm = await scene.swarm('hub-', DEVICES);
    if (isLocal) {
      await swarm.until(({ versions }) => versions.size === first.length);
      expect((await scene.given()).sort()).toEqual(first);
      await scene.expect(0, 'rollout resume cut --wait');
    } else {
      await scene.expect(0, 'rollout watch cut');
    }
    expect(await scene.status('cut')).toMatchObject({ phase: 'finished' });
    expect((await scene.given()).sort()).toEqual(all);
    expect((await swarm.end()).versions).toEqual({ '1.1.0': DEVICES });
    await scene.expect(0, 'rollout report cut --verify');
  });

  test('is stopped with all others, and with rollouts that are nobody’s campaign', TIMEOUT, async () => {
    await using scene = await openScene(way, releases);
    await planned(scene, 'one', 'one-');
    await scene.expect(0, `rollout start ${fileOf(scene, 'one')} --package 1.1.0.ota --detach`);
    await scene.register('other-', 3);
    const foreign = await foreignRollout(scene);

    // Half of these have it when everything is stopped.
    await using swarm = await scene.swarm('two-', DEVICES);
    await scene.plan('before', '1.0.0', `--where id=two-* --stages 100% ${GATES}`);
    await scene.expect(0, `rollout start ${fileOf(scene, 'before')} --package 1.0.0.ota --wait`);
    await scene.plan('two', '1.1.0', `--where id=two-* --stages 50%,100% ${GATES} --approval --on-abort rollback`);
    await scene.expect(0, `rollout start ${fileOf(scene, 'two')} --detach`);
    await swarm.until(({ versions }) => [...versions.values()].filter((version) => version === '1.1.0').length === 6);
    await swarm.end();

    const stopped = JSON.parse(await scene.expect(0, 'rollout stop-all --yes --remark wrong --json'));
    expect(stopped.campaigns.sort()).toEqual(['one', 'two']);
    expect(stopped.rollouts).toContain(foreign);
    for (const name of ['one', 'two']) await scene.expect(11, `rollout watch ${name}`);
    const isStill = ({ status }: { status: string }) => status === 'stopped' || status === 'finished';
    await until(async () => (await rolloutsAt(scene)).every(isStill));
    expect(await rolloutsAt(scene)).toHaveLength(4);

    // Nobody was taken back, whatever the plan says; whoever wants it asks for it.
    await using back = await scene.swarm('two-', DEVICES);
    await scene.expect(0, 'rollout rollback two --yes --wait');
    expect((await back.end()).versions).toEqual({ '0.9.0': 6, '1.0.0': 6 });
    await using one = await scene.swarm('one-', DEVICES);
    expect((await one.end()).versions).toEqual({ '0.9.0': DEVICES });
  });

  test('stands still when whoever began it is let in no more, and somebody else goes on', TIMEOUT, async () => {
    await using scene = await openScene(way, releases);
    const { all } = await planned(scene, 'revoked', 'hub-');
    const { id, token } = (
      await scene.server.call('POST', '/api/v1/tokens', { body: { name: 'ci', role: 'operator' } })
    ).body;
    const start = `rollout start ${fileOf(scene, 'revoked')} --package 1.1.0.ota --token-env CI`;
    const started = scene.ota(start, { env: { CI: token } });
    await untilRunning(scene);
    expect((await scene.server.call('DELETE', `/api/v1/tokens/${id}`)).status).toBe(204);
    const refused = await started;
    expect(refused).toMatchObject({ status: 15 });
    expect(refused.stderr + refused.stdout).not.toContain(token);
    if (isLocal) {
      expect(refused.stderr).toContain('`ota rollout resume revoked`');
      expect(await scene.status('revoked')).toMatchObject({ phase: 'running', stage: 0, isDriven: false });
    } else {
      await scene.expect(10, 'rollout watch revoked');
      expect(await scene.status('revoked')).toMatchObject({
        phase: 'paused',
        reason: expect.stringContaining('revoked'),
      });
    }
    await scene.expect(0, 'rollout report revoked --verify');

    await using swarm = await scene.swarm('hub-', DEVICES);
    await scene.expect(0, 'rollout resume revoked --wait');
    expect((await scene.given()).sort()).toEqual(all);
    expect((await swarm.end()).versions).toEqual({ '1.1.0': DEVICES });
    await scene.expect(0, 'rollout report revoked --verify');
  });
});

/** One that somebody made over hawkBit's API. @returns its name */
async function foreignRollout(scene: Scene): Promise<string> {
  const { server } = scene;
  const { content } = (await server.call('GET', '/rest/v1/distributionsets?q=version==1.1.0')).body;
  const { body } = await server.call('POST', '/rest/v1/rollouts', {
    body: {
      ...{
        name: 'by hand',
        distributionSetId: content[0].id,
        targetFilterQuery: 'controllerId==other-*',
        type: 'forced',
      },
      ...{ amountGroups: 1, successCondition: { condition: 'THRESHOLD', expression: '100' } },
    },
  });
  await until(async () => (await server.call('GET', `/rest/v1/rollouts/${body.id}`)).body.status === 'ready');
  expect((await server.call('POST', `/rest/v1/rollouts/${body.id}/start`)).status).toBeLessThan(300);
  return body.name;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import type { JournalEntry } from '../../src/lib/rollout/campaign-event.js';
import { EMPTY_JOURNAL, followJournal } from '../../src/lib/rollout/journal-chain.js';
import { cleanEnvironment, executableFile, runCli } from '../support/cli.js';
import { type FleetProcess, startFleet } from '../support/fleet-process.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { startKillingProxy } from '../support/killing-proxy.js';

const DEVICES = 12;

interface Way {
  readonly name: string;
  /** What comes before the address of the server. */
  readonly driver: 'hawkbit' | 'fleet';
  readonly flags: readonly string[];
  /** Whether it is taken back once it is finished. */
  readonly goesBack: boolean;
  readonly kills: (method: string, path: string) => boolean;
}

const WAYS: readonly Way[] = [
  {
    name: 'driven like any hawkBit, killed at every request',
    ...{ driver: 'hawkbit', flags: [], goesBack: false },
    kills: () => true,
  },
  {
    name: 'driven with --local and taken back, killed at every request that changes something',
    ...{ driver: 'fleet', flags: ['--local'], goesBack: true },
    kills: (method) => method !== 'GET',
  },
];

for (const way of WAYS) {
  test(`a campaign ${way.name}, before and after, ends as if nothing had happened`, { timeout: 600_000 }, async () => {
    const calm = await campaign(way, () => false);
    const killed = await campaign(way, way.kills);
    expect(calm.kills).toEqual([]);
    expect(killed.kills.length).toBeGreaterThan(way.driver === 'hawkbit' ? 50 : 20);
    expect(killed.kills.some((kill) => kill.startsWith('after POST '))).toBe(true);
    expect(killed.events).toEqual(calm.events);
    expect(killed.actions).toEqual(calm.actions);
    // Each device was given the update once, and where all was taken back, what it had before once.
    expect(Object.values(killed.actions)).toEqual(new Array(DEVICES).fill(way.goesBack ? 2 : 1));
  });
}

/** A whole campaign at a server of its own: what its journal tells, and how many actions each device got. */
async function campaign(way: Way, kills: Way['kills']) {
  await using folder = await testFolder();
  const server = await startFleet({ data: folder.file('data') });
  let swarm: ChildProcess | undefined;
  let driving: ChildProcess | undefined;
  const proxy = await startKillingProxy(server.url, {
    kills: (...request) => isArmed && kills(...request),
    kill: () => driving?.kill('SIGKILL'),
  });
  let isArmed = false;
  const env = { TOKEN: server.adminToken, XDG_STATE_HOME: folder.file('state'), XDG_CONFIG_HOME: folder.path };
  const at = ['--server', `${way.driver === 'hawkbit' ? 'hawkbit+' : ''}${proxy.url}`, '--token-env', 'TOKEN'];
  const run = async (name: 'ota' | 'fleet', ...args: string[]) => {
    const { status, stderr } = await runCli(name, args, { cwd: folder.path, env });
    expect({ args, status, stderr }).toMatchObject({ status: 0 });
  };
  /** Started again whenever it was killed. @returns its exit status */
  const driveOn = async (...args: string[]): Promise<number> => {
    for (;;) {
      driving = spawn(process.execPath, [executableFile('ota'), 'rollout', ...args, ...at, ...way.flags], {
        ...{ cwd: folder.path, env: { ...cleanEnvironment(), ...env }, stdio: 'ignore' },
      });
      const ended = await new Promise((done) => driving!.once('close', (status, signal) => done(status ?? signal)));
      if (ended !== 'SIGKILL') return ended as number;
    }
  };
  try {
    await publish(folder, run, server, way);
    swarm = await startSwarm(folder, server, env);
    await run('ota', ...planArgs, ...at);
    await withoutApprovals(folder.file('plan.json'));
    isArmed = true;
    expect(await driveOn('start', 'plan.json', '--package', 'two.ota')).toBe(0);
    if (way.goesBack) {
      // Whoever was killed may have asked already, or not yet; taken up again, it goes on with what was asked.
      let status = 0;
      while (status === 0) {
        await driveOn('rollback', 'spring', '--yes');
        status = await driveOn('start', 'plan.json');
      }
      expect(status).toBe(12);
    }
    const text = await readFile(folder.file('state/ota-fleet/campaigns/spring/journal.ndjson'), 'utf8');
    const entries = text
      .trimEnd()
      .split('\n')
      .map((line): JournalEntry => JSON.parse(line));
    followJournal(EMPTY_JOURNAL, entries);
    return { kills: proxy.kills, events: told(entries), actions: await actionsAt(server) };
  } finally {
    swarm?.kill('SIGKILL');
    driving?.kill('SIGKILL');
    await proxy[Symbol.asyncDispose]();
    await server.end('SIGKILL');
  }
}

const planArgs = [
  ...['rollout', 'plan', '--package', 'two.ota', '--trust', 'root.json', '--where', 'model=M100'],
  ...['--out', 'plan.json', '--name', 'spring', '--stages', '25%,100%', '--completed', '100%', '--soak', 'none'],
];

/** Stages of this size would wait for a person. */
async function withoutApprovals(path: string): Promise<void> {
  const plan = JSON.parse(await readFile(path, 'utf8'));
  for (const stage of plan.stages)
    stage.gates = stage.gates.filter(({ type }: { type: string }) => type !== 'approval');
  await writeFile(path, JSON.stringify(plan));
}

async function publish(
  folder: TestFolder,
  run: (name: 'ota' | 'fleet', ...args: string[]) => Promise<void>,
  server: FleetProcess,
  way: Way,
): Promise<void> {
  const one = randomBytes(20_000);
  await writeFile(folder.file('one.bin'), one);
  await writeFile(folder.file('two.bin'), Buffer.concat([randomBytes(2_000), one.subarray(2_000)]));
  const login = ['--server', server.url, '--token-env', 'TOKEN'];
  await run('ota', 'keys', 'generate', '--out', 'k');
  const root = ['--root-key', 'k.pub', '--product', 'meter', '--release-key', 'k.pub', '--sign', 'k.key'];
  await run('ota', 'trust', 'init', ...root, '--out', 'root.json');
  await run('fleet', 'catalog', 'trust', 'root.json', ...login);
  const release = ['--product', 'meter', '--model', 'M100', '--sign', 'k.key', '--full', '--allow-rollback'];
  const pack = (name: string, version: string, sequence: string) =>
    run(
      'ota',
      'pack',
      '--to',
      `${name}.bin`,
      ...release,
      '--version',
      version,
      '--sequence',
      sequence,
      '--out',
      `${name}.ota`,
    );
  await pack('one', '1.0.0', '1');
  await pack('two', '2.0.0', '2');
  if (way.driver === 'fleet') await run('fleet', 'catalog', 'publish', 'one.ota', ...login);
}

/** Devices that run 1.0.0, once all of them have told so. */
async function startSwarm(
  folder: TestFolder,
  server: FleetProcess,
  env: Record<string, string>,
): Promise<ChildProcess> {
  const profile = {
    ...{ product: 'meter', models: [{ model: 'M100' }], versions: [{ package: 'one.ota' }] },
    ...{ poll: { seconds: 0.2, startSeconds: 0 }, rebootSeconds: [0, 0] },
  };
  await writeFile(folder.file('profile.json'), JSON.stringify(profile));
  const words = ['--devices', String(DEVICES), '--server', server.url, '--token-env', 'TOKEN', '--register'];
  const rest = ['--trust', 'root.json', '--profile', 'profile.json', '--json'];
  const swarm = spawn(process.execPath, [executableFile('fleet'), 'simulate', ...words, ...rest], {
    ...{ cwd: folder.path, env: { ...cleanEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  });
  await new Promise<void>((done, fail) => {
    swarm.once('exit', (status) => fail(new Error(`fleet simulate ended with ${status}`)));
    createInterface(swarm.stdout!).on('line', (line) => {
      const event = JSON.parse(line);
      if (event.type === 'progress' && event.states.idle === DEVICES && event.polls >= 2 * DEVICES) done();
    });
  });
  return swarm;
}

/** What has happened, without how often it was looked at in between. */
function told(entries: readonly JournalEntry[]): unknown[] {
  return entries
    .map(({ event }) => event)
    .filter(({ type }) => type !== 'judged' && type !== 'returning' && type !== 'noted' && type !== 'opened')
    .map((event) => {
      if (event.type === 'preparing') return [event.type, event.portion, event.range, event.devices?.toSorted()];
      if (event.type === 'ended') return [event.type, event.phase, event.reason];
      return [event.type, 'portion' in event ? event.portion : 'stage' in event ? event.stage : null];
    });
}

async function actionsAt(server: FleetProcess): Promise<Record<string, number>> {
  const { body } = await server.call('GET', '/rest/v1/targets?limit=500');
  const actions: Record<string, number> = {};
  for (const { controllerId } of body.content) {
    const answer = await server.call('GET', `/rest/v1/targets/${controllerId}/actions`);
    actions[controllerId] = answer.body.total;
  }
  return actions;
}

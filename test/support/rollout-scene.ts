import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import type { CampaignView } from '../../src/lib/rollout/campaign-view.js';
import type { RolloutPlan } from '../../src/lib/rollout/plan.js';
import { oldHawkbit } from '../lib/fleet-api/old-hawkbit.js';
import { type CliResult, runCli } from './cli.js';
import { realFirmware } from './firmware.js';
import { type FleetProcess, startFleet } from './fleet-process.js';
import { type TestFolder, testFolder } from './folder.js';
import { type SwarmProcess, startSwarmProcess } from './swarm-process.js';

const PASSWORD = 'correct horse battery';

const HAWKBIT = {
  address: (url: string) => `hawkbit+${url}`,
  login: ['--username', 'ann', '--password-env', 'PASSWORD'],
};

interface Setting {
  /** As `--server` takes it. */
  address(url: string): string;
  readonly login: readonly string[];
  /** Stands between commands and the server. */
  readonly between?: typeof oldHawkbit;
}

/** Where a campaign runs, and how one logs in there. Another server is another line. */
export const WAYS = {
  'in the server': { address: (url) => `fleet+${url}`, login: ['--token-env', 'TOKEN'] },
  'from this machine, over hawkBit’s API': HAWKBIT,
  'from this machine, with the manners of hawkBit 0.9': { ...HAWKBIT, between: oldHawkbit },
} as const satisfies Record<string, Setting>;
export type Way = keyof typeof WAYS;

/** What is released: the factory's, and what comes after it. The last three may go back to 1.1.0 and no further. */
const RELEASES = ['0.9.0', '1.0.0', '1.1.0', '2.0.0', '2.1.0', '2.2.0'] as const;
export type Release = (typeof RELEASES)[number];

/** Of the devices that are given them, about one in five does not start with these. */
const BAD = ['2.0.0', '2.1.0', '2.2.0'];

/** Signed packages of real firmware and the trust root that they count under, in a folder. */
export async function writeReleases(folder: TestFolder): Promise<void> {
  const ota = async (...words: string[]) => {
    const { status, stderr } = await runCli('ota', words, { cwd: folder.path });
    expect(status, stderr).toBe(0);
  };
  const firmware = await realFirmware('movehub');
  for (const [at, version] of RELEASES.entries()) {
    // Later ones are the second image with something of their own in them.
    const image = at === 0 ? firmware.old : Buffer.concat([firmware.new, Buffer.alloc(64, at)]);
    await writeFile(folder.file(`${version}.bin`), image);
  }
  await ota('keys', 'generate', '--out', 'release');
  const keys = ['--root-key', 'release.pub', '--release-key', 'release.pub', '--sign', 'release.key'];
  const root = ota('trust', 'init', ...keys, '--product', 'hub', '--out', 'root.json');
  const packs = RELEASES.map((version, at) => {
    const [base, back] = BAD.includes(version)
      ? ['1.1.0', ['--rollback-min-version', '1.1.0']]
      : ['0.9.0', ['--allow-rollback']];
    const from = at === 0 ? [] : ['--from', `${base}.bin`, '--from-version', base];
    const release = [
      '--product',
      'hub',
      '--model',
      'movehub',
      '--version',
      version,
      '--sequence',
      `${at + 1}`,
      ...back,
    ];
    return ota(
      'pack',
      ...from,
      '--to',
      `${version}.bin`,
      '--full',
      ...release,
      '--sign',
      'release.key',
      '--out',
      `${version}.ota`,
    );
  });
  await Promise.all([root, ...packs]);
}

/** A server, and somebody who updates its devices. */
export interface Scene extends AsyncDisposable {
  readonly server: FleetProcess;
  readonly folder: TestFolder;
  /** Runs `ota`, logged in where that is needed. Words are parted at blanks. */
  ota(words: string, options?: { env?: Record<string, string>; signal?: AbortSignal }): Promise<CliResult>;
  /** The same, and expects this exit status. @returns what it has printed */
  expect(status: number, words: string): Promise<string>;
  /** Makes a plan. @returns it; its file is `NAME.json` */
  plan(name: string, release: Release, words: string): Promise<RolloutPlan>;
  /** Where a campaign stands, as `ota rollout status` tells. */
  status(name: string): Promise<CampaignView>;
  /** Makes devices known to the server that do not come yet. */
  register(prefix: string, devices: number): Promise<void>;
  /** Devices that were given something, in the order in which they were, each as often as it was. */
  given(): Promise<string[]>;
  /** Devices that came out of the factory with 0.9.0; resolves when all have been answered. */
  swarm(prefix: string, devices: number, seed?: number): Promise<SwarmProcess>;
}

const PROFILE = {
  product: 'hub',
  models: [{ model: 'movehub' }],
  versions: [{ package: '0.9.0.ota' }],
  poll: { seconds: 0.4, startSeconds: 0.4 },
  rebootSeconds: [0, 0.4],
};

/** @param releases folder of `writeReleases` */
export async function openScene(way: Way, releases: TestFolder): Promise<Scene> {
  const { address, login, between }: Setting = WAYS[way];
  const folder = await testFolder();
  const server = await startFleet({ data: folder.file('data') });
  const env = {
    ...{ TOKEN: server.adminToken, PASSWORD },
    ...{ XDG_CONFIG_HOME: folder.file('config'), XDG_STATE_HOME: folder.file('state') },
  };
  const done = async (method: string, path: string, body: unknown) => {
    const answer = await server.call(method, path, { body });
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  };
  await done('PUT', '/api/v1/trust-root', JSON.parse(await readFile(releases.file('root.json'), 'utf8')));
  await done('POST', '/api/v1/operators', { name: 'ann', role: 'operator', password: PASSWORD });
  await writeFile(releases.file('good.json'), JSON.stringify(PROFILE));
  const overrides = BAD.map((version) => ({ version, fail: 0.2 }));
  await writeFile(releases.file('bad.json'), JSON.stringify({ ...PROFILE, overrides }));

  const relay = await between?.(server);
  const where = ['--server', address(relay?.address ?? server.url)];
  const ota: Scene['ota'] = (words, options = {}) => {
    const given = words.split(' ');
    const access = given.includes('--token-env') ? [] : login;
    return runCli('ota', [...given, ...where, ...access], {
      cwd: releases.path,
      ...options,
      env: { ...env, ...options.env },
    });
  };
  const scene: Scene = {
    server,
    folder,
    ota,
    async expect(status, words) {
      const result = await ota(words);
      expect(result.status, `ota ${words}\n${result.stdout}${result.stderr}`).toBe(status);
      return result.stdout;
    },
    async plan(name, release, words) {
      const file = folder.file(`${name}.json`);
      const choice = `--package ${release}.ota --trust root.json --name ${name} --out ${file}`;
      await scene.expect(0, `rollout plan ${choice} ${words}`);
      return JSON.parse(await readFile(file, 'utf8'));
    },
    status: async (name) => JSON.parse(await scene.expect(0, `rollout status ${name} --json`)),
    async register(prefix, devices) {
      const names = Array.from({ length: devices }, (_, at) => `${prefix}${String(at + 1).padStart(4, '0')}`);
      await done(
        'POST',
        '/rest/v1/targets',
        names.map((name) => ({ controllerId: name, name })),
      );
    },
    async given() {
      const { body } = await server.call('GET', '/rest/v1/actions?limit=500&representation=full&sort=id:ASC');
      expect(body.total).toBe(body.content.length);
      return body.content.map(({ _links }: { _links: { target: { href: string } } }) =>
        _links.target.href.split('/').at(-1),
      );
    },
    swarm: (prefix, devices, seed = 1) =>
      startSwarmProcess({
        folder: releases.path,
        args: [
          ...['--devices', String(devices), '--prefix', prefix, '--seed', String(seed), '--register'],
          ...['--server', server.url, '--token-env', 'TOKEN', '--trust', 'root.json'],
          ...['--profile', prefix.startsWith('bad') ? 'bad.json' : 'good.json'],
        ],
        env,
      }),
    async [Symbol.asyncDispose]() {
      await relay?.end();
      await server.end('SIGTERM');
      await folder[Symbol.asyncDispose]();
    },
  };
  return scene;
}

import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import Simulate from '../../../src/commands/ota/simulate.js';
import type { DeviceFs } from '../../../src/lib/device/device-fs.js';
import { realUpdater } from '../../../src/lib/simulate/real-updater.js';
import type { SimulationReport } from '../../../src/lib/simulate/report.js';
import type { SimulationRequest } from '../../../src/lib/simulate/request.js';
import type { ReplayReport } from '../../../src/lib/simulate/simulate-package.js';
import type { Updater } from '../../../src/lib/simulate/updater.js';
import { generatePrivateKey, privateKeyPem } from '../../../src/lib/trust/private-key.js';
import { publicKeyPem } from '../../../src/lib/trust/public-key.js';
import { SMALL_LAYOUT, smallImages } from '../../lib/simulate/simulation-fixture.js';
import { runCli } from '../../support/cli.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { parseHtml } from '../../support/html.js';
import { type Outcome, runInProcess } from '../in-process.js';

/** What a test changes about the simulation that the command asks for. */
const wish = vi.hoisted(() => ({ change: (_: SimulationRequest): Partial<SimulationRequest> => ({}) }));

vi.mock('../../../src/lib/simulate/simulate-package.js', async (importOriginal) => {
  const real = await importOriginal<typeof import('../../../src/lib/simulate/simulate-package.js')>();
  return {
    simulatePackage: (request: SimulationRequest) => real.simulatePackage({ ...request, ...wish.change(request) }),
    replaySimulation: (request: SimulationRequest, token: string) =>
      real.replaySimulation({ ...request, ...wish.change(request) }, token),
  };
});

let folder: TestFolder;
const ota = (...args: string[]) => runCli('ota', args, { cwd: folder.path });
/** In this process, with paths in the folder. */
const simulate = (...args: string[]): Promise<Outcome> => runInProcess(Simulate, here([...GATE, ...args]));
const here = (words: string[]) =>
  words.map((word) => (/\.(ota|bin|json|pub|html)$/.test(word) ? folder.file(word) : word));
/** Some random lives: the explorer has tests of its own. */
const FEW = ['--cuts', 'random:1', '--runs', '4'];
const GATE = ['x.ota', '--base', 'old.bin', '--layout', 'layout.json', '--key', 'a.pub'];

beforeAll(async () => {
  folder = await testFolder();
  const images = smallImages();
  await writeFile(folder.file('old.bin'), images.old);
  await writeFile(folder.file('new.bin'), images.new);
  await writeFile(folder.file('layout.json'), JSON.stringify({ spec: 'ota-fleet-layout/1', ...SMALL_LAYOUT }));
  for (const name of ['a', 'test']) {
    const key = generatePrivateKey({ isTest: name === 'test' });
    await writeFile(folder.file(`${name}.key`), privateKeyPem(key), { mode: 0o600 });
    await writeFile(folder.file(`${name}.pub`), publicKeyPem(key.publicKey));
  }
  const release = ['--product', 'meter', '--model', 'M100', '--version', '2.0.0', '--sequence', '2'];
  const pack = (...args: string[]) =>
    ota('pack', '--from', 'old.bin', '--to', 'new.bin', '--full', ...release, ...args);
  await pack('--sign', 'a.key', '--from-version', '1.9.3', '--allow-rollback', '--out', 'x.ota');
  await pack('--sign', 'test.key', '--out', 'test.ota');
});
beforeEach(() => {
  wish.change = () => ({});
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('ota simulate', () => {
  test('tells the verdict first, then the figures, and draws the page', async () => {
    const { status, stdout, stderr } = await ota('simulate', ...GATE, ...FEW, '--html', 'report.html');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^x\.ota: survives, [\d,]+ faults and no broken invariant\nrelease {2}1\.9\.3 to 2\.0\.0\n/);
    expect(stdout).toMatch(/\ngood +\d.*\nbad:2 +\d.*\nhang +\d.*\nall +\d/);
    const page = parseHtml(await readFile(folder.file('report.html'), 'utf8'));
    const report = JSON.parse(page.find(({ attributes }) => attributes.id === 'report')!.text) as SimulationReport;
    expect(report).toMatchObject({ complete: true, violations: [], package: { name: 'x.ota', version: '2.0.0' } });
  });

  test('--json prints the report, the same for the same seed', async () => {
    const args = ['--boots', 'good', '--boots', 'good', '--cuts', 'random:2', '--runs', '5', '--seed', '7', '--json'];
    const [one, other] = [await simulate(...args), await simulate(...args, '--workers', '1')];
    const report = JSON.parse(one.stdout) as SimulationReport;
    expect(report).toMatchObject({ cuts: 'random:2', seed: 7, complete: true, base: { version: '1.9.3' } });
    expect(report.scenarios.map(({ boots }) => boots)).toEqual(['good']);
    const { elapsedSeconds: _, faultPointsPerSecond: __, ...figures } = JSON.parse(other.stdout) as SimulationReport;
    expect(report).toMatchObject(figures);
  });

  test('a broken invariant ends with 20, and the token repeats it', async () => {
    wish.change = () => ({ updater: forgetsToSync });
    const { status, stdout } = await simulate('--boots', 'good', '--cuts', 'random:1', '--runs', '60');
    expect(status).toBe(20);
    expect(stdout.split('\n')[0]).toMatch(/: fails, [\d,]+ of [\d,]+ faults broke an invariant: /);
    const [, invariant] = /\n✗ ([a-z-]+), with --boots good\n/.exec(stdout)!;
    const [, command] = /\n {4}→ ota (simulate .* --replay [\w-]+)/.exec(stdout)!;
    expect(stdout).toMatch(/\n {4}1\. /);
    const [, ...words] = command!.split(' ');

    const again = await runInProcess(Simulate, words);
    expect(again).toMatchObject({ status: 20 });
    expect(again.stdout).toContain(`: breaks ${invariant} again, with --boots good\n  1. `);

    const stranger = words.map((word) => (word === folder.file('old.bin') ? folder.file('new.bin') : word));
    expect(await runInProcess(Simulate, stranger)).toMatchObject({ status: 2, stdout: '' });
  });

  test('--replay tells step by step what a device lives through', async () => {
    wish.change = () => ({ updater: forgetsToSync });
    const { stdout } = await simulate('--boots', 'good', '--cuts', 'random:1', '--runs', '60', '--json');
    const { replay } = (JSON.parse(stdout) as SimulationReport).violations[0]!;
    const token = JSON.parse(Buffer.from(replay, 'base64url').toString());
    const harmless = { ...token, faults: [{ operation: 3, model: 'before' }] };
    wish.change = () => ({});
    const lived = await simulate('--replay', Buffer.from(JSON.stringify(harmless)).toString('base64url'), '--json');
    expect(lived.status).toBe(0);
    const { violation, trace } = JSON.parse(lived.stdout) as ReplayReport;
    expect(violation).toBeUndefined();
    expect(trace).toContainEqual(expect.stringContaining(': the power goes before it'));
    expect(trace.at(-1)).toMatch(/^boot: /);
  });

  test('under --json a violation is a report too', async () => {
    wish.change = () => ({ updater: forgetsToSync });
    const { status, stdout } = await simulate('--boots', 'good', '--cuts', 'random:1', '--runs', '60', '--json');
    expect(status).toBe(20);
    const report = JSON.parse(stdout) as SimulationReport;
    expect(report.violations[0]).toMatchObject({ scenario: 'good', trace: expect.any(Array) });
    expect(report.totals.violations).toBeGreaterThan(0);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends it with %i and a report of what was covered', async (signal, exitStatus) => {
    const sendOnce = onlyOnce(() => process.emit(signal, signal));
    wish.change = ({ onProgress }) => ({
      onProgress: (done, total) => {
        onProgress?.(done, total);
        sendOnce();
      },
    });
    const page = `${signal}.html`;
    const { status, stdout } = await simulate(...FEW, '--workers', '1', '--html', page);
    expect(status).toBe(exitStatus);
    expect(stdout).toMatch(/: not finished, [\d,]+ faults? until it was interrupted and no broken invariant\n/);
    expect(await readFile(folder.file(page), 'utf8')).toContain('The run was interrupted.');
  });

  test('believes a test key only when told to', async () => {
    const [, ...rest] = GATE;
    const args = ['simulate', 'test.ota', ...rest.slice(0, -1), 'test.pub', ...FEW];
    expect(await ota(...args)).toMatchObject({ status: 3, stdout: '' });
    expect(await ota(...args, '--allow-test-keys')).toMatchObject({ status: 0 });
  });

  test('starts from a trust root as well as from keys', async () => {
    const key = ['--root-key', 'a.pub', '--release-key', 'a.pub', '--product', 'meter', '--sign', 'a.key'];
    await ota('trust', 'init', ...key, '--out', 'root.json');
    const [name, ...rest] = GATE.slice(0, -2);
    const { status, stdout } = await ota('simulate', name!, ...rest, '--trust', 'root.json', ...FEW);
    expect({ status, verdict: stdout.includes('survives') }).toEqual({ status: 0, verdict: true });
  });
});

test('ota simulate says when no delta fits the image that it was given', async () => {
  const args = GATE.map((word) => (word === 'old.bin' ? 'new.bin' : word));
  const { status, stdout, stderr } = await ota('simulate', ...args, ...FEW, '--boots', 'good');
  expect(stdout).toContain('\nrelease  an unnamed one (--base-version) to 2.0.0\n');
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: 'warning: component app: no delta fits its base, so the full image is used\n',
  });
});

describe('ota simulate refuses and writes nothing', () => {
  test.each([
    ['a behaviour that it does not know', 2, ['--boots', 'maybe']],
    ['cuts that it does not know', 2, ['--cuts', 'triples']],
    ['--runs where nothing is random', 2, ['--runs', '5']],
    ['a token that is none', 2, ['--replay', 'x']],
    ['a layout that is none', 4, ['--layout', 'old.bin']],
    ['a key that did not sign', 3, ['--key', 'test.pub', '--threshold', '2', '--allow-test-keys']],
    ['an image for a component that has one already', 2, ['--base', 'app=new.bin']],
  ])('%s', async (_, exitStatus, args) => {
    const overridden =
      args[0] === '--layout' ? GATE.filter((word) => word !== '--layout' && word !== 'layout.json') : GATE;
    const before = await folder.state();
    const page = args[0] === '--replay' ? [] : ['--html', 'refused.html'];
    const { status, stdout } = await runInProcess(Simulate, here([...overridden, ...args, ...page]));
    expect({ status, stdout }).toEqual({ status: exitStatus, stdout: '' });
    expect(await folder.state()).toEqual(before);
  });

  test('a page that exists, before it simulates anything', async () => {
    await writeFile(folder.file('kept.html'), 'mine');
    expect(await simulate('--html', 'kept.html')).toMatchObject({ status: 8, stdout: '' });
    expect(await readFile(folder.file('kept.html'), 'utf8')).toBe('mine');
    await rm(folder.file('kept.html'));
  });

  test('a package that no device with this image would take', async () => {
    const args = [...GATE, '--base-security-counter', '9', '--boots', 'good'];
    expect(await runInProcess(Simulate, here(args))).toMatchObject({ status: 5, stdout: '' });
  });
});

/** A second signal would end the process at once. */
function onlyOnce(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/** Installs without ever waiting for the disk. */
const forgetsToSync: Updater = {
  ...realUpdater,
  install: (machine, delivery) => realUpdater.install({ ...machine, fs: withoutSync(machine.fs) }, delivery),
};

function withoutSync(fs: DeviceFs): DeviceFs {
  return new Proxy(fs, {
    get: (target, name: keyof DeviceFs) =>
      name === 'sync' ? async () => {} : (target[name] as (...args: unknown[]) => unknown).bind(target),
  });
}

import { describe, expect, test } from 'vitest';
import { draftPlan, type PlanRequest } from '../../../src/lib/campaign/draft-plan.js';
import type { RequestedStage } from '../../../src/lib/campaign/planning/wanted-stages.js';
import type { Release } from '../../../src/lib/catalog/release.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import type { DriverCapabilities, DriverRelease, DriverSoftware } from '../../../src/lib/fleet-api/driver.js';
import type { AuthenticPackage } from '../../../src/lib/package/authenticate.js';
import { parseDeviceChoice } from '../../../src/lib/query/device-choice.js';
import { parsePlan, planDigest } from '../../../src/lib/rollout/parse-plan.js';
import type { RolloutPlan } from '../../../src/lib/rollout/plan.js';
import { DEFAULT_STAGES, parseStages } from '../../../src/lib/rollout/stage-choice.js';
import { DEFAULT_STRATEGY, gatesOf } from '../../../src/lib/rollout/strategy.js';
import { imageSha256, published } from '../../support/catalogue.js';
import { type MemoryDevice, type MemoryServer, memoryDriver } from '../../support/memory-driver.js';

const NOW = new Date('2026-01-05T06:00:00Z');
const ROLLBACK = { rollback: { allowed: true } };
const OLD = published('1.0.0', { app: {} }, { securityCounter: 1 });
const NEW = published(
  '2.0.0',
  { app: { imageBytes: 10_000, full: true, from: { '1.0.0': 700 } } },
  { ...ROLLBACK, securityCounter: 1 },
);
const FILE = { name: 'meter-2.0.0.ota', bytes: 20_000 };

const packageOf = ({ digest, metadata }: Release): AuthenticPackage => ({
  ...{ name: 'meter.ota', digest, metadata, trustedKeyids: new Set() },
  signatures: { role: 'release:meter', threshold: 1, keyids: [], ignored: [] },
  payloads: metadata.payloads.map((entry) => ({ entry, data: memoryAccess(Buffer.alloc(0), entry.file) })),
});
const softwareOf = ({ digest, metadata: { product, version } }: Release): DriverSoftware => ({
  ...{ id: version, name: product, version, digest },
});
const releaseOf = ({ digest, metadata, yanked }: Release): DriverRelease => ({
  ...{ digest, version: metadata.version, sequence: metadata.sequence, securityCounter: metadata.securityCounter },
  rollback: metadata.rollback ?? null,
  components: metadata.payloads.map(({ component, target: { version, sha256 } }) => ({ component, version, sha256 })),
  isYanked: yanked !== undefined,
});

/** A meter that runs 1.0.0 and says so. */
function meter(id: string, changes: MemoryDevice | Record<string, unknown> = {}): MemoryDevice {
  const { attributes, ...rest } = changes as Partial<MemoryDevice>;
  return {
    id,
    installed: softwareOf(OLD),
    ...rest,
    attributes: {
      ...{ product: 'meter', model: 'M100', 'ota.securityCounter': '1', 'ota.digest': OLD.digest },
      'ota.app.sha256': imageSha256('app', '1.0.0'),
      serial: id,
      ...attributes,
    },
  };
}

const meters = (count: number) => Array.from({ length: count }, (_, at) => meter(`m${at}`));

function stagesOf(text: string): RequestedStage[] {
  const choices = parseStages(text);
  return choices.map((choice, at) => ({
    name: text.split(',')[at]!,
    choice: choice as RequestedStage['choice'],
    ...{ startAt: null, window: null, rate: null, hasOwnGates: false },
    gates: gatesOf(DEFAULT_STRATEGY, at === choices.length - 1),
  }));
}

interface Asked extends Partial<Omit<PlanRequest, 'stages' | 'target' | 'exclude' | 'hold' | 'canary' | 'pkg'>> {
  stages?: string;
  package?: Release;
  target?: string;
  exclude?: string;
  hold?: string;
  canary?: string;
}

function plan(server: Partial<MemoryServer>, asked: Asked = {}): Promise<RolloutPlan> {
  const { stages = '100%', package: release = NEW, target = 'all', exclude, hold, canary, ...rest } = asked;
  const driver = memoryDriver({
    ...{ devices: [], releases: [releaseOf(OLD)], software: [softwareOf(OLD)] },
    ...server,
  });
  const choice = (text: string | undefined) => (text === undefined ? undefined : parseDeviceChoice(text));
  return draftPlan({
    ...{ driver, pkg: packageOf(release), file: FILE, now: NOW, areStagesRecommended: false, smallStages: 'merge' },
    ...{ target: choice(target), exclude: choice(exclude), hold: choice(hold), canary: choice(canary) },
    ...{ spread: ['model'], includesBusy: false, includesRefused: false, noFullFallback: false },
    ...{ onAbort: 'stop', allowedDriftPercent: 1, webhook: null },
    stages: stagesOf(stages),
    ...rest,
  });
}

/** Of a plan that asks for nothing special. */
const MINIMAL = {
  ...{ pkg: packageOf(NEW), file: FILE, now: NOW, target: undefined, spread: [], areStagesRecommended: false },
  ...{ includesBusy: false, includesRefused: false, noFullFallback: false, allowedDriftPercent: 1, webhook: null },
  smallStages: 'merge',
  onAbort: 'stop',
} as const;

const leftOut = ({ leftOut: lists }: RolloutPlan) => lists.map(({ reason, devices }) => [reason, devices]);

describe('a plan', () => {
  test('is the same for the same devices, in whatever order they are told, and can be read again', async () => {
    const devices = meters(300);
    const once = await plan({ devices }, { stages: '1%,5%,20%,100%' });
    const again = await plan({ devices: [...devices].reverse() }, { stages: '1%,5%,20%,100%' });
    expect(JSON.stringify(again)).toBe(JSON.stringify(once));
    const read = parsePlan(Buffer.from(JSON.stringify(once)), 'plan.json');
    expect(planDigest(read)).toBe(planDigest(once));
  });

  test('pins the package, the devices and what they go back to', async () => {
    const { package: pinned, cohorts, server, target } = await plan({ devices: meters(3) }, { target: 'model=M100' });
    expect(pinned).toMatchObject({ digest: NEW.digest, version: '2.0.0', filename: FILE.name, bytes: FILE.bytes });
    expect(server).toEqual({ driver: 'fleet', address: 'https://fleet.example.com' });
    expect(target).toMatchObject({ where: 'controllerAttributes.model==M100', exclude: null });
    expect(cohorts).toMatchObject([
      { model: 'M100', version: '1.0.0', previous: softwareOf(OLD), cannotReturn: null, delivery: 'delta', devices: 3 },
    ]);
  });

  test('counts a delta where it fits, and says who downloads a full image for want of one', async () => {
    const other = meter('other', { attributes: { 'ota.app.sha256': imageSha256('app', '0.9.0') } });
    const { cohorts, notes, forecast } = await plan({ devices: [...meters(2), other] });
    expect(cohorts.map(({ delivery, devices }) => [delivery, devices])).toEqual([
      ['delta', 2],
      ['full', 1],
    ]);
    const [delta, full] = cohorts;
    expect(full!.bytes - delta!.bytes).toBe(20 * 512 - 2 * 512);
    expect(forecast.downloadBytes).toBe(2 * delta!.bytes + full!.bytes);
    expect(notes).toContain('a full image goes to 1 device, because no delta of the package fits what they run');
  });

  test('leaves out who has it, who refuses it, who is busy, held or excluded, each with the reason', async () => {
    const devices = [
      meter('has', { attributes: { 'ota.digest': NEW.digest } }),
      meter('other-model', { attributes: { model: 'X1' } }),
      meter('busy', { assigned: { id: '9', name: 'meter', version: '1.5.0', digest: null } }),
      meter('held', { tags: ['hold'] }),
      meter('excluded', { tags: ['never'] }),
      meter('gets-it'),
    ];
    const drafted = await plan({ devices }, { hold: 'tag==hold', exclude: 'tag==never' });
    expect(leftOut(drafted)).toEqual([
      ['excluded', ['excluded']],
      ['held', ['held']],
      ['current', ['has']],
      ['refused', ['other-model']],
      ['busy', ['busy']],
    ]);
    expect(drafted.leftOut[3]!.detail).toBe('is for model M100, the device is a X1');
    expect(drafted.leftOut[4]!.detail).toBe('are on their way to meter 1.5.0');
    expect(drafted.target.exclude).toBe('tag==never');
  });

  test('what a device tells goes before what the server remembers: it may have gone back by itself', async () => {
    const { cohorts } = await plan({ devices: [meter('back', { installed: softwareOf(NEW) })] });
    expect(cohorts).toMatchObject([{ version: '1.0.0', previous: softwareOf(OLD) }]);
  });

  test('includes who is busy or expected to refuse, where that is asked for', async () => {
    const devices = [
      meter('other-model', { attributes: { model: 'X1' } }),
      meter('busy', { assigned: { id: '9', name: 'meter', version: '1.5.0', digest: null } }),
    ];
    const { stages } = await plan({ devices }, { includesBusy: true, includesRefused: true });
    expect(stages[0]!.devices.map(([id]) => id).sort()).toEqual(['busy', 'other-model']);
  });

  test('counts the whole file for devices that tell nothing, and says so', async () => {
    const { cohorts, notes } = await plan({ devices: [{ id: 'silent' }] });
    expect(cohorts).toMatchObject([{ delivery: 'unknown', bytes: FILE.bytes, previous: null }]);
    expect(notes.join('\n')).toContain('what 1 device run is not known');
  });

  test('recommends a last stage even for a single device, and no pilot that is all there is', async () => {
    const recommended = async (count: number) => {
      const { stages } = await plan({ devices: meters(count) }, { stages: DEFAULT_STAGES, areStagesRecommended: true });
      return stages.map(({ name, devices, gates }) => [name, devices.length, gates.map(({ type }) => type).join()]);
    };
    expect(await recommended(1)).toEqual([['100%', 1, 'failure,stuck']]);
    expect(await recommended(2)).toEqual([
      ['1%', 1, 'failure,stuck,soak,approval'],
      ['100%', 1, 'failure,stuck'],
    ]);
  });

  test('recommends a pilot that bears a few failures, and says so', async () => {
    const recommended = async (count: number) => {
      const { stages, notes } = await plan(
        { devices: meters(count) },
        { stages: DEFAULT_STAGES, areStagesRecommended: true },
      );
      return { stages: stages.map(({ name, devices }) => [name, devices.length]), notes: notes.join('\n') };
    };
    const some = await recommended(10_000);
    expect(some.stages).toEqual([
      ['2%', 200],
      ['5%', 300],
      ['20%', 1_500],
      ['100%', 8_000],
    ]);
    expect(some.notes).toContain('stage 1% is 200 devices instead of 100, and called 2%');
    expect(await recommended(2_000)).toMatchObject({
      stages: [
        ['5%', 100],
        ['20%', 300],
        ['100%', 1_600],
      ],
    });
    expect((await recommended(400)).stages).toEqual([
      ['20%', 80],
      ['100%', 320],
    ]);
    expect(await recommended(30_000)).toMatchObject({
      stages: [
        ['1%', 300],
        ['5%', 1_200],
        ['20%', 4_500],
        ['100%', 24_000],
      ],
    });
  });

  test('says that the package expires before the last stage would end', async () => {
    const expiring = published('2.0.0', { app: {} }, { ...ROLLBACK, expiresAt: '2026-01-06T00:00:00Z' });
    const notes = async (stages: string) =>
      (await plan({ devices: meters(100) }, { package: expiring, stages })).notes.join('\n');
    expect(await notes('60%,100%')).toContain('the package expires at 2026-01-06T00:00:00Z, before the last stage');
    expect(await notes('100%')).not.toContain('expires');
  });

  test('puts a listed stage first and its devices nowhere else', async () => {
    const devices = meters(100).map((device, at) => (at < 4 ? { ...device, group: 'lab' } : device));
    const { stages } = await plan({ devices }, { stages: 'group:lab,50%,100%' });
    expect(stages.map(({ devices: { length } }) => length)).toEqual([4, 46, 50]);
    expect(stages[0]!.devices.map(([id]) => id).sort()).toEqual(['m0', 'm1', 'm2', 'm3']);
  });

  test('spreads its pilot over models and regions', async () => {
    const regions = ['north', 'south', 'east'];
    const devices = meters(90).map((device, at) => ({ ...device, metadata: { region: regions[at % 3]! } }));
    const { stages } = await plan({ devices }, { stages: '3,100%', spread: ['model', 'metadata.region'] });
    const pilot = stages[0]!.devices.map(([id]) => devices.find((device) => device.id === id)!.metadata.region);
    expect(pilot.sort()).toEqual([...regions].sort());
  });
});

describe('a plan says why a device cannot go back', () => {
  const reason = async (release: Release, server: Partial<MemoryServer> = {}) => {
    const { cohorts, notes } = await plan({ devices: [meter('m')], ...server }, { package: release });
    return [cohorts[0]!.cannotReturn, notes.join('\n')];
  };
  const app = { app: { full: true } };

  test('where the package allows none', async () => {
    const [why, notes] = await reason(published('2.0.0', app));
    expect(why).toBe('the package does not allow going back from 2.0.0');
    expect(notes).toContain('1 device cannot go back: the package does not allow going back from 2.0.0');
  });

  test('where it allows only later versions', async () => {
    const [why] = await reason(published('2.0.0', app, { rollback: { allowed: true, minVersion: '1.5.0' } }));
    expect(why).toBe('the package allows going back to 1.5.0 or later, they run 1.0.0');
  });

  test('where it raises the security counter, which no later choice mends', async () => {
    const [why, notes] = await reason(published('2.0.0', app, { rollback: { allowed: true }, securityCounter: 2 }));
    expect(why).toBe('the package raises the security counter from 1 to 2, and 1.0.0 is below it');
    expect(notes).toContain('the update is irreversible for 1 device');
  });

  test('where what it runs was withdrawn', async () => {
    const [why] = await reason(NEW, { releases: [{ ...releaseOf(OLD), isYanked: true }] });
    expect(why).toBe('1.0.0 is withdrawn at the server');
  });

  test('where the server has nothing of what it runs', async () => {
    const [why] = await reason(NEW, { devices: [meter('m', { installed: null })], software: [] });
    expect(why).toBe('the server has nothing that it could give them back');
  });
});

describe('no plan is made', () => {
  const refused = async (made: Promise<unknown>) => {
    const error = await made.then(
      () => undefined,
      (failure: unknown) => failure,
    );
    return error as { code: string; message: string };
  };

  test('of a package that has expired', async () => {
    const expired = published('2.0.0', { app: {} }, { expiresAt: '2026-01-01T00:00:00Z' });
    expect(await refused(plan({ devices: meters(1) }, { package: expired }))).toMatchObject({
      code: 'PACKAGE_EXPIRED',
    });
  });

  test('where no device matches', async () => {
    expect(await refused(plan({ devices: meters(1) }, { target: 'tag==x' }))).toMatchObject({
      code: 'NOT_FOUND',
      message: 'no device matches the target',
    });
  });

  test('where none is left, with the reasons', async () => {
    const devices = [
      meter('a', { attributes: { model: 'X' } }),
      meter('b', { attributes: { 'ota.digest': NEW.digest } }),
    ];
    expect(await refused(plan({ devices }))).toMatchObject({
      code: 'NOT_FOUND',
      message:
        'no device is left to update: 1 current (have 2.0.0 already); 1 refused (is for model M100, the device is a X)',
    });
  });

  test('with an empty stage', async () => {
    expect(await refused(plan({ devices: meters(10) }, { stages: '10%,15%,100%,5' }))).toMatchObject({
      code: 'USAGE',
      message: 'stage 5 would be empty: of 10 devices the stages before have all',
    });
    expect(await refused(plan({ devices: meters(10) }, { stages: '12%,20%,100%' }))).toMatchObject({
      code: 'USAGE',
      message: 'stage 20% would be empty: of 10 devices the stages before have as many',
    });
    expect(await refused(plan({ devices: meters(10) }, { stages: 'group:lab,100%' }))).toMatchObject({ code: 'USAGE' });
  });

  test('that the server could never finish', async () => {
    const [stage] = stagesOf('100%');
    const asked = async (changes: Partial<RequestedStage>, capabilities: Partial<DriverCapabilities>) => {
      const driver = memoryDriver({ devices: meters(3), capabilities });
      return await refused(draftPlan({ ...MINIMAL, driver, stages: [{ ...stage!, ...changes }] }));
    };
    const window = { schedule: '0 0 3 * * ?', duration: '01:00:00', timezone: '+00:00' };
    expect(await asked({ window }, { windows: false })).toMatchObject({
      code: 'USAGE',
      message: 'stage 100% has a maintenance window, and https://fleet.example.com knows none',
    });
    const gates = [
      { type: 'health', rule: 'errorRate < 1%', windowSeconds: 60, minimumSample: 1, otherwise: 'pause' },
    ] as const;
    expect(await asked({ gates }, { telemetry: false })).toMatchObject({
      code: 'USAGE',
      message:
        'stage 100% asks for errorRate < 1%, and https://fleet.example.com measures nothing: it would wait for ever',
    });
  });

  test('for a stage that lists a device which there is not', async () => {
    const [stage] = stagesOf('1,100%');
    const asked = { ...stage!, name: '@lab.txt', choice: { kind: 'devices', ids: ['m0', 'm99'] } as const };
    const driver = memoryDriver({ devices: meters(3) });
    const made = draftPlan({ ...MINIMAL, driver, stages: [asked] });
    expect(await refused(made)).toMatchObject({
      code: 'NOT_FOUND',
      message: 'stage @lab.txt lists 1 device that the target does not have: m99',
    });
  });
});

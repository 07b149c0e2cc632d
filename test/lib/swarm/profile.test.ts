import { describe, expect, test } from 'vitest';
import { chanceOf, weighted } from '../../../src/lib/swarm/chance.js';
import { errorShare, updateFate } from '../../../src/lib/swarm/fate.js';
import { factoryInstalled } from '../../../src/lib/swarm/installed.js';
import { deviceIds, population } from '../../../src/lib/swarm/population.js';
import { DEFAULT_PROFILE, parseProfile } from '../../../src/lib/swarm/profile.js';

const parse = (value: unknown) => parseProfile(Buffer.from(JSON.stringify(value)), 'profile.json');
const ids = deviceIds(4000, 'sim-');

describe('a profile', () => {
  test('that says nothing is the default one', () => expect(parse({})).toEqual(DEFAULT_PROFILE));

  test.each([
    ['a member nobody knows', { modles: [] }, 'Unrecognized key: "modles"'],
    ['a share above 1', { failures: { boot: 1.5 } }, 'failures.boot'],
    ['failures that are more than all updates', { failures: { boot: 0.6, stuck: 0.6 } }, 'failures'],
    [
      'the same by way of an override',
      { failures: { boot: 0.6 }, overrides: [{ failures: { stuck: 0.6 } }] },
      'overrides[0]',
    ],
    ['a range the wrong way round', { rebootSeconds: [5, 1] }, 'rebootSeconds'],
    ['no model at all', { models: [] }, 'models'],
    ['a version that is none', { versions: [{ version: 'latest' }] }, 'versions[0].version'],
    ['a version that is not said', { versions: [{ weight: 2 }] }, 'versions[0]'],
    ['images beside a package', { versions: [{ package: 'a.ota', images: { app: 'a.bin' } }] }, 'versions[0]'],
    ['a sequence beside a package', { versions: [{ package: 'a.ota', sequence: 1 }] }, 'versions[0]'],
    ['a counter beside a package', { versions: [{ package: 'a.ota', securityCounter: 1 }] }, 'versions[0]'],
  ])('with %s is refused, and the place is named', (_, value, place) => {
    expect(() => parse(value)).toThrow(`profile.json: ${place}`);
  });
});

describe('the fate of a device', () => {
  const context = { profile: parse({ failures: { boot: 0.1, stuck: 0.05 } }), seed: 1 };
  const fateOf = (id: string, version = '2.0.0', attempt = 1) =>
    updateFate(context, { id, model: 'V1' }, version, attempt);

  test('comes as often as the profile says', () => {
    const endings = ids.map((id) => fateOf(id).ending);
    const shareOf = (ending: string) => endings.filter((one) => one === ending).length / ids.length;
    expect(shareOf('boot')).toBeCloseTo(0.1, 1);
    expect(shareOf('stuck')).toBeCloseTo(0.05, 1);
    expect(shareOf('success')).toBeCloseTo(0.85, 1);
  });

  test('is decided by seed, name, version and attempt alone', () => {
    expect(fateOf('sim-7')).toEqual(fateOf('sim-7'));
    const differing = (change: (id: string) => unknown) =>
      ids.filter((id) => JSON.stringify(change(id)) !== JSON.stringify(fateOf(id))).length;
    expect(differing((id) => fateOf(id, '2.0.1'))).toBeGreaterThan(3900);
    expect(differing((id) => fateOf(id, '2.0.0', 2))).toBeGreaterThan(3900);
  });

  test('of a bad build is worse, for the devices it is bad for', () => {
    const bad = parse({ overrides: [{ version: '2.1.0', model: 'V2', fail: 1, errors: 0.5 }] });
    const ending = (model: string, version: string) =>
      updateFate({ profile: bad, seed: 1 }, { id: 'sim-1', model }, version, 1).ending;
    expect([ending('V2', '2.1.0'), ending('V1', '2.1.0'), ending('V2', '2.0.0')]).toEqual([
      'boot',
      'success',
      'success',
    ]);
    expect(errorShare(bad, { model: 'V2' }, '2.1.0')).toBe(0.5);
    expect(errorShare(bad, { model: 'V1' }, '2.1.0')).toBe(0.001);
  });
});

describe('chance', () => {
  test('is spread evenly over names that differ little', () => {
    const tenths = new Array(10).fill(0);
    for (const id of ids) tenths[Math.floor(10 * chanceOf(1, id, 'x'))]++;
    for (const count of tenths) expect(count).toBeCloseTo(ids.length / 10, -2);
  });

  test('chooses by weight', () => {
    const choices = [
      { name: 'a', weight: 3 },
      { name: 'b', weight: 0 },
      { name: 'c', weight: 1 },
    ];
    expect([0, 0.74, 0.76, 0.999].map((chance) => weighted(choices, chance).name)).toEqual(['a', 'a', 'c', 'c']);
  });
});

describe('a population', () => {
  const profile = parse({
    models: [
      { model: 'V1', weight: 3 },
      { model: 'V2', hardwareRevision: 'b' },
    ],
    versions: [{ version: '1.0.0' }, { version: '1.1.0', sequence: 11 }],
    components: ['app', 'modem'],
  });
  const installed = profile.versions.map((version) =>
    factoryInstalled({ ...version, version: version.version! }, profile.components, new Map()),
  );
  const factory = new Map(profile.versions.map((version, index) => [version, installed[index]!]));
  const devices = population(ids, { profile, seed: 1 }, factory);

  test('is made of models and versions by their weight', () => {
    expect(devices.filter(({ model }) => model === 'V1').length / devices.length).toBeCloseTo(0.75, 1);
    expect(devices.filter(({ installed }) => installed.version === '1.1.0').length / devices.length).toBeCloseTo(
      0.5,
      1,
    );
  });

  test('shares what is installed between devices', () => {
    expect(new Set(devices.map(({ installed }) => installed)).size).toBe(2);
    const newer = devices.find(({ installed }) => installed.version === '1.1.0')!;
    expect(newer.installed).toMatchObject({ running: { version: '1.1.0', sequence: 11 }, history: [] });
    expect(Object.keys(newer.installed.components)).toEqual(['app', 'modem']);
  });

  test('has names that sort by number', () => {
    expect(deviceIds(2, 'x')).toEqual(['x0001', 'x0002']);
    expect(deviceIds(20_000, 'x').at(-1)).toBe('x20000');
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Release, withoutFiles, yank } from '../../../src/lib/catalog/release.js';
import { type RollbackRequest, type RollbackTarget, rollbackTarget } from '../../../src/lib/catalog/rollback-target.js';
import { judgePackage } from '../../../src/lib/package/policy.js';
import { deviceOn, imageSha256, published } from '../../support/catalogue.js';
import '../../support/property-seed.js';

const now = new Date('2026-06-01T00:00:00Z');
const allowed = { rollback: { allowed: true } };
const one = published('1.0.0', { app: {} });
const two = published('2.0.0', { app: { from: { '1.0.0': 100, '3.0.0': 70 }, full: true } });
const three = published('3.0.0', { app: {} }, allowed);
const all = [one, two, three];
const verifies = new Map(all.map(({ digest }) => [digest, true]));

const ask = (request: Partial<RollbackRequest> = {}): RollbackTarget =>
  rollbackTarget({ device: deviceOn(all), releases: all, rules: { now, verifies }, slots: {}, ...request });
const summary = ({ target, candidates, certain }: RollbackTarget) => [
  target?.release.version,
  certain,
  ...candidates.map(({ release, outcome }) => `${release.version} ${outcome}`),
];
const refusals = ({ candidates }: RollbackTarget, version: string) => {
  const { continuity, signature, counter, compatibility, storage } = candidates.find(
    ({ release }) => release.version === version,
  )!;
  return [continuity, signature, counter, compatibility, storage].flatMap((answer) => answer.refusals);
};

describe('rollbackTarget', () => {
  test('is the newest earlier release; a delta from what runs is fetched before a full image', () => {
    const result = ask();
    expect(summary(result)).toEqual(['2.0.0', true, '2.0.0 passed', '1.0.0 passed']);
    expect(result.target?.storage).toEqual({
      outcome: 'passed',
      refusals: [],
      kept: [],
      fetched: [
        { component: 'app', file: `app-${imageSha256('app', '3.0.0').slice(0, 8)}.bsdf2`, kind: 'delta', bytes: 70 },
      ],
      download: { cut: imageSha256('app', '3.0.0').slice(0, 8), bytes: 70 },
    });
  });

  test('downloads nothing where a slot still holds the image', () => {
    expect(ask({ slots: { app: [imageSha256('app', '2.0.0')] } }).target?.storage).toEqual({
      outcome: 'passed',
      refusals: [],
      kept: ['app'],
      fetched: [],
    });
  });

  test('a slot may hold what can be had nowhere else', () => {
    const releases = [one, withoutFiles(two), three];
    expect(summary(ask({ releases, slots: { app: [imageSha256('app', '2.0.0')] } }))[0]).toBe('2.0.0');
    expect(refusals(ask({ releases }), '2.0.0')).toEqual([{ code: 'NO_ARTIFACT' }]);
    expect(summary(ask({ releases }))).toEqual(['1.0.0', true, '2.0.0 refused', '1.0.0 passed']);
  });

  test('where nobody knows the slots, the device may choose what cannot be fetched', () => {
    expect(summary(ask({ releases: [one, withoutFiles(two), three], slots: undefined }))).toEqual([
      '1.0.0',
      false,
      '2.0.0 unknown',
      '1.0.0 passed',
    ]);
  });

  test.each<[string, unknown, string | undefined, Partial<RollbackRequest>]>([
    [
      'the device never ran it',
      { code: 'ROLLBACK_FORBIDDEN', why: 'never-ran' },
      '1.0.0',
      { device: deviceOn([one, three]) },
    ],
    [
      'what runs does not allow it',
      { code: 'ROLLBACK_FORBIDDEN', why: 'not-allowed' },
      undefined,
      { device: { ...deviceOn(all), running: { digest: three.digest, version: '3.0.0', sequence: 300 } } },
    ],
    [
      'what runs allows later versions only',
      { code: 'ROLLBACK_FORBIDDEN', why: 'below-minimum', minVersion: '2.5.0' },
      undefined,
      {
        device: {
          ...deviceOn(all),
          running: {
            digest: three.digest,
            version: '3.0.0',
            sequence: 300,
            rollback: { allowed: true, minVersion: '2.5.0' },
          },
        },
      },
    ],
    [
      'its signatures do not verify any more',
      { code: 'SIGNATURE_REFUSED' },
      '1.0.0',
      { rules: { now, verifies: new Map([...verifies, [two.digest, false]]) } },
    ],
    [
      'it was yanked',
      { code: 'YANKED', reason: 'bricks' },
      '1.0.0',
      { releases: [one, yank(two, 'bricks', 0), three] },
    ],
    [
      'its counter is below the stored one',
      { code: 'COUNTER_ROLLBACK', securityCounter: 1, stored: 2 },
      undefined,
      { device: deviceOn(all, { securityCounter: 2 }) },
    ],
    [
      'it is for another revision of the hardware',
      { code: 'HARDWARE_INCOMPATIBLE', hardwareRevisions: ['B'], device: ['A'] },
      '1.0.0',
      {
        device: deviceOn(all, { hardwareRevision: 'A' }),
        releases: [
          one,
          { ...two, metadata: { ...two.metadata, compatible: { models: ['M100'], hardwareRevisions: ['B'] } } },
          three,
        ],
      },
    ],
    [
      'it needs more storage than the device has',
      { code: 'DOES_NOT_FIT', shortages: [{ of: 'storage', needed: 70, available: 69 }] },
      '1.0.0',
      {
        device: deviceOn(all, { freeBytes: 69 }),
        releases: [one, { ...two, cuts: two.cuts.filter(({ bytes }) => bytes === 70) }, three],
      },
    ],
    [
      'its deltas do not apply to what runs',
      {
        code: 'BASE_MISMATCH',
        bases: [
          {
            component: 'app',
            needed: [imageSha256('app', '1.0.0')],
            installed: imageSha256('app', '3.0.0'),
          },
        ],
      },
      '1.0.0',
      { releases: [one, { ...two, cuts: two.cuts.filter(({ bytes }) => bytes === 100) }, three] },
    ],
  ])('passes over 2.0.0 where %s', (_, refusal, target, request) => {
    const result = ask(request);
    expect(refusals(result, '2.0.0')).toEqual([refusal]);
    expect(result.target?.release.version).toBe(target);
  });

  test('neither expiry nor sequence counts on the way back', () => {
    const expired = published('2.0.0', { app: {} }, { expiresAt: '2020-01-01T00:00:00Z' });
    const releases = [one, expired, three];
    const result = ask({
      device: deviceOn(releases),
      releases,
      rules: { now, verifies: new Map(releases.map(({ digest }) => [digest, true])) },
    });
    expect(result.target?.release.version).toBe('2.0.0');
  });

  test('says nothing certain of signatures that nobody has checked, nor of a release it does not remember', () => {
    expect(summary(ask({ rules: { now, verifies: new Map([[one.digest, true]]) } }))).toEqual([
      '1.0.0',
      false,
      '2.0.0 unknown',
      '1.0.0 passed',
    ]);
    const result = ask({ releases: [one, three] });
    expect(summary(result)).toEqual(['1.0.0', false, '2.0.0 unknown', '1.0.0 passed']);
    expect(result.candidates[0]).toMatchObject({ inCatalogue: false, continuity: { outcome: 'passed' } });
  });

  test('a release it does not remember is refused where what is known of it suffices', () => {
    const running = { digest: three.digest, version: '3.0.0', sequence: 300 };
    expect(summary(ask({ releases: [], device: deviceOn(all, { running }) }))).toEqual([
      undefined,
      true,
      '2.0.0 refused',
      '1.0.0 refused',
    ]);
  });

  describe('a component that the release did not bring', () => {
    const first = published('1.0.0', { app: {}, boot: {} });
    const second = published('2.0.0', { app: {} }, { dependsOn: [{ component: 'boot', range: '<3' }] });
    const onlyApp = published('3.0.0', { app: {} }, allowed);
    const withBoot = published('3.0.0', { app: {}, boot: {} }, allowed);
    const back = (releases: Release[], more: Partial<RollbackRequest> = {}) =>
      ask({
        device: deviceOn(releases),
        releases,
        rules: { now, verifies: new Map(releases.map(({ digest }) => [digest, true])) },
        ...more,
      });
    const recorded = new Map([
      [second.digest, { app: imageSha256('app', '2.0.0'), boot: imageSha256('boot', '1.0.0') }],
    ]);

    test('stays as it is where no release since has changed it', () => {
      const releases = [published('0.9.0', { app: {} }), second, onlyApp];
      const device = deviceOn(releases);
      device.components.boot = { version: '1.0.0', sha256: imageSha256('boot', '1.0.0') };
      const result = back(releases, { device });
      expect(result.target).toMatchObject({ release: { version: '2.0.0' }, storage: { kept: ['boot'] } });
    });

    test('is unknown where one has', () => {
      expect(summary(back([first, second, withBoot]))).toEqual(['1.0.0', false, '2.0.0 unknown', '1.0.0 passed']);
    });

    test('returns to what was recorded, from a slot', () => {
      const slots = { boot: [imageSha256('boot', '1.0.0')] };
      expect(back([first, second, withBoot], { recorded, slots }).target).toMatchObject({
        release: { version: '2.0.0' },
        storage: { kept: ['boot'], fetched: [{ component: 'app', kind: 'full' }] },
      });
    });

    test('cannot be had from the package of that release', () => {
      const result = back([first, second, withBoot], { recorded });
      expect(refusals(result, '2.0.0')).toEqual([{ code: 'NO_IMAGE', components: ['boot'] }]);
    });

    test('is judged as it was then', () => {
      const slots = { boot: [imageSha256('boot', '7.0.0')] };
      const then = new Map([[second.digest, { boot: imageSha256('boot', '7.0.0') }]]);
      const seven = published('1.5.0', { boot: { version: '7.0.0' } });
      const result = back([first, seven, second, withBoot], { recorded: then, slots });
      expect(refusals(result, '2.0.0')).toEqual([
        { code: 'DEPENDENCY_UNMET', unmet: [{ component: 'boot', range: '<3', version: '7.0.0' }] },
      ]);
    });
  });

  test('lists no release that runs or is newer', () => {
    expect(
      ask({ device: deviceOn([one, three, two]), releases: all }).candidates.map(({ release }) => release.version),
    ).toEqual(['1.0.0']);
  });
});

test('never returns what policy refuses, nor passes over what it accepts', () => {
  const shape = fc.record({
    counter: fc.integer({ min: 0, max: 2 }),
    ran: fc.boolean(),
    model: fc.boolean(),
    full: fc.boolean(),
    base: fc.integer({ min: 0, max: 8 }),
    expired: fc.boolean(),
    needs: fc.integer({ min: -4, max: 9 }),
  });
  const outcomes = new Set<boolean>();
  fc.assert(
    fc.property(
      fc.array(shape, { minLength: 1, maxLength: 6 }),
      fc.record({ allowed: fc.boolean(), min: fc.integer({ min: 0, max: 5 }), stored: fc.integer({ min: 0, max: 2 }) }),
      (shapes, { allowed: mayReturn, min, stored }) => {
        const releases = shapes.map(({ counter, model, full, base, expired, needs }, index) =>
          published(
            `${index + 1}.0.0`,
            { app: { from: { [`${base}.0.0`]: 50 }, full } },
            {
              securityCounter: counter,
              compatible: { models: [model ? 'M100' : 'M200'] },
              ...(expired && { expiresAt: '2020-01-01T00:00:00Z' }),
              ...(needs > 0 && { dependsOn: [{ component: 'app', range: `<=${needs}` }] }),
            },
          ),
        );
        const running = published(
          `${shapes.length + 1}.0.0`,
          { app: {} },
          {
            rollback: { allowed: mayReturn, ...(min > 0 && { minVersion: `${min}.0.0` }) },
          },
        );
        const ran = releases.filter((_, index) => shapes[index]!.ran);
        const device = deviceOn([...ran, running], { securityCounter: stored });
        const rules = { now, verifies: new Map(releases.map(({ digest }) => [digest, true])) };
        const { target, candidates } = rollbackTarget({ device, releases, rules, slots: {} });
        for (const { release, outcome } of candidates) {
          const { metadata, digest, cuts } = releases.find(({ digest: one }) => one === release.digest)!;
          const accepted = cuts.some(({ files }) =>
            judgePackage(metadata, device, {
              name: 'x',
              digest,
              contained: new Set(files),
              now,
              intent: 'rollback',
            }).checks.every(({ failures }) => failures.length === 0),
          );
          expect([release.version, outcome]).toEqual([release.version, accepted ? 'passed' : 'refused']);
        }
        outcomes.add(target !== undefined);
        expect(target).toEqual(candidates.find(({ outcome }) => outcome === 'passed'));
      },
    ),
    { numRuns: 500 },
  );
  expect(outcomes).toEqual(new Set([true, false]));
});

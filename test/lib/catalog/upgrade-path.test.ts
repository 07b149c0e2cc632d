import { describe, expect, test } from 'vitest';
import { type Release, withoutFiles, yank } from '../../../src/lib/catalog/release.js';
import { imagesOf } from '../../../src/lib/catalog/standing.js';
import { type UpgradePath, type UpgradeRequest, upgradePath } from '../../../src/lib/catalog/upgrade-path.js';
import type { Metadata } from '../../../src/lib/package/metadata.js';
import { deviceOn, imageSha256, published } from '../../support/catalogue.js';

const now = new Date('2026-06-01T00:00:00Z');
const one = published('1.0.0', { app: {} }, { channels: ['stable'] });
const two = published('2.0.0', { app: { from: { '1.0.0': 100 }, full: true } }, { channels: ['stable'] });
const three = published('3.0.0', { app: { from: { '2.0.0': 100 } } }, { channels: ['beta'] });
const chain = [one, two, three];

const ask = (releases: readonly Release[], from: string, to: string, more: Partial<UpgradeRequest> = {}): UpgradePath =>
  upgradePath({ releases, from: { version: from }, to: { version: to }, now, ...more });
const versions = (path: UpgradePath) =>
  path.outcome === 'found' ? path.steps.map(({ release, kind }) => `${release.version} ${kind}`) : path;
const obstacles = (path: UpgradePath) =>
  path.outcome === 'blocked'
    ? path.obstacles.map(({ release, after, refusals }) => [
        release.version,
        after?.version,
        ...refusals.map(({ code }) => code),
      ])
    : path;

describe('upgradePath', () => {
  test('is one step where the target has a delta for what is installed', () => {
    expect(ask(chain, '1.0.0', '2.0.0')).toEqual({
      outcome: 'found',
      from: { digest: one.digest, version: '1.0.0' },
      to: { digest: two.digest, version: '2.0.0', sequence: 200 },
      downloadBytes: 100,
      kinds: { models: ['M100'] },
      steps: [
        {
          release: { digest: two.digest, version: '2.0.0', sequence: 200 },
          cut: imageSha256('app', '1.0.0').slice(0, 8),
          kind: 'delta',
          fullFallback: false,
          downloadBytes: 100,
          applyMemoryBytes: 9000,
          storageBytes: 100,
          payloads: [
            {
              component: 'app',
              file: `app-${imageSha256('app', '1.0.0').slice(0, 8)}.bsdf2`,
              bytes: 100,
              baseSha256: imageSha256('app', '1.0.0'),
              targetSha256: imageSha256('app', '2.0.0'),
            },
          ],
          reason: { kind: 'target' },
        },
      ],
    });
  });

  test('goes by a release that is the only base of the next, and says so', () => {
    const path = ask(chain, '1.0.0', '3.0.0');
    expect(versions(path)).toEqual(['2.0.0 delta', '3.0.0 delta']);
    expect(path).toMatchObject({
      downloadBytes: 200,
      steps: [
        {
          reason: {
            kind: 'required',
            for: { version: '3.0.0' },
            refusals: [
              {
                code: 'BASE_MISMATCH',
                bases: [
                  {
                    component: 'app',
                    needed: [imageSha256('app', '2.0.0')],
                    installed: imageSha256('app', '1.0.0'),
                  },
                ],
              },
            ],
          },
        },
        { reason: { kind: 'target' } },
      ],
    });
  });

  test('falls back to the full image where no delta applies, and announces it', () => {
    expect(ask([published('0.9.0', { app: {} }), ...chain], '0.9.0', '2.0.0')).toMatchObject({
      steps: [{ kind: 'full', fullFallback: true, downloadBytes: 1000, cut: 'full' }],
    });
  });

  describe('a detour must save a quarter of the images for each step it adds', () => {
    const detour = (bytes: number) => [
      one,
      two,
      published('3.0.0', { app: { from: { '1.0.0': 600, '2.0.0': bytes } } }),
    ];
    test('at the quarter it stays one step', () => {
      expect(versions(ask(detour(250), '1.0.0', '3.0.0'))).toEqual(['3.0.0 delta']);
    });
    test('beyond it the detour is taken', () => {
      const path = ask(detour(249), '1.0.0', '3.0.0');
      expect(versions(path)).toEqual(['2.0.0 delta', '3.0.0 delta']);
      expect(path).toMatchObject({ steps: [{ reason: { kind: 'cheaper', savedBytes: 251 } }, {}] });
    });
    test.each([
      [0, ['2.0.0 delta', '3.0.0 delta']],
      [10_000, ['3.0.0 delta']],
    ])('or as much as the caller says: %i bytes', (stepBytes, expected) => {
      expect(versions(ask(detour(260), '1.0.0', '3.0.0', { stepBytes }))).toEqual(expected);
    });
    test('of equal bytes the fewest steps win', () => {
      expect(versions(ask(detour(500), '1.0.0', '3.0.0', { stepBytes: 0 }))).toEqual(['3.0.0 delta']);
    });
  });

  test('goes by the release that brings what the target depends on', () => {
    const releases = [
      published('1.0.0', { app: {}, boot: {} }),
      published('1.5.0', { boot: { version: '2.0.0', imageBytes: 10 } }),
      published('2.0.0', { app: {} }, { dependsOn: [{ component: 'boot', range: '>=2' }] }),
    ];
    expect(ask(releases, '1.0.0', '2.0.0')).toMatchObject({
      steps: [
        {
          release: { version: '1.5.0' },
          reason: {
            kind: 'required',
            for: { version: '2.0.0' },
            refusals: [{ code: 'DEPENDENCY_UNMET', unmet: [{ component: 'boot', range: '>=2', version: '1.0.0' }] }],
          },
        },
        { release: { version: '2.0.0' }, kind: 'full' },
      ],
    });
  });

  test('a step may be required by a later one than the next', () => {
    const releases = [
      published('1.0.0', { app: {}, boot: {} }),
      published('1.5.0', { boot: { version: '2.0.0' } }),
      published('2.0.0', { app: {} }),
      published('3.0.0', { app: { from: { '2.0.0': 5 } } }, { dependsOn: [{ component: 'boot', range: '2' }] }),
    ];
    expect(ask(releases, '1.0.0', '3.0.0')).toMatchObject({
      steps: [
        { release: { version: '1.5.0' }, reason: { kind: 'required', for: { version: '3.0.0' } } },
        { release: { version: '2.0.0' }, reason: { kind: 'required', for: { version: '3.0.0' } } },
        { release: { version: '3.0.0' }, reason: { kind: 'target' } },
      ],
    });
  });

  test('begins at a digest, or at images whose version nobody knows', () => {
    expect(
      versions(upgradePath({ releases: chain, from: { digest: one.digest }, to: { version: '2.0.0' }, now })),
    ).toEqual(['2.0.0 delta']);
    const base = { app: imageSha256('app', '1.0.0') };
    const path = upgradePath({ releases: [two, three], from: { images: base }, to: { digest: three.digest }, now });
    expect(versions(path)).toEqual(['2.0.0 delta', '3.0.0 delta']);
    expect(path).not.toHaveProperty('from');
  });

  test('what a device tells goes before what its version lets suppose', () => {
    const device = { ...deviceOn([one]), freeBytes: 99 };
    const path = upgradePath({ releases: chain, from: imagesOf(device), to: { version: '2.0.0' }, device, now });
    expect(versions(path)).toEqual(['2.0.0 full']);
    expect(obstacles(ask(chain, '2.0.0', '3.0.0', { device: { securityCounter: 2 } }))).toEqual([
      ['3.0.0', '2.0.0', 'COUNTER_ROLLBACK'],
    ]);
  });

  test('is empty where the target runs', () => {
    expect(ask(chain, '2.0.0', '2.0.0')).toMatchObject({ outcome: 'found', steps: [], downloadBytes: 0 });
  });

  test('without a model it tells for which devices the way is open', () => {
    const releases = [
      published('1.0.0', { app: {} }, { compatible: { models: ['A', 'B', 'C'] } }),
      published('2.0.0', { app: {} }, { compatible: { models: ['B', 'C', 'D'], hardwareRevisions: ['r2'] } }),
    ];
    expect(ask(releases, '1.0.0', '2.0.0')).toMatchObject({
      outcome: 'found',
      kinds: { models: ['B', 'C'], hardwareRevisions: ['r2'] },
    });
    expect(ask(releases, '1.0.0', '2.0.0', { device: { model: 'A', hardwareRevision: 'r2' } })).toMatchObject({
      outcome: 'blocked',
      obstacles: [{ refusals: [{ code: 'MODEL_INCOMPATIBLE', models: ['B', 'C', 'D'], device: ['A'] }] }],
    });
    expect(ask(releases, '1.0.0', '2.0.0', { device: { model: 'B' } })).toMatchObject({
      obstacles: [{ refusals: [{ code: 'HARDWARE_INCOMPATIBLE', hardwareRevisions: ['r2'], device: [] }] }],
    });
  });

  test('never leads through releases that no single model can have', () => {
    const releases = [
      published('1.0.0', { app: {} }, { compatible: { models: ['A', 'B'] } }),
      published('2.0.0', { app: { from: { '1.0.0': 1 } } }, { compatible: { models: ['A'] } }),
      published('3.0.0', { app: { from: { '2.0.0': 1 } } }, { compatible: { models: ['B'] } }),
    ];
    expect(obstacles(ask(releases, '1.0.0', '3.0.0'))).toEqual([['3.0.0', '2.0.0', 'MODEL_INCOMPATIBLE']]);
  });
});

describe('where there is no way', () => {
  test.each<[string, Release[], Partial<UpgradeRequest>, unknown[]]>([
    ['the target is yanked', [one, two, yank(three, 'bad', 0)], {}, [['3.0.0', '2.0.0', 'YANKED']]],
    [
      'the base of the target is yanked',
      [one, yank(two, 'bad', 0), three],
      {},
      [
        ['3.0.0', '1.0.0', 'BASE_MISMATCH'],
        ['2.0.0', '1.0.0', 'YANKED'],
      ],
    ],
    [
      'the files of the base are gone',
      [one, withoutFiles(two), three],
      {},
      [
        ['3.0.0', '1.0.0', 'BASE_MISMATCH'],
        ['2.0.0', '1.0.0', 'NO_ARTIFACT'],
      ],
    ],
    [
      'the base does not verify any more',
      chain,
      { verifies: new Map([[two.digest, false]]) },
      [
        ['3.0.0', '1.0.0', 'BASE_MISMATCH'],
        ['2.0.0', '1.0.0', 'SIGNATURE_REFUSED'],
      ],
    ],
    [
      'the base has expired',
      [one, published('2.0.0', { app: {} }, { expiresAt: '2026-06-01T00:00:00Z' }), three],
      {},
      [
        ['3.0.0', '1.0.0', 'BASE_MISMATCH'],
        ['2.0.0', '1.0.0', 'PACKAGE_EXPIRED'],
      ],
    ],
    [
      'the base needs another base, and that one a counter the device is above',
      [
        one,
        published('1.5.0', { app: {} }, { securityCounter: 0 }),
        published('2.0.0', { app: { from: { '1.5.0': 9 } } }),
        three,
      ],
      {},
      [
        ['3.0.0', '1.0.0', 'BASE_MISMATCH'],
        ['2.0.0', '1.0.0', 'BASE_MISMATCH'],
        ['1.5.0', '1.0.0', 'COUNTER_ROLLBACK'],
      ],
    ],
    [
      'full images are forbidden',
      [one, published('2.0.0', { app: { from: { '0.1.0': 1 }, full: true } }), three],
      { noFullFallback: true },
      [
        ['3.0.0', '1.0.0', 'BASE_MISMATCH'],
        ['2.0.0', '1.0.0', 'FULL_FALLBACK_FORBIDDEN'],
      ],
    ],
  ])('names the release in the way: %s', (_, releases, more, expected) => {
    expect(obstacles(ask(releases, '1.0.0', '3.0.0', more))).toEqual(expected);
  });

  test('gathers the bases of all cuts', () => {
    const path = ask([one, published('2.0.0', { app: { from: { '0.1.0': 1, '0.2.0': 1 } } })], '1.0.0', '2.0.0');
    const needed = [imageSha256('app', '0.1.0'), imageSha256('app', '0.2.0')];
    const bases = [{ component: 'app', needed, installed: imageSha256('app', '1.0.0') }];
    expect(path).toMatchObject({ obstacles: [{ refusals: [{ code: 'BASE_MISMATCH', bases }] }] });
  });

  test('says what is too large, and by how much', () => {
    const device = { ...deviceOn([one]), memoryBytes: 4095 };
    device.components.app!.slotBytes = 999;
    const path = upgradePath({ releases: [one, two], from: imagesOf(device), to: { version: '2.0.0' }, device, now });
    const slot = { of: 'slot', component: 'app', needed: 1000, available: 999 };
    expect(path).toMatchObject({
      outcome: 'blocked',
      obstacles: [
        {
          refusals: [
            { code: 'DOES_NOT_FIT', shortages: [slot, { of: 'memory', needed: 9000, available: 4095 }] },
            { code: 'DOES_NOT_FIT', shortages: [slot, { of: 'memory', needed: 4096, available: 4095 }] },
          ],
        },
      ],
    });
  });

  test('going back is no upgrade', () => {
    expect(ask(chain, '2.0.0', '1.0.0')).toMatchObject({
      outcome: 'blocked',
      obstacles: [{ refusals: [{ code: 'SEQUENCE_ROLLBACK', sequence: 100, running: 200 }] }],
    });
  });

  test('a name that no release has, or several have', () => {
    expect(ask(chain, '7.0.0', '2.0.0')).toEqual({ outcome: 'unknown', which: 'from' });
    expect(ask(chain, '1.0.0', '7.0.0')).toEqual({ outcome: 'unknown', which: 'to' });
    const again = published('2.0.0', { app: {} }, { sequence: 201, compatible: { models: ['M200'] } });
    expect(ask([...chain, again], '1.0.0', '2.0.0')).toMatchObject({ outcome: 'found', to: { sequence: 200 } });
    const twice = published('2.0.0', { app: {} }, { sequence: 202 });
    expect(ask([...chain, twice], '1.0.0', '2.0.0')).toMatchObject({
      outcome: 'ambiguous',
      which: 'to',
      releases: [{ sequence: 200 }, { sequence: 202 }],
    });
  });
});

describe('among hundreds of releases', () => {
  const many = (count: number, full: boolean, last: Partial<Metadata> = {}): Release[] =>
    Array.from({ length: count }, (_, index) => {
      const bases = [1, 2, 3, 4, 5].filter((back) => back <= index).map((back) => [`1.${index - back}.0`, 100]);
      const isLast = index === count - 1;
      return published(
        `1.${index}.0`,
        { app: { from: Object.fromEntries(bases), full, imageBytes: 100_000 } },
        { sequence: index, ...(isLast && last) },
      );
    });
  const unmet = { dependsOn: [{ component: 'boot', range: '2' }] };

  test('a long chain of deltas is found', () => {
    const path = ask(many(301, false), '1.0.0', '1.300.0');
    expect(path).toMatchObject({ outcome: 'found', downloadBytes: 6000 });
    expect(versions(path)).toHaveLength(60);
  });

  test('that none of them leads there is known where few apply at a time', () => {
    const path = ask(many(301, false, unmet), '1.0.0', '1.300.0');
    expect(path).toMatchObject({ outcome: 'blocked', obstacles: [{ refusals: [{ code: 'DEPENDENCY_UNMET' }] }] });
  });

  test('where there are too many ways to try them all, it says so, with what is known', () => {
    const path = ask(many(340, true, unmet), '1.0.0', '1.339.0');
    expect(path).toMatchObject({ outcome: 'undecided', obstacles: [{ refusals: [{ code: 'DEPENDENCY_UNMET' }] }] });
  });

  test('takes no more work than it is allowed', () => {
    expect(ask(chain, '1.0.0', '3.0.0', { maxJudgements: 1 })).toMatchObject({ outcome: 'undecided' });
    expect(ask(chain, '1.0.0', '3.0.0', { maxJudgements: 10 })).toMatchObject({ outcome: 'found' });
  });
});

describe('the head of a channel', () => {
  const follow = (releases: readonly Release[], from: string, channel: string, more: Partial<UpgradeRequest> = {}) =>
    upgradePath({ releases, from: { version: from }, to: { channel }, now, ...more });

  test('is its newest release by sequence', () => {
    expect(versions(follow(chain, '1.0.0', 'stable'))).toEqual(['2.0.0 delta']);
  });

  test('an eager channel has what is in the careful ones too', () => {
    expect(versions(follow(chain, '1.0.0', 'beta'))).toEqual(['2.0.0 delta', '3.0.0 delta']);
    expect(versions(follow([one, two], '1.0.0', 'nightly'))).toEqual(['2.0.0 delta']);
  });

  test('passes over what is not for the device', () => {
    const other = published('2.5.0', { app: {} }, { channels: ['stable'], compatible: { models: ['M200'] } });
    expect(versions(follow([...chain, other], '1.0.0', 'stable'))).toEqual(['2.0.0 delta']);
    expect(
      versions(follow([...chain, yank(other, 'bad', 0)], '1.0.0', 'stable', { device: { model: 'M200' } })),
    ).toMatchObject({
      outcome: 'no-head',
    });
  });

  test('is reached through its own channel only', () => {
    const four = published('4.0.0', { app: { from: { '3.0.0': 1 } } }, { channels: ['stable'] });
    expect(obstacles(follow([...chain, four], '2.0.0', 'stable'))).toEqual([
      ['4.0.0', '2.0.0', 'BASE_MISMATCH'],
      ['3.0.0', '2.0.0', 'OUTSIDE_CHANNEL'],
    ]);
    expect(versions(follow([...chain, four], '2.0.0', 'beta'))).toEqual(['3.0.0 delta', '4.0.0 delta']);
  });

  test('does not exist for a device that is ahead of the channel, with the reason for each release', () => {
    expect(follow(chain, '3.0.0', 'stable')).toEqual({
      outcome: 'no-head',
      channel: 'stable',
      passedOver: [
        {
          release: { digest: two.digest, version: '2.0.0', sequence: 200 },
          refusals: [{ code: 'SEQUENCE_ROLLBACK', sequence: 200, running: 300 }],
        },
        {
          release: { digest: one.digest, version: '1.0.0', sequence: 100 },
          refusals: [{ code: 'SEQUENCE_ROLLBACK', sequence: 100, running: 300 }],
        },
      ],
    });
  });

  test('a channel that does not exist is no empty channel', () => {
    expect(follow(chain, '1.0.0', 'canary')).toEqual({ outcome: 'unknown-channel', channel: 'canary' });
    expect(versions(follow(chain, '1.0.0', 'canary', { channels: ['canary'] }))).toMatchObject({ outcome: 'no-head' });
  });
});

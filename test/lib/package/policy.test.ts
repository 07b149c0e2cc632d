import { describe, expect, test } from 'vitest';
import type { DeviceState } from '../../../src/lib/package/device-state.js';
import { parseDeviceState } from '../../../src/lib/package/device-state.js';
import type { Metadata, PayloadEntry } from '../../../src/lib/package/metadata.js';
import { judgePackage, requireAccepted } from '../../../src/lib/package/policy.js';
import type { PolicyInput } from '../../../src/lib/package/policy-checks.js';
import { fullPayload, releaseMetadata } from '../../support/packages.js';

const digest = 'd'.repeat(64);
const other = 'e'.repeat(64);
const installed = '1'.repeat(64);
const { entry: full } = fullPayload(Buffer.alloc(10_000, 7));
const delta: PayloadEntry = {
  ...full,
  format: 'bsdf2',
  file: 'app-11111111.bsdf2',
  size: 900,
  chunkSha256: [full.sha256],
  base: { version: '1.0.0', size: 9, sha256: installed },
  applyMemoryBytes: 5000,
  storageBytes: 900,
};
const metadata = (changes: Partial<Metadata> = {}, payloads = [delta, full]): Metadata =>
  releaseMetadata(payloads, changes);
const device = (changes: Partial<DeviceState> = {}): DeviceState => ({
  spec: 'ota-fleet-device/1',
  product: 'meter',
  model: 'M100',
  components: { app: { version: '1.0.0', sha256: installed } },
  running: { digest: other, version: '1.0.0', sequence: 1 },
  history: [],
  securityCounter: 0,
  ...changes,
});
const judge = (release: Metadata, state: DeviceState, input: Partial<PolicyInput> = {}) =>
  judgePackage(release, state, {
    name: 'x.ota',
    digest,
    contained: new Set(release.payloads.map(({ file }) => file)),
    now: new Date('2026-06-01T00:00:00Z'),
    ...input,
  });
const codes = (...given: Parameters<typeof judge>) =>
  judge(...given).checks.flatMap(({ failures }) => failures.map(({ code }) => code));

describe('judgePackage', () => {
  test('accepts the next release and takes the delta that fits', () => {
    const verdict = judge(metadata(), device());
    expect(verdict.checks.flatMap(({ failures }) => failures)).toEqual([]);
    expect(verdict.selected.map(({ entry }) => entry.file)).toEqual(['app-11111111.bsdf2']);
    expect(() => requireAccepted(verdict)).not.toThrow();
  });

  test.each<[string, string, Partial<Metadata>, Partial<DeviceState>, Partial<PolicyInput>?]>([
    ['another product', 'PRODUCT_MISMATCH', { product: 'pump' }, {}],
    ['another model', 'MODEL_INCOMPATIBLE', {}, { model: 'M200' }],
    [
      'another hardware revision',
      'HARDWARE_INCOMPATIBLE',
      { compatible: { models: ['M100'], hardwareRevisions: ['B'] } },
      { hardwareRevision: 'A' },
    ],
    [
      'an unknown hardware revision',
      'HARDWARE_INCOMPATIBLE',
      { compatible: { models: ['M100'], hardwareRevisions: ['B'] } },
      {},
    ],
    [
      'a lower sequence',
      'SEQUENCE_ROLLBACK',
      { sequence: 4 },
      { running: { digest: other, version: '5.0.0', sequence: 5 } },
    ],
    [
      'the same sequence with another digest',
      'SEQUENCE_CONFLICT',
      { sequence: 5 },
      { running: { digest: other, version: '5.0.0', sequence: 5 } },
    ],
    ['a counter below the stored one', 'COUNTER_ROLLBACK', { securityCounter: 1 }, { securityCounter: 2 }],
    ['an expired package', 'PACKAGE_EXPIRED', { expiresAt: '2026-06-01T00:00:00Z' }, {}],
    [
      'a package expired by the time floor, with the clock set back',
      'PACKAGE_EXPIRED',
      { expiresAt: '2027-01-01T00:00:00Z' },
      { timeFloor: '2027-01-02T00:00:00Z' },
    ],
    [
      'an image too large for its slot',
      'DOES_NOT_FIT',
      {},
      { components: { app: { sha256: installed, slotBytes: 9_999 } } },
    ],
    ['too little memory for delta and full image', 'DOES_NOT_FIT', {}, { memoryBytes: 4095 }],
    [
      'too little storage, and the full image forbidden',
      'DOES_NOT_FIT',
      {},
      { freeBytes: 899 },
      { noFullFallback: true },
    ],
    [
      'an unmet dependency',
      'DEPENDENCY_UNMET',
      { dependsOn: [{ component: 'boot', range: '>=2' }] },
      { components: { app: { sha256: installed }, boot: { version: '1.9.0', sha256: other } } },
    ],
    [
      'a dependency the device does not tell',
      'DEPENDENCY_UNMET',
      { dependsOn: [{ component: 'boot', range: '*' }] },
      {},
    ],
    [
      'full images where they are forbidden',
      'FULL_FALLBACK_FORBIDDEN',
      {},
      { components: { app: { sha256: other } } },
      { noFullFallback: true },
    ],
  ])('refuses %s', (_, code, release, state, input) => {
    const verdict = judge(metadata(release), device(state), input);
    expect(verdict.checks.flatMap(({ failures }) => failures.map((failure) => failure.code))).toEqual([code]);
    expect(() => requireAccepted(verdict)).toThrow(expect.objectContaining({ code, exitCode: 5 }));
  });

  // "constructor" is a property of every object.
  test.each(['boot', 'constructor'])('refuses component %s, which the device does not have', (component) => {
    const entry = { ...full, component, file: `${component}-full.full` };
    expect(codes(metadata({}, [entry]), device())).toEqual(['COMPONENT_MISSING']);
  });

  test('tells every refusal at once', () => {
    const release = metadata({ product: 'pump', sequence: 0, expiresAt: '2020-01-01T00:00:00Z' });
    expect(codes(release, device({ model: 'M200', securityCounter: 9 }))).toEqual([
      'PRODUCT_MISMATCH',
      'MODEL_INCOMPATIBLE',
      'SEQUENCE_ROLLBACK',
      'COUNTER_ROLLBACK',
      'PACKAGE_EXPIRED',
    ]);
  });

  test('takes the release that runs already for done, whatever is installed', () => {
    const verdict = judge(
      metadata({ sequence: 5 }),
      device({ running: { digest, version: '2.0.0', sequence: 5 }, components: { app: { sha256: other } } }),
      { noFullFallback: true },
    );
    expect(verdict.alreadyRunning).toBe(true);
    expect(() => requireAccepted(verdict)).not.toThrow();
  });

  test('offers a release again that the device has reverted', () => {
    const state = device({ history: [{ digest, version: '2.0.0', sequence: 2 }] });
    expect(codes(metadata(), state)).toEqual([]);
  });

  test('refuses a package with no payload for the installed image, all components or none', () => {
    const modem = fullPayload(Buffer.alloc(500, 3), { component: 'modem' }).entry;
    const release = metadata({}, [delta, modem]);
    const components = { app: { sha256: other }, modem: { sha256: other } };
    const verdict = judge(release, device({ components }));
    expect(verdict.checks.flatMap(({ failures }) => failures.map(({ code }) => code))).toEqual(['BASE_MISMATCH']);
  });

  test('counts a payload as there only if the container holds it', () => {
    expect(codes(metadata(), device(), { contained: new Set(['app-full.full']), noFullFallback: true })).toEqual([
      'FULL_FALLBACK_FORBIDDEN',
    ]);
    expect(
      codes(metadata(), device({ components: { app: { sha256: other } } }), { contained: new Set([delta.file]) }),
    ).toEqual(['BASE_MISMATCH']);
  });

  test('takes the full image where the updater does not know the format of the delta', () => {
    const verdict = judge(metadata(), device({ formats: ['full'] }));
    expect(verdict.selected).toMatchObject([{ entry: { format: 'full' }, fullFallback: true }]);
  });

  describe('of several deltas for its base, the device takes', () => {
    const smaller: PayloadEntry = {
      ...delta,
      format: 'bsdiff40',
      file: 'app-11111111.bsdiff40',
      size: 500,
      storageBytes: 0,
    };
    smaller.applyMemoryBytes = 9000;
    const both = [delta, smaller, full];

    test.each<[string, string, Partial<DeviceState>, PayloadEntry[]?]>([
      ['the smallest', 'app-11111111.bsdiff40', {}],
      ['the smallest it knows', 'app-11111111.bsdf2', { formats: ['full', 'bsdf2'] }],
      ['the smallest it has the memory for', 'app-11111111.bsdf2', { memoryBytes: 8999 }],
      ['the smallest it has the storage for', 'app-11111111.bsdiff40', { freeBytes: 899 }],
      ['the full image where it has the memory for no delta', 'app-full.full', { memoryBytes: 4999 }],
      ['the full image where it has the storage for none', 'app-full.full', { freeBytes: 899 }, [delta, full]],
    ])('%s', (_, file, state, payloads = both) => {
      const verdict = judge(metadata({}, payloads), device(state));
      expect(verdict.checks.flatMap(({ failures }) => failures)).toEqual([]);
      expect(verdict.selected.map(({ entry }) => entry.file)).toEqual([file]);
    });

    test('what leaves room for the other components', () => {
      const modem = both.map((entry) => ({ ...entry, component: 'modem', file: entry.file.replace('app', 'modem') }));
      const image = { version: '1.0.0', sha256: installed };
      const state = device({ components: { app: image, modem: image }, freeBytes: 1000, memoryBytes: 8000 });
      const verdict = judge(metadata({}, [...both, ...modem]), state);
      expect(verdict.checks.flatMap(({ failures }) => failures)).toEqual([]);
      expect(verdict.selected.map(({ entry }) => entry.file)).toEqual(['app-11111111.bsdf2', 'modem-full.full']);
    });
  });

  describe('after a fast-forward attack', () => {
    const stolen = 'a'.repeat(64);
    const kept = 'c'.repeat(64);
    const attacked = device({
      running: { digest: other, version: '9.9.9', sequence: Number.MAX_SAFE_INTEGER, releaseKeyids: [stolen, kept] },
      securityCounter: 2 ** 32 - 1,
    });

    test('still refuses while the stolen key is trusted', () => {
      expect(codes(metadata(), attacked, { trustedKeyids: new Set([stolen]) })).toEqual([
        'SEQUENCE_ROLLBACK',
        'COUNTER_ROLLBACK',
      ]);
    });

    test('still refuses while another key is trusted that signed older packages', () => {
      expect(codes(metadata(), attacked, { trustedKeyids: new Set([kept, 'b'.repeat(64)]) })).toEqual([
        'SEQUENCE_ROLLBACK',
        'COUNTER_ROLLBACK',
      ]);
    });

    test('accepts again once the trust root has retired every key of that time', () => {
      expect(codes(metadata(), attacked, { trustedKeyids: new Set(['b'.repeat(64)]) })).toEqual([]);
    });

    test('does not lift the floors where the keys of that time are not known', () => {
      const forgetful = device({
        ...attacked,
        running: { digest: other, version: '9.9.9', sequence: Number.MAX_SAFE_INTEGER },
      });
      expect(codes(metadata(), forgetful, { trustedKeyids: new Set() })).toEqual([
        'SEQUENCE_ROLLBACK',
        'COUNTER_ROLLBACK',
      ]);
    });
  });

  describe('an explicit rollback', () => {
    const running = { digest: other, version: '3.0.0', sequence: 9, rollback: { allowed: true, minVersion: '2.0.0' } };
    const history = [{ digest, version: '2.0.0', sequence: 2 }];
    const rollback = { intent: 'rollback' as const };

    test('may lower the sequence and ignores expiry', () => {
      expect(codes(metadata({ expiresAt: '2020-01-01T00:00:00Z' }), device({ running, history }), rollback)).toEqual(
        [],
      );
    });

    test.each<[string, string, Partial<Metadata>, Partial<DeviceState>]>([
      ['to a release the device never ran', 'ROLLBACK_FORBIDDEN', {}, { running, history: [] }],
      [
        'from a release that forbids it',
        'ROLLBACK_FORBIDDEN',
        {},
        { running: { ...running, rollback: { allowed: false } }, history },
      ],
      [
        'from a release that does not speak of it',
        'ROLLBACK_FORBIDDEN',
        {},
        { running: { ...running, rollback: undefined }, history },
      ],
      ['below the version it allows', 'ROLLBACK_FORBIDDEN', { version: '1.9.9' }, { running, history }],
      [
        'below the stored counter',
        'COUNTER_ROLLBACK',
        { securityCounter: 1 },
        { running, history, securityCounter: 2 },
      ],
    ])('is refused %s', (_, code, release, state) => {
      expect(codes(metadata(release), device(state), rollback)).toEqual([code]);
    });
  });
});

describe('parseDeviceState', () => {
  const state = JSON.stringify(device());

  test('takes a whole state', () => {
    expect(parseDeviceState(Buffer.from(state), 'd.json')).toEqual(device());
  });

  test.each<[string, string, string]>([
    ['without its counter', 'DEVICE_STATE_INVALID', state.replace('"securityCounter":0', '"x":0')],
    ['without its history', 'DEVICE_STATE_INVALID', state.replace('"history":[]', '"x":[]')],
    ['cut short', 'JSON_INVALID', state.slice(0, -5)],
    ['that is empty', 'JSON_INVALID', ''],
    [
      'with a version to go back to that is none',
      'DEVICE_STATE_INVALID',
      JSON.stringify(
        device({ running: { digest, version: '1.0.0', sequence: 1, rollback: { allowed: true, minVersion: 'x' } } }),
      ),
    ],
  ])('refuses a state %s: deleting a floor must not lift it', (_, code, text) => {
    expect(() => parseDeviceState(Buffer.from(text), 'd.json')).toThrow(expect.objectContaining({ code, exitCode: 4 }));
  });
});

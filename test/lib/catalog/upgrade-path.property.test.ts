import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Release } from '../../../src/lib/catalog/release.js';
import { imagesOf } from '../../../src/lib/catalog/standing.js';
import { upgradePath } from '../../../src/lib/catalog/upgrade-path.js';
import type { DeviceState } from '../../../src/lib/package/device-state.js';
import { targetsOf } from '../../../src/lib/package/metadata.js';
import { judgePackage } from '../../../src/lib/package/policy.js';
import { deviceOn, published } from '../../support/catalogue.js';
import '../../support/property-seed.js';

const now = new Date('2026-06-01T00:00:00Z');

interface Shape {
  /** Size of the delta from each earlier release, 0: none. */
  deltas: number[];
  full: boolean;
  boot: boolean;
  needsBoot: number;
  counter: number;
  model: boolean;
}

const shape: fc.Arbitrary<Shape> = fc.record({
  deltas: fc.array(fc.integer({ min: -300, max: 300 }), { minLength: 6, maxLength: 6 }),
  full: fc.boolean(),
  boot: fc.boolean(),
  needsBoot: fc.integer({ min: -8, max: 6 }),
  counter: fc.integer({ min: 0, max: 2 }),
  model: fc.integer({ min: 0, max: 5 }).map((value) => value > 0),
});

/** A small catalogue of one product: `app` in every release, `boot` in some. */
const catalogue = fc.array(shape, { minLength: 2, maxLength: 6 }).map((shapes) =>
  shapes.map(({ deltas, full, boot, needsBoot, counter, model }, index) => {
    const version = `${index + 1}.0.0`;
    const from = Object.fromEntries(
      deltas.slice(0, index).flatMap((bytes, base) => (bytes > 0 ? [[`${base + 1}.0.0`, bytes]] : [])),
    );
    const brought = { app: { from, full }, ...((boot || index === 0) && { boot: { imageBytes: 40 } }) };
    return published(version, brought, {
      securityCounter: counter,
      ...(needsBoot > 0 && { dependsOn: [{ component: 'boot', range: `>=${needsBoot}` }] }),
      compatible: { models: model ? ['M100', 'M200'] : ['M200'] },
    });
  }),
);

function install(device: DeviceState, { digest, metadata }: Release): DeviceState {
  const brought = [...targetsOf(metadata)].map(([name, { version, sha256 }]) => [name, { version, sha256 }]);
  return {
    ...device,
    components: { ...device.components, ...Object.fromEntries(brought) },
    running: { digest, version: metadata.version, sequence: metadata.sequence },
    securityCounter: Math.max(device.securityCounter, metadata.securityCounter),
  };
}

function accepts(device: DeviceState, { digest, metadata }: Release, files: readonly string[]): boolean {
  const { checks } = judgePackage(metadata, device, { name: 'x', digest, contained: new Set(files), now });
  return checks.every(({ failures }) => failures.length === 0);
}

/** Every way there is, by trying them all: its cost. */
function* allCosts(
  device: DeviceState,
  releases: readonly Release[],
  target: Release,
  stepBytes: number,
): Generator<number> {
  if (device.running?.digest === target.digest) yield 0;
  for (const release of releases) {
    if (release.metadata.sequence <= (device.running?.sequence ?? -1)) continue;
    for (const { files, bytes } of release.cuts) {
      if (!accepts(device, release, files)) continue;
      for (const rest of allCosts(install(device, release), releases, target, stepBytes))
        yield bytes + stepBytes + rest;
    }
  }
}

test('costs as little as the best of all ways, and there is none where there is none', () => {
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(catalogue, fc.integer({ min: 0, max: 400 }), (releases, stepBytes) => {
      const device = deviceOn([releases[0]!]);
      const target = releases.at(-1)!;
      const path = upgradePath({
        releases,
        from: imagesOf(device),
        to: { digest: target.digest },
        device,
        stepBytes,
        now,
      });
      const costs = [...allCosts(device, releases, target, stepBytes)];
      outcomes.add(path.outcome);
      if (path.outcome !== 'found') {
        expect([path.outcome, costs]).toEqual(['blocked', []]);
        return;
      }
      if (path.steps.length > 1) outcomes.add('several steps');
      expect(path.downloadBytes + stepBytes * path.steps.length).toBe(Math.min(...costs));
    }),
    { numRuns: 500 },
  );
  // Or the property would hold of nothing.
  expect([...outcomes].sort()).toEqual(['blocked', 'found', 'several steps']);
});

test('every step is accepted by policy where the step before has led, and its bases are what that installed', () => {
  fc.assert(
    fc.property(catalogue, (releases) => {
      let device = deviceOn([releases[0]!]);
      const target = releases.at(-1)!;
      const path = upgradePath({ releases, from: imagesOf(device), to: { digest: target.digest }, device, now });
      if (path.outcome !== 'found') return;
      for (const { release, payloads, downloadBytes, cut } of path.steps) {
        const taken = releases.find(({ digest }) => digest === release.digest)!;
        const { files, bytes } = taken.cuts.find(({ label }) => label === cut)!;
        expect(accepts(device, taken, files)).toBe(true);
        expect(payloads.reduce((sum, payload) => sum + payload.bytes, 0)).toBe(downloadBytes);
        expect(bytes).toBe(downloadBytes);
        for (const { component, baseSha256 } of payloads) {
          if (baseSha256 !== undefined) expect(baseSha256).toBe(device.components[component]?.sha256);
        }
        device = install(device, taken);
        for (const { component, targetSha256 } of payloads) {
          expect(device.components[component]?.sha256).toBe(targetSha256);
        }
      }
      expect(device.running?.digest).toBe(target.digest);
    }),
    { numRuns: 500 },
  );
});

test('a blocked way names the target first, and no release without a refusal', () => {
  fc.assert(
    fc.property(catalogue, (releases) => {
      const target = releases.at(-1)!;
      const path = upgradePath({ releases, from: { version: '1.0.0' }, to: { digest: target.digest }, now });
      if (path.outcome !== 'blocked') return;
      expect(path.obstacles[0]?.release.digest).toBe(target.digest);
      for (const { refusals } of path.obstacles) expect(refusals).not.toEqual([]);
    }),
    { numRuns: 300 },
  );
});

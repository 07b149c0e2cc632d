import { describe, expect, test } from 'vitest';
import { publishedRelease, type Release } from '../../../src/lib/catalog/release.js';
import { type RollbackTarget, rollbackTarget } from '../../../src/lib/catalog/rollback-target.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { openDevice } from '../../../src/lib/device/device.js';
import { deviceStateOf } from '../../../src/lib/device/device-state-of.js';
import { openForDevice } from '../../../src/lib/device/package-for-device.js';
import { rollbackDevice } from '../../../src/lib/device/rollback.js';
import { smallLayout } from '../../support/boot-control.js';
import {
  type DeviceLife,
  deltaPayload,
  newDevice,
  randomImage,
  release,
  releaseOf,
} from '../../support/device-life.js';
import { fullPayload } from '../../support/packages.js';

const name = 'the device';

const damage = ({ machine }: DeviceLife, file: string) => machine.fs.write(file, 0, Buffer.alloc(16));

/**
 * What is foretold of a device by what it reports, beside what it does when it is asked.
 * @param found sound images in slots, where that is not what its boot control says
 */
async function compare(life: DeviceLife, packages: readonly Buffer[], found: Record<string, string[]> = {}) {
  const opened = await Promise.all(
    packages.map((bytes) => openForDevice(life.machine, name, memoryAccess(bytes, 'any.ota'))),
  );
  const releases: Release[] = opened.map(({ pkg }, index) => publishedRelease(pkg, packages[index]!.length));
  const control = await life.control();
  const slots = Object.entries(control.slots).map(([component, held]) => [
    component,
    Object.values(held).map(({ sha256 }) => sha256),
  ]);
  const foretold = rollbackTarget({
    device: await deviceStateOf(await openDevice(life.machine, name)),
    releases,
    rules: { now: life.machine.clock.now(), verifies: new Map(releases.map(({ digest }) => [digest, true])) },
    slots: { ...Object.fromEntries(slots), ...found },
    recorded: new Map(control.releases.map(({ digest, images }) => [digest, images])),
  });
  const sources = packages.map((bytes) => memoryAccess(bytes, 'any.ota'));
  const done = await rollbackDevice(life.machine, { name, packages: sources, dryRun: true }).catch(
    ({ code }: { code: string }) => ({ version: code, rejected: [], components: [] }),
  );
  return { foretold, done };
}

const outcomes = ({ candidates }: RollbackTarget) =>
  candidates.map(({ release: { version }, outcome }) => `${version} ${outcome}`);

describe('what is foretold of a rollback is what a device does', () => {
  test('it returns to the newest that a slot holds, without a download', async () => {
    await using life = await newDevice();
    const packages = [await release(2, { app: randomImage(3000) }), await release(3, { app: randomImage(3000) })];
    for (const bytes of packages) await life.update(bytes);
    const { foretold, done } = await compare(life, packages);
    expect(done.version).toBe('2.0.0');
    expect(foretold).toMatchObject({
      certain: true,
      target: { release: { version: '2.0.0' }, storage: { kept: ['app', 'modem'], fetched: [] } },
    });
    // Of what the factory put there the catalogue knows nothing.
    expect(outcomes(foretold)).toEqual(['2.0.0 passed', '1.0.0 unknown']);
  });

  test('it fetches what no slot holds any more, and only that', async () => {
    await using life = await newDevice();
    const packages = [
      await release(2, { app: randomImage(3000), modem: randomImage(1500) }),
      await release(3, { app: randomImage(3100) }),
      await release(4, { app: randomImage(3200) }),
    ];
    for (const bytes of packages) await life.update(bytes);
    await damage(life, 'app.a.image');
    const { foretold, done } = await compare(life, [packages[0]!, packages[2]!], { app: [] });
    expect(outcomes(foretold)).toEqual(['3.0.0 unknown', '2.0.0 passed', '1.0.0 unknown']);
    expect(foretold.target?.storage).toMatchObject({ kept: ['modem'], fetched: [{ component: 'app', bytes: 3000 }] });
    expect(done).toMatchObject({ version: '2.0.0', rejected: [{ version: '3.0.0' }] });
    expect(done.components).toMatchObject([{ component: 'app', file: 'app-full.full' }, { component: 'modem' }]);
  });

  test('it may choose what only the slots hold, and then nothing is said for certain', async () => {
    await using life = await newDevice();
    const packages = [await release(2, { app: randomImage(3000) }), await release(3, { app: randomImage(3100) })];
    for (const bytes of packages) await life.update(bytes);
    const { foretold, done } = await compare(life, [packages[1]!]);
    expect(outcomes(foretold)).toEqual(['2.0.0 unknown', '1.0.0 unknown']);
    expect(foretold.certain).toBe(false);
    expect(done.version).toBe('2.0.0');
  });

  test('it passes over what the counter and the smallest version forbid', async () => {
    await using life = await newDevice({ layout: smallLayout });
    const packages = [
      await release(2, { app: randomImage(3000) }),
      await release(3, { app: randomImage(3000) }, { securityCounter: 5 }),
      await release(4, { app: randomImage(3000) }, { securityCounter: 5 }),
    ];
    for (const bytes of packages) await life.update(bytes);
    const first = await compare(life, packages);
    expect(first.done.version).toBe('3.0.0');
    expect(outcomes(first.foretold)).toEqual(['3.0.0 passed', '2.0.0 refused', '1.0.0 unknown']);

    const last = await release(
      5,
      { app: randomImage(3000) },
      {
        securityCounter: 5,
        rollback: { allowed: true, minVersion: '4.5.0' },
      },
    );
    await life.update(last);
    const second = await compare(life, [...packages, last]);
    expect(second.done.version).toBe('NO_ROLLBACK_TARGET');
    expect(second.foretold).not.toHaveProperty('target');
    expect(second.foretold.certain).toBe(true);
  });

  test('it takes a delta back from what runs', async () => {
    await using life = await newDevice();
    const image2 = randomImage(3000);
    const image3 = Buffer.concat([image2.subarray(0, 2000), randomImage(1000)]);
    const packages = [
      await releaseOf(2, [await deltaPayload(image3, image2), fullPayload(image2)]),
      await release(3, { app: image3 }),
    ];
    for (const bytes of packages) await life.update(bytes);
    await damage(life, 'app.b.image');
    const { foretold, done } = await compare(life, packages, { app: [] });
    expect(foretold.target).toMatchObject({ release: { version: '2.0.0' }, storage: { fetched: [{ kind: 'delta' }] } });
    expect(done.version).toBe('2.0.0');
    expect(done.components).toMatchObject([{ file: foretold.target?.storage.fetched[0]?.file }, {}]);
  });

  test('after it went back, nothing newer is a way back', async () => {
    await using life = await newDevice();
    const packages = [await release(2, { app: randomImage(3000) }), await release(3, { app: randomImage(3000) })];
    for (const bytes of packages) await life.update(bytes);
    await rollbackDevice(life.machine, { name });
    await life.boot();
    await life.confirm();
    const { foretold, done } = await compare(life, packages);
    expect(outcomes(foretold)).toEqual(['1.0.0 unknown']);
    expect(done.version).toBe('NO_ROLLBACK_TARGET');
  });
});

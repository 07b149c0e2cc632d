import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { MAX_RELEASES } from '../../../src/lib/device/boot-control-schema.js';
import { packageDigest } from '../../../src/lib/package/authenticate.js';
import { openContainer } from '../../../src/lib/package/container.js';
import type { VirtualDevice } from '../../../src/lib/swarm/device.js';
import { factoryVersions } from '../../../src/lib/swarm/factory-versions.js';
import { afterPackage, factoryInstalled, type Installed, type Release } from '../../../src/lib/swarm/installed.js';
import { Installer } from '../../../src/lib/swarm/installer.js';
import { attributesOf } from '../../../src/lib/swarm/perform.js';
import { DEFAULT_PROFILE, parseProfile, type SwarmProfile } from '../../../src/lib/swarm/profile.js';
import { runSwarm } from '../../../src/lib/swarm/run-swarm.js';
import { SharedFiles } from '../../../src/lib/swarm/shared-files.js';
import { Tally } from '../../../src/lib/swarm/tally.js';
import { trustKeys } from '../../../src/lib/trust/trust-policy.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { leapingTime } from '../../support/leaping-time.js';
import { fullPayload, releaseMetadata, smallPackage, testSigner } from '../../support/packages.js';
import { packed, releaseSigner } from '../server/artifacts/upload-fixture.js';
import { publish, trustRootOf } from '../server/catalog/catalogue-fixture.js';
import { startTestServer } from '../server/server-fixture.js';

const trustOf = (...signers: ReturnType<typeof testSigner>[]) => ({
  anchor: {
    forContainer: () =>
      trustKeys(
        signers.map(({ publicKey }) => publicKey),
        {},
      ),
  },
  allowTestKeys: false,
});
const now = new Date('2026-11-29T00:00:00Z');
const device = { model: 'M100', hardwareRevision: undefined } as VirtualDevice;
const meters: SwarmProfile = { ...DEFAULT_PROFILE, product: 'meter', models: [{ model: 'M100', weight: 1 }] };
const [one, two] = [Buffer.alloc(20_000, 'image one '), Buffer.alloc(20_000, 'image two ')];
const first = (changes = {}, signer = testSigner(1)) =>
  smallPackage(one, { version: '1.0.0', sequence: 1, ...changes }, [signer]);
const second = (changes = {}) => smallPackage(two, { rollback: { allowed: true }, ...changes });

let folder: TestFolder;
let files: SharedFiles;
beforeEach(async () => {
  folder = await testFolder();
  files = await SharedFiles.open();
});
afterEach(async () => {
  await files[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function factory(
  bytes: Buffer,
  changes: object = {},
  trust: ReturnType<typeof trustOf> | null = trustOf(testSigner(1)),
): Promise<Installed> {
  await writeFile(folder.file('factory.ota'), bytes);
  const versions = [{ package: 'factory.ota', weight: 1, images: {}, securityCounter: 0, ...changes }];
  const profile = { ...meters, versions };
  const installed = await factoryVersions(profile, { folder: folder.path, files, trust: trust ?? undefined, now });
  return [...installed.values()][0]!;
}

/** Gives a device a package, as its server does. */
async function give(bytes: Buffer, to: Installed, trust = trustOf(testSigner(1))): Promise<Installed> {
  const sha256 = hash('sha256', bytes);
  const filling = files.begin(sha256);
  await filling?.write(bytes);
  await filling?.commit();
  const options = { product: 'meter', ...trust, verify: 'once' as const, files, tally: new Tally() };
  const installer = new Installer({ ...options, now: () => now, signal: new AbortController().signal });
  return (await installer.install(device, sha256, to, 'offered'))!;
}

async function digestOf(bytes: Buffer): Promise<string> {
  const { metadataBytes } = await openContainer(memoryAccess(bytes, 'x.ota'));
  return packageDigest(metadataBytes);
}

describe('a device that is given what it ran before', () => {
  test('goes back to the package it came with, and can have the newer one again', async () => {
    const [old, newer] = [await first(), await second()];
    const [oldDigest, newDigest] = [await digestOf(old), await digestOf(newer)];
    const updated = await give(newer, await factory(old));
    expect(updated).toMatchObject({ running: { digest: newDigest }, history: [{ digest: oldDigest, sequence: 1 }] });
    const back = await give(old, updated);
    expect(back).toMatchObject({
      version: '1.0.0',
      components: { app: { version: '2.0.0', sha256: hash('sha256', one) } },
      running: { digest: oldDigest, sequence: 1, releaseKeyids: [testSigner(1).publicKey.keyid] },
      history: [{ digest: newDigest, version: '2.0.0', sequence: 2 }],
      securityCounter: 1,
    });
    const again = await give(newer, back);
    expect(again).toMatchObject({ running: { digest: newDigest }, history: [{ digest: oldDigest }] });
  });

  test('goes back although the release has expired', async () => {
    const expired = await first({ expiresAt: '2026-01-01T00:00:00Z' });
    const updated = await give(await second(), await factory(expired));
    expect(await give(expired, updated)).toMatchObject({ version: '1.0.0' });
  });

  test('takes the images from its other slots where the package does not hold what they are made from', async () => {
    const full = fullPayload(one, { version: '1.0.0' });
    const base = { size: 1, sha256: hash('sha256', 'something that nobody runs') };
    const file = `app-${base.sha256.slice(0, 8)}.bsdiff40`;
    const delta = {
      entry: { ...full.entry, format: 'bsdiff40' as const, file, base },
      content: { ...full.content, file },
    };
    const changes = { version: '1.0.0', sequence: 1 };
    const signed = trustOf(testSigner(1), releaseSigner);
    const deltaOnly = await packed([delta], changes);
    const updated = await give(await second(), await factory(deltaOnly, {}, signed), signed);
    expect(updated.spares.get('app')).toBe(hash('sha256', one));
    expect(await give(deltaOnly, updated, signed)).toMatchObject({ version: '1.0.0' });
    const elsewhere = { ...updated, spares: new Map() };
    await expect(give(deltaOnly, elsewhere, signed)).rejects.toMatchObject({ code: 'NO_ROLLBACK_TARGET' });
  });

  test('takes components back that the earlier release did not bring, as long as they are in a slot', async () => {
    const signed = trustOf(testSigner(1), releaseSigner);
    const part = (component: string, image: Buffer, version: string) => fullPayload(image, { component, version });
    const modem = (number: number) => Buffer.alloc(5_000, `modem ${number} `);
    const both = [part('app', one, '1.0.0'), part('modem', modem(1), '1.0.0')];
    const whole = await packed(both, { version: '1.0.0', sequence: 1 });
    const allowed = { rollback: { allowed: true } };
    const appOnly = await packed([part('app', two, '2.0.0')], { version: '2.0.0', sequence: 2, ...allowed });
    const modemOnly = (number: number) =>
      packed([part('modem', modem(number), `${number}.0.0`)], {
        version: `${number}.0.0`,
        sequence: number,
        ...allowed,
      });
    const came = await factory(whole, {}, signed);
    const second = await give(appOnly, came, signed);
    const third = await give(await modemOnly(3), second, signed);
    const back = await give(appOnly, third, signed);
    expect(back.components).toEqual(second.components);
    expect(back.spares.get('modem')).toBe(hash('sha256', modem(3)));
    const fourth = await give(await modemOnly(4), third, signed);
    await expect(give(appOnly, fourth, signed)).rejects.toMatchObject({
      code: 'NO_ROLLBACK_TARGET',
      message: 'its image of component modem is in no slot any more',
    });
    expect((await give(whole, fourth, signed)).components).toEqual(came.components);
  });

  const refusals: [string, object, object, string, RegExp][] = [
    ['does not allow it', { rollback: { allowed: false } }, {}, 'ROLLBACK_FORBIDDEN', /does not allow a rollback/],
    ['says nothing about it', { rollback: undefined }, {}, 'ROLLBACK_FORBIDDEN', /does not allow a rollback/],
    [
      'allows it to a later version only',
      { rollback: { allowed: true, minVersion: '1.5.0' } },
      {},
      'ROLLBACK_FORBIDDEN',
      /to 1\.5\.0 or later, the package is 1\.0\.0/,
    ],
    ['has raised the counter', { securityCounter: 2 }, {}, 'COUNTER_ROLLBACK', /counter 1 is below 2/],
  ];
  test.each(refusals)('refuses where the running release %s', async (_, newer, older, code, why) => {
    const bytes = await first(older);
    const updated = await give(await second(newer), await factory(bytes));
    await expect(give(bytes, updated)).rejects.toMatchObject({ code, message: expect.stringMatching(why) });
  });

  test('refuses a release that it never ran', async () => {
    const updated = await give(await second(), await factory(await first()));
    const other = await first({ buildId: 'another' });
    const message = expect.stringContaining(`its history does not hold ${await digestOf(other)}`);
    await expect(give(other, updated)).rejects.toMatchObject({ code: 'ROLLBACK_FORBIDDEN', message });
  });

  test('refuses one that it knows from the factory by name only', async () => {
    const named = factoryInstalled({ version: '1.0.0', sequence: 1, securityCounter: 0 }, ['app'], new Map());
    const updated = await give(await second(), named);
    expect(updated.history).toHaveLength(1);
    await expect(give(await first(), updated)).rejects.toMatchObject({ code: 'ROLLBACK_FORBIDDEN' });
  });

  test('refuses one whose signer is trusted no more', async () => {
    const bytes = await first({}, testSigner(2));
    const both = trustOf(testSigner(1), testSigner(2));
    const updated = await give(await second(), await factory(bytes, {}, both), both);
    await expect(give(bytes, updated)).rejects.toMatchObject({ code: 'KEY_UNTRUSTED' });
    expect(await give(bytes, updated, both)).toMatchObject({ version: '1.0.0' });
  });

  test('stays as it is when it is given what runs', async () => {
    const bytes = await first();
    const installed = await factory(bytes);
    expect(await give(bytes, installed)).toBe(installed);
  });
});

test('a device remembers each release once, never the one that runs, and no more than a real one', () => {
  const release = (number: number): Release => ({
    digest: hash('sha256', String(number)),
    metadata: releaseMetadata([fullPayload(Buffer.from(`image ${number}`)).entry], { sequence: number }),
  });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 60 }), (numbers) => {
      let installed = factoryInstalled({ version: '1.0.0', securityCounter: 0 }, ['app'], new Map());
      let expected: number[] = [];
      for (const number of numbers) {
        installed = afterPackage(installed, release(number));
        expected = [...expected.filter((one) => one !== number), number].slice(-MAX_RELEASES);
      }
      const sequences = [...installed.history, ...(installed.running ? [installed.running] : [])];
      expect(sequences.map(({ sequence }) => sequence)).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

describe('a version of a profile that names its package', () => {
  test('is told to the server by digest, counter and images', async () => {
    const bytes = await first({ securityCounter: 7 });
    const installed = await factory(bytes);
    expect(attributesOf('meter', { ...device, installed })).toEqual({
      product: 'meter',
      model: 'M100',
      version: '1.0.0',
      'ota.digest': await digestOf(bytes),
      'ota.securityCounter': '7',
      'ota.app.sha256': hash('sha256', one),
    });
    const updated = await give(await second({ securityCounter: 8 }), installed);
    expect(attributesOf('meter', { ...device, installed: updated })).toMatchObject({
      'ota.app.sha256': hash('sha256', two),
      'ota.app.spares': hash('sha256', one),
    });
  });

  test('keeps the images that the package holds, as bases of deltas', async () => {
    await factory(await first());
    expect(await files.held(hash('sha256', one))).toMatchObject({ size: one.length });
  });

  test('is believed as it is by devices that verify nothing', async () => {
    const bytes = await first({}, testSigner(9));
    const installed = await factory(bytes, {}, null);
    expect(installed.running).toEqual({ digest: await digestOf(bytes), version: '1.0.0', sequence: 1 });
  });

  const refused: [string, () => Promise<Buffer>, object, string][] = [
    ['signed by a stranger', () => first({}, testSigner(2)), {}, 'KEY_UNTRUSTED'],
    ['for another product', () => first({ product: 'camera' }), {}, 'PRODUCT_MISMATCH'],
    ['for other models', () => first({ compatible: { models: ['M200'] } }), {}, 'MODEL_INCOMPATIBLE'],
    ['of another version than the profile says', () => first(), { version: '1.0.1' }, 'CONFIG_INVALID'],
    [
      'damaged',
      async () => {
        const bytes = await first();
        bytes[bytes.length - 4096]! ^= 1;
        return bytes;
      },
      {},
      'PAYLOAD_MISMATCH',
    ],
  ];
  test.each(refused)('is refused when it is %s', async (_, bytes, changes, code) => {
    await expect(factory(await bytes(), changes)).rejects.toMatchObject({ code });
  });
});

test('through a real server devices update, go back when asked, and the one that may not says why', async () => {
  const server = await startTestServer();
  await trustRootOf(server);
  const packages = {
    old: await packed([fullPayload(one, { version: '1.0.0' })], { version: '1.0.0', sequence: 1 }),
    newer: await packed([fullPayload(two)], { rollback: { allowed: true } }),
  };
  const published = { old: await publish(server, packages.old), newer: await publish(server, packages.newer) };
  const setOf = (name: 'old' | 'newer') => published[name].body.release.distributionSet.id as number;
  await writeFile(folder.file('old.ota'), packages.old);
  const versions = [{ package: 'old.ota' }, { version: '1.0.0', sequence: 1 }];
  const profile = parseProfile(
    Buffer.from(JSON.stringify({ product: 'meter', models: [{ model: 'M100' }], versions, poll: { seconds: 10 } })),
    'profile.json',
  );

  // Time stands while the operator does something, so that nobody is idle meanwhile.
  const time = leapingTime();
  let operator: Promise<unknown> = Promise.resolve();
  const ids = Array.from({ length: 8 }, (_, index) => `sim-000${index + 1}`);
  const assign = (name: 'old' | 'newer') => {
    operator = Promise.all(
      ids.map(async (id) => {
        const body = { id: setOf(name), type: 'forced' };
        const answer = await server.call('POST', `/rest/v1/targets/${id}/assignedDS`, { body });
        if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      }),
    );
  };
  let ended = 0;
  const report = await runSwarm({
    server: new URL(server.url),
    ...{ tenant: 'DEFAULT', devices: ids.length, prefix: 'sim-', profile, profileFolder: folder.path, seed: 1 },
    access: { kind: 'register' },
    operator: `Bearer ${server.token('admin')}`,
    trust: trustOf(releaseSigner),
    verify: 'once',
    telemetry: { via: 'none' },
    ...{ connections: 8, downloads: 8, untilIdleMs: 60_000, patienceMs: 1_200_000, http: {} },
    time: {
      ...time,
      delay: async (durationMs, signal) => {
        await operator;
        await time.delay(durationMs, signal);
      },
    },
    signal: new AbortController().signal,
    onEvent: ({ type }) => {
      if (type === 'started') assign('newer');
      if (type === 'update' && ++ended === ids.length) assign('old');
    },
  });

  const told = await Promise.all(
    ids.map(async (id) => (await server.call('GET', `/rest/v1/targets/${id}/attributes`)).body),
  );
  const [oldDigest, newDigest] = [published.old.body.release.digest, published.newer.body.release.digest];
  const back = ids.filter((_, index) => told[index]['ota.digest'] === oldDigest);
  const stayed = ids.filter((_, index) => told[index]['ota.digest'] === newDigest);
  expect([back.length > 0, stayed.length > 0, back.length + stayed.length]).toEqual([true, true, ids.length]);
  expect(report.updates).toMatchObject({ success: ids.length + back.length, failure: stayed.length });
  expect(report.versions).toEqual({ '1.0.0': back.length, '2.0.0': stayed.length });
  for (const id of stayed) {
    const { body } = await server.call('GET', `/rest/v1/targets/${id}/actions?sort=id:DESC&limit=1`);
    expect(body.content[0]).toMatchObject({ detailStatus: 'error' });
    const status = await server.call('GET', `/rest/v1/targets/${id}/actions/${body.content[0].id}/status`);
    expect(JSON.stringify(status.body)).toContain('ROLLBACK_FORBIDDEN: the package: the device never ran this release');
  }
});

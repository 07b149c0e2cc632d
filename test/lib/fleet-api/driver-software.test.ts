import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseStrictJson } from '../../../src/lib/core/strict-json.js';
import { bearer } from '../../../src/lib/fleet-api/credential.js';
import type { FleetDriver, ReleaseName, SoftwareFile } from '../../../src/lib/fleet-api/driver.js';
import { type FleetClient, openFleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import { openFleetDriver } from '../../../src/lib/fleet-api/fleet-driver.js';
import { openHawkbitDriver } from '../../../src/lib/fleet-api/hawkbit-driver.js';
import { inChunks } from '../server/artifacts/upload-fixture.js';
import { releasePackage, trustRootOf } from '../server/catalog/catalogue-fixture.js';
import { managementOf } from '../server/management/management-fixture.js';
import { startTestServer, type TestServer } from '../server/server-fixture.js';
import { brokenClient, drivenFleet } from './driven-fleet.js';

interface Sent {
  readonly release: ReleaseName;
  readonly file: SoftwareFile;
}

let sequence = 0;
/** A signed package of a version of its own, and another one of the same version. */
async function packages(): Promise<{ one: Sent; other: Sent; version: string }> {
  const version = `1.${++sequence}.0`;
  const sent = async (changes: object): Promise<Sent> => {
    const bytes = await releasePackage(version, { sequence }, { ...changes });
    const metadata = metadataOf(bytes);
    const { product } = parseStrictJson(metadata, { name: 'metadata', maxBytes: 1e6 }) as { product: string };
    return {
      release: { product, version, digest: hash('sha256', metadata) },
      file: { filename: `m-${version}.ota`, size: bytes.length, open: () => inChunks(bytes) },
    };
  };
  return { one: await sent({}), other: await sent({ releaseNotes: 'another' }), version };
}

/** The first file of the tar: its size stands in octal digits at 124. */
function metadataOf(bytes: Buffer): Buffer {
  return bytes.subarray(512, 512 + Number.parseInt(bytes.toString('latin1', 124, 135), 8));
}

describe.each(['fleet', 'hawkbit'] as const)('software that the driver of %s sends', (kind) => {
  let server: TestServer;
  let client: FleetClient;
  let driver: FleetDriver;
  const open = (over: FleetClient): FleetDriver =>
    (kind === 'fleet' ? openFleetDriver : openHawkbitDriver)(over, { address: server.url });
  beforeAll(async () => {
    server = await startTestServer({ isShared: true });
    await trustRootOf(server);
    client = await openFleetClient({ server: server.url, credential: bearer(server.token('admin')) });
    driver = open(client);
  });
  afterAll(async () => {
    await driver[Symbol.asyncDispose]();
    await server.stop();
  });

  test('is found by its digest, sent once, and can be given to devices', async () => {
    const { one, version } = await packages();
    expect(await driver.findSoftware(one.release)).toBeUndefined();
    let told = 0;
    const sent = await driver.sendSoftware(one.release, { ...one.file, onBytes: (bytes) => (told = bytes) });
    expect(sent).toMatchObject({ name: one.release.product, version, digest: one.release.digest });
    expect(told).toBe(one.file.size);
    expect(await driver.findSoftware(one.release)).toEqual(sent);
    expect(await driver.sendSoftware(one.release, one.file)).toEqual(sent);
    // What one publishes in the catalogue, others find who know this server as a hawkBit.
    const hawkbit = openHawkbitDriver(client, { address: server.url });
    expect(await hawkbit.findSoftware(one.release)).toEqual(sent);
    const api = managementOf(server);
    expect((await api.get(`/distributionsets?q=version==${version}`)).total).toBe(1);
    const fleet = await drivenFleet(server, 1);
    await fleet.started(driver, fleet.portion({ software: sent }));
    expect((await api.get(`/actions?q=distributionSet.id==${sent.id};active==true`)).total).toBe(1);
    await fleet.report('success', fleet.devices);
    const devices = [];
    for await (const page of driver.devices(`controllerId==${fleet.device(1)}`)) devices.push(...page);
    expect(devices).toMatchObject([{ installed: sent, assigned: null }]);
  });

  test('is gone on with where it was cut', async () => {
    const { one: whole } = await packages();
    const counting = brokenClient(client, 0, 'before');
    await open(counting.client).sendSoftware(whole.release, whole.file);
    for (const [index, method] of counting.methods.entries()) {
      for (const moment of method === 'GET' ? (['before'] as const) : (['before', 'after'] as const)) {
        const { one, version } = await packages();
        const cut = open(brokenClient(client, index + 1, moment).client).sendSoftware(one.release, one.file);
        await expect(cut).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
        const sent = await driver.sendSoftware(one.release, one.file);
        expect(await driver.findSoftware(one.release)).toEqual(sent);
        const api = managementOf(server);
        expect((await api.get(`/distributionsets?q=version==${version}`)).content).toMatchObject([{ complete: true }]);
        expect((await api.get(`/softwaremodules?q=version==${version}`)).total).toBe(1);
      }
    }
  });

  test('is kept apart from another package of the same version', async () => {
    const { one, other, version } = await packages();
    const sent = await driver.sendSoftware(one.release, one.file);
    expect(await driver.findSoftware(other.release)).toBeUndefined();
    const code = kind === 'hawkbit' ? 'CONFLICT' : 'SEQUENCE_CONFLICT';
    await expect(driver.sendSoftware(other.release, other.file)).rejects.toMatchObject({ code });
    expect((await managementOf(server).get(`/distributionsets?q=version==${version}`)).total).toBe(1);
    expect(await driver.findSoftware(one.release)).toEqual(sent);
  });
});

describe('what a fleet server measures', () => {
  test('is asked of the devices of portions that have the update, and of others as control', async () => {
    const server = await startTestServer();
    await using client = await openFleetClient({ server: server.url, credential: bearer(server.token('admin')) });
    const driver = openFleetDriver(client, { address: server.url });
    const fleet = await drivenFleet(server, 4);
    const ref = await fleet.started(driver, fleet.portion({ devices: fleet.devices.slice(0, 2) }));
    const offline = { refs: [ref], of: { kind: 'offline' }, since: 0 } as const;
    expect(await driver.measure?.(offline)).toBeUndefined();
    await fleet.report('success', [fleet.device(1)]);
    expect(await driver.measure?.(offline)).toEqual({ value: 100, sample: 1 });
    expect(await driver.measure?.({ ...offline, outsideOf: `controllerId==${fleet.fleet}-*` })).toEqual({
      value: 100,
      sample: 2,
    });
    expect(await driver.measure?.({ ...offline, of: { kind: 'errorRate' } })).toBeUndefined();
  });
});

import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/lib/core/canonical-json.js';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import type { JsonValue } from '../../../src/lib/core/strict-json.js';
import { systemPacing } from '../../../src/lib/net/pacing.js';
import type { ListedPayload } from '../../../src/lib/package/authenticate.js';
import { makePayloads } from '../../../src/lib/package/pack-payloads.js';
import { DEFAULT_PROFILE, type SwarmProfile } from '../../../src/lib/swarm/profile.js';
import { runSwarm, type SwarmOptions } from '../../../src/lib/swarm/run-swarm.js';
import type { SwarmEvent, SwarmReport } from '../../../src/lib/swarm/swarm-report.js';
import { mqttBroker } from '../../../src/lib/telemetry/mqtt-access.js';
import { trustKeys } from '../../../src/lib/trust/trust-policy.js';
import { DdiServer } from '../../support/ddi-server.js';
import { testFolder } from '../../support/folder.js';
import { leapingTime } from '../../support/leaping-time.js';
import { BSDF2_DELTAS, packageBytes, releaseMetadata, smallPackage, testSigner } from '../../support/packages.js';
import { serveAedes } from '../telemetry/brokers.js';

const image = Buffer.alloc(20_000, 'image two ');
const meters: Partial<SwarmProfile> = { product: 'meter', models: [{ model: 'M100', weight: 1 }] };
const trust = (signer = testSigner(1)): SwarmOptions['trust'] => ({
  anchor: { forContainer: () => trustKeys([signer.publicKey], {}) },
  allowTestKeys: false,
});

let server: DdiServer;
beforeEach(async () => {
  server = await DdiServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

async function run(
  profile: Partial<SwarmProfile> = {},
  options: Partial<SwarmOptions> = {},
): Promise<{ report: SwarmReport; events: SwarmEvent[] }> {
  const events: SwarmEvent[] = [];
  const report = await runSwarm({
    server: options.server ?? server.url,
    tenant: 'DEFAULT',
    devices: 20,
    prefix: 'sim-',
    profile: { ...DEFAULT_PROFILE, ...meters, ...profile },
    profileFolder: '.',
    seed: 1,
    access: { kind: 'register' },
    operator: server.operator,
    trust: undefined,
    verify: 'once',
    telemetry: { via: 'none' },
    connections: 16,
    downloads: 8,
    untilIdleMs: 5000,
    patienceMs: 120_000,
    http: {},
    time: leapingTime(),
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { report, events };
}

const updatesOf = (events: SwarmEvent[]) => events.filter((event) => event.type === 'update');

describe('a swarm', () => {
  test('registers, tells about itself, verifies a package, applies it and runs it', async () => {
    const pkg = await smallPackage(image);
    server.onFirstPoll = (device) => server.offer(device, pkg);
    const { report, events } = await run({}, { trust: trust() });
    expect(report).toMatchObject({
      devices: 20,
      versions: { '2.0.0': 20 },
      states: { idle: 20 },
      updates: { success: 20, failure: 0 },
      downloads: 20,
      receivedBytes: 20 * pkg.length,
      verification: { mode: 'once', made: 1, shared: 19 },
      errors: {},
      isInterrupted: false,
    });
    expect(report.requests.poll!.count).toBe(report.polls);
    expect(updatesOf(events)).toHaveLength(20);
    expect(server.actions.map(({ reports }) => reports.join(', '))).toEqual(
      Array.from(
        { length: 20 },
        () => 'proceeding none, download none, downloaded none, proceeding none, proceeding none, closed success',
      ),
    );
    expect(server.attributes.get('sim-0001')).toEqual({
      product: 'meter',
      model: 'M100',
      version: '2.0.0',
      'ota.app.sha256': hash('sha256', image),
      'ota.digest': expect.stringMatching(/^[0-9a-f]{64}$/),
      'ota.securityCounter': '1',
    });
  });

  test('can have each device verify for itself', async () => {
    const pkg = await smallPackage(image);
    server.onFirstPoll = (device) => server.offer(device, pkg);
    const { report } = await run({}, { trust: trust(), verify: 'each', devices: 5 });
    expect(report).toMatchObject({ updates: { success: 5 }, verification: { mode: 'each', made: 5, shared: 0 } });
  });

  test.each([
    ['signed by a stranger', {}, testSigner(2), /^KEY_UNTRUSTED/],
    ['for another model', { compatible: { models: ['M200'] } }, testSigner(1), /^MODEL_INCOMPATIBLE/],
  ])('refuses a package that is %s, and reports why', async (_, changes, signer, why) => {
    const pkg = await smallPackage(image, changes, [signer]);
    server.onFirstPoll = (device) => server.offer(device, pkg);
    const { report } = await run({}, { trust: trust(), devices: 3 });
    expect(report).toMatchObject({ versions: { '1.0.0': 3 }, updates: { success: 0, failure: 3 } });
    expect(server.actions[0]!.reports.at(-1)).toBe('closed failure');
    expect(server.actions[0]!.details.at(-1)).toMatch(why);
  });

  test('takes what is no package of ours by its SHA-256', async () => {
    server.onFirstPoll = (device) => server.offer(device, Buffer.from('some.swu'), { version: '7.1' });
    const { report } = await run({}, { trust: trust(), devices: 2 });
    expect(report).toMatchObject({ versions: { '7.1': 2 }, verification: { made: 0, shared: 0 } });
  });

  test('refuses bytes that have another SHA-256 than announced', async () => {
    server.onFirstPoll = (device) => server.offer(device, Buffer.from('right'));
    server.intercept = (request, response) => {
      if (!request.url!.includes('/artifact/')) return false;
      response.end('wrong');
      return true;
    };
    const { report } = await run({}, { devices: 1 });
    expect(report).toMatchObject({ versions: { '1.0.0': 1 }, updates: { failure: 1 } });
    expect(server.actions[0]!.details.at(-1)).toMatch(/^PAYLOAD_MISMATCH/);
  });

  test('makes do with SHA-1 where a server tells nothing better, but verifies nothing by it', async () => {
    server.hashNames = ['sha1'];
    const pkg = await smallPackage(image);
    server.onFirstPoll = (device) => server.offer(device, pkg);
    const { report } = await run({}, { devices: 2 });
    expect(report).toMatchObject({ updates: { success: 2 }, verification: { mode: 'none' } });
    server.actions.length = 0;
    server.onFirstPoll = (device) => server.offer(device, pkg);
    const strict = await run({}, { devices: 2, prefix: 'strict-', trust: trust() });
    expect(strict.report).toMatchObject({ updates: { failure: 2 }, versions: { '1.0.0': 2 } });
  });

  test('resumes downloads that were cut, by Range', async () => {
    const pkg = await smallPackage(image);
    server.onFirstPoll = (device) => server.offer(device, pkg);
    const { report } = await run({ download: { cut: 1 } }, { trust: trust(), devices: 4 });
    expect(report).toMatchObject({ updates: { success: 4 }, downloads: 4 });
    expect(server.ranges.length).toBeGreaterThan(0);
  });

  test('begins a download again where the server serves the whole file to a Range', async () => {
    const pkg = await smallPackage(image);
    server.onFirstPoll = (device) => server.offer(device, pkg);
    server.intercept = (request, response) => {
      if (request.headers.range === undefined) return false;
      response.end(pkg);
      return true;
    };
    const { report } = await run({ download: { cut: 1 } }, { trust: trust(), devices: 4 });
    expect(report).toMatchObject({ updates: { success: 4 }, verification: { made: 1, shared: 3 } });
  });

  test('meets the same fates with the same seed, whatever else happens', async () => {
    const failures = { boot: 0.2, download: 0.2, confirm: 0.1, stuck: 0.1, rejected: 0.1 };
    const fates = async (seed: number, options: Partial<SwarmOptions> = {}) => {
      await server[Symbol.asyncDispose]();
      server = await DdiServer.start();
      server.onFirstPoll = (device) => server.offer(device, image);
      const { events } = await run({ failures }, { seed, operator: server.operator, devices: 40, ...options });
      return updatesOf(events)
        .map((event) => `${event.device} ${event.result} ${event.detail}`)
        .sort();
    };
    const first = await fates(7);
    expect(first).toHaveLength(40);
    expect(await fates(7, { connections: 1, downloads: 1 })).toEqual(first);
    expect(await fates(8)).not.toEqual(first);
  });

  test('accepts a cancel while it waits for its maintenance window', async () => {
    server.onFirstPoll = (device) => server.offer(device, image, { update: 'skip' });
    server.intercept = (request) => {
      const action = server.actions.find(({ reports }) => reports.includes('downloaded none'));
      if (action !== undefined && request.method === 'GET') action.isCanceled = true;
      return false;
    };
    const { report } = await run({}, { devices: 1 });
    expect(report.updates).toMatchObject({ canceled: 1, success: 0 });
    expect(server.actions[0]!.reports.at(-1)).toBe('cancel closed success');
  });

  test('asks somebody at the device where the server wants a confirmation', async () => {
    server.onFirstPoll = (device) => server.offer(device, image, { needsConfirmation: true });
    const { report } = await run({ denied: 0.5 }, { devices: 20 });
    const denied = server.actions.filter(({ reports }) => reports[0] === 'denied').length;
    expect(denied).toBeGreaterThan(0);
    expect(report.updates.success).toBe(20 - denied);
  });
});

describe('trouble with the server', () => {
  test('a busy one is asked again after the time it wants', async () => {
    let refusals = 0;
    server.intercept = (request, response) => {
      if (!request.url!.includes('/controller/') || refusals >= 30) return false;
      refusals++;
      response.writeHead(refusals % 2 === 0 ? 503 : 429, { 'retry-after': '3' }).end();
      return true;
    };
    server.onFirstPoll = (device) => server.offer(device, image);
    const { report } = await run({}, { devices: 10 });
    expect(report.updates.success).toBe(10);
    expect(report.errors).toMatchObject({ 'poll: 429': expect.any(Number), 'poll: 503': expect.any(Number) });
  });

  test('connections that break are made again', async () => {
    let breaks = 0;
    server.intercept = (request) => {
      if (!request.url!.includes('/controller/') || breaks++ % 3 !== 0) return false;
      request.socket.destroy();
      return true;
    };
    server.onFirstPoll = (device) => server.offer(device, image);
    const { report } = await run({}, { devices: 10 });
    expect(report.updates.success).toBe(10);
  });

  test('devices that exist already get new tokens', async () => {
    server.tokens.set('sim-0003', 'old');
    const { report } = await run({}, { devices: 5 });
    expect(report.states).toEqual({ idle: 5 });
    expect(server.tokens.get('sim-0003')).not.toBe('old');
  });

  test('wrong tokens for all devices end it with status 15', async () => {
    const access = { kind: 'gateway', token: 'wrong' } as const;
    await expect(run({}, { access })).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED', exitCode: 15 });
  });

  test('a tenant that does not exist ends it with status 7', async () => {
    await expect(run({}, { tenant: 'OTHER' })).rejects.toMatchObject({ code: 'HTTP_STATUS', exitCode: 7 });
  });

  test('an operator that the server does not know ends it before it begins', async () => {
    await expect(run({}, { operator: 'Basic eDp5' })).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    expect(server.tokens.size).toBe(0);
  });

  test('a server that is gone ends it with status 7', async () => {
    const { url } = server;
    const access = { kind: 'gateway', token: 'gateway' } as const;
    await server[Symbol.asyncDispose]();
    await expect(run({}, { server: url, access })).rejects.toMatchObject({ code: 'NETWORK_FAILED', exitCode: 7 });
    server = await DdiServer.start();
  });

  test('tokens are not sent in clear text to another machine', async () => {
    const remote = new URL('http://hawkbit.example.com:8080');
    await expect(run({}, { server: remote })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('nor to another server that an answer names', async () => {
    await using other = await DdiServer.start();
    const seen: (string | undefined)[] = [];
    other.intercept = (request, response) => {
      seen.push(request.headers.authorization);
      response.end(image);
      return true;
    };
    server.onFirstPoll = (device) => server.offer(device, image);
    server.intercept = (request, response) => {
      if (!request.url!.includes('/artifact/')) return false;
      response.writeHead(302, { location: other.url.href }).end();
      return true;
    };
    const { report } = await run({}, { devices: 2 });
    expect(report.updates.success).toBe(2);
    expect(seen).toEqual([undefined, undefined]);
  });
});

describe('the images of devices', () => {
  test('are told to the server by their hash', async () => {
    await using folder = await testFolder();
    await writeFile(folder.file('one.bin'), 'image one');
    const versions = [{ version: '1.0.0', weight: 1, images: { app: 'one.bin' }, securityCounter: 0 }];
    await run({ versions }, { devices: 1, profileFolder: folder.path });
    expect(server.attributes.get('sim-0001')).toMatchObject({ 'ota.app.sha256': hash('sha256', 'image one') });
  });

  test('are told anew by devices that the server knows from another life', async () => {
    server.attributes.set('sim-0001', { version: '9.9.9' });
    await run({}, { devices: 1 });
    expect(server.attributes.get('sim-0001')).toMatchObject({ version: '1.0.0' });
  });

  test('must exist', async () => {
    const versions = [{ version: '1.0.0', weight: 1, images: { app: 'nowhere.bin' }, securityCounter: 0 }];
    await expect(run({ versions })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(server.log).toEqual([]);
  });
});

test('a delta is applied to the image that a device runs, the full image elsewhere', async () => {
  await using folder = await testFolder();
  await writeFile(folder.file('one.bin'), randomImage(1));
  await writeFile(folder.file('two.bin'), randomImage(2));
  await using made = await makePayloads(
    [
      {
        component: 'app',
        target: { name: 'two.bin', path: folder.file('two.bin'), version: '2.0.0' },
        bases: [{ name: 'one.bin', path: folder.file('one.bin') }],
        full: true,
      },
    ],
    { deltas: BSDF2_DELTAS, workDirectory: folder.path },
  );
  const [delta, full] = made.payloads;
  const metadata = releaseMetadata([delta!.entry, full!.entry]);
  const metadataBytes = canonicalJson(metadata as JsonValue);
  const packageOf = ({ entry, data }: ListedPayload) =>
    packageBytes({ metadataBytes, payloads: [{ file: entry.file, data }], signers: [testSigner(1)] });
  const [thin, whole] = [await packageOf(delta!), await packageOf(full!)];
  // The server chooses by what devices have told about themselves, so it offers at their second poll.
  server.intercept = (request) => {
    const [, id] = /^\/DEFAULT\/controller\/v1\/([^/]+)$/.exec(request.url!) ?? [];
    const runs = server.attributes.get(id ?? '')?.['ota.app.sha256'];
    if (id === undefined || runs === undefined || server.actions.some(({ device }) => device === id)) return false;
    server.offer(id, runs === delta!.entry.base!.sha256 ? thin : whole);
    return false;
  };
  const versions: SwarmProfile['versions'] = [
    { version: '1.0.0', weight: 1, securityCounter: 0, images: { app: 'one.bin' } },
    { version: '0.9.0', weight: 1, securityCounter: 0, images: {} },
  ];
  const options = { trust: trust(), profileFolder: folder.path, untilIdleMs: 30_000 };
  const { report } = await run({ versions, components: ['app'] }, options);
  expect(report).toMatchObject({ versions: { '2.0.0': 20 }, updates: { success: 20 }, verification: { made: 2 } });
  expect(new Set(server.actions.map(({ artifact }) => artifact))).toEqual(new Set([thin, whole]));
});

/** Images that have most in common. */
function randomImage(number: number): Buffer {
  const bytes = Buffer.alloc(30_000);
  const random = randomNumbers(1);
  for (let at = 0; at < bytes.length; at++) bytes[at] = 256 * random();
  bytes.fill(number, 7000, 7100);
  return bytes;
}

describe('telemetry over HTTP', () => {
  const telemetry = { perMinute: 6, errors: 0.2, duplicates: 0.3 };

  test('goes in batches of an operator, some of it twice, each message with an id of its own', async () => {
    const { report } = await run(
      { telemetry },
      { telemetry: { via: 'http' }, untilIdleMs: undefined, durationMs: 120_000 },
    );
    const ids = server.telemetry.map(({ message }) => message.messageId);
    expect(new Set(server.telemetry.map(({ path }) => path))).toEqual(new Set(['/api/v1/telemetry']));
    expect(new Set(ids).size).toBe(report.telemetry.messages);
    expect(ids).toHaveLength(report.telemetry.messages + report.telemetry.repeated);
    expect(report.telemetry).toMatchObject({ acknowledged: ids.length, dropped: 0 });
    expect(report.telemetry.messages).toBeGreaterThan(20 * 10);
    const types = server.telemetry.map(({ message }) => message.type);
    expect(new Set(types)).toEqual(new Set(['metrics', 'error']));
    expect(server.telemetry[0]!.message).toMatchObject({ deviceId: expect.stringMatching(/^sim-/), version: '1.0.0' });
  });

  test('goes from each device where there is no operator', async () => {
    const access = { kind: 'gateway', token: 'gateway' } as const;
    await run(
      { telemetry },
      {
        access,
        operator: undefined,
        devices: 2,
        telemetry: { via: 'http' },
        untilIdleMs: undefined,
        durationMs: 30_000,
      },
    );
    expect(new Set(server.telemetry.map(({ path }) => path))).toEqual(
      new Set(['/DEFAULT/telemetry/v1/sim-0001', '/DEFAULT/telemetry/v1/sim-0002']),
    );
  });

  test('tells how updates ended', async () => {
    server.onFirstPoll = (device) => server.offer(device, image);
    await run({ telemetry: { ...telemetry, perMinute: 0 } }, { devices: 1, telemetry: { via: 'http' } });
    const status = server.telemetry.map(({ message }) => message).find(({ type }) => type === 'update');
    expect(status).toMatchObject({ deviceId: 'sim-0001', offered: '2.0.0', result: 'success' });
  });
});

describe('telemetry over MQTT', () => {
  const telemetry = { perMinute: 60, errors: 0.2, duplicates: 0.1 };
  const pacing = { ...systemPacing, random: () => 0 };

  async function runMqtt(broker: Awaited<ReturnType<typeof serveAedes>>, connections = 10) {
    const access = { username: '-', password: '-', pacing };
    const { report } = await run(
      { telemetry },
      {
        devices: 4,
        telemetry: { via: 'mqtt', broker: await mqttBroker(broker.endpoint('t'), access), connections },
        untilIdleMs: undefined,
        durationMs: 30_000,
      },
    );
    return report;
  }

  test('comes from each device under its own name, with its token', async () => {
    await using broker = await serveAedes();
    const logins: string[] = [];
    broker.aedes.authenticate = (_client, username, password, done) => {
      logins.push(`${username} ${password}`);
      done(null, true);
    };
    const got: { topic: string; message: { messageId: string } }[] = [];
    broker.aedes.on('publish', ({ topic, payload }, client) => {
      if (client !== null) got.push({ topic, message: JSON.parse(payload.toString()) });
    });
    const report = await runMqtt(broker);
    expect(logins.sort()).toEqual([...server.tokens].map(([id, token]) => `DEFAULT/${id} ${token}`).sort());
    expect(new Set(got.map(({ topic }) => topic.split('/').at(-1)))).toEqual(new Set(['telemetry', 'events']));
    expect(got.every(({ topic }) => /^t\/DEFAULT\/devices\/sim-000[1-4]\//.test(topic))).toBe(true);
    expect(new Set(got.map(({ message }) => message.messageId)).size).toBe(report.telemetry.messages);
    expect(report.telemetry).toMatchObject({ acknowledged: got.length, dropped: 0 });
  });

  test('is sent again under the same ids when a connection breaks', async () => {
    await using broker = await serveAedes();
    const got = new Set<string>();
    let breaks = 0;
    broker.aedes.authorizePublish = (client, packet, done) => {
      if (client !== null && breaks++ % 25 === 10) client.close();
      else {
        got.add(JSON.parse(packet.payload.toString()).messageId);
        done(null);
      }
    };
    const report = await runMqtt(broker);
    expect(got.size).toBe(report.telemetry.messages);
    expect(Object.keys(report.errors)).toEqual(['mqtt: NETWORK_FAILED']);
  });

  test('comes over HTTP from devices that may have no connection', async () => {
    await using broker = await serveAedes();
    const topics = new Set<string>();
    broker.aedes.on('publish', ({ topic }, client) => {
      if (client !== null) topics.add(topic.split('/')[3]!);
    });
    await runMqtt(broker, 1);
    expect(topics).toEqual(new Set(['sim-0001']));
    const posted = new Set(server.telemetry.map(({ message }) => message.deviceId));
    expect(posted).toEqual(new Set(['sim-0002', 'sim-0003', 'sim-0004']));
  });
});

test('it stops when somebody stops it, and tells what there was', async () => {
  const stop = new AbortController();
  const { report } = await run(
    {},
    {
      signal: stop.signal,
      untilIdleMs: undefined,
      onEvent: (event) => {
        if (event.type === 'progress' && event.polls > 20) stop.abort();
      },
    },
  );
  expect(report.isInterrupted).toBe(true);
  expect(report.polls).toBeGreaterThan(20);
});

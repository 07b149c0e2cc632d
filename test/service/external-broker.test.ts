import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { startMosquitto, writePasswords } from '../../scripts/services/mosquitto.mjs';
import { freePorts } from '../../scripts/services/ports.mjs';
import { createDevices } from '../../src/lib/server/devices/create-devices.js';
import { mosquittoAcl } from '../../src/lib/server/mqtt/mosquitto-acl.js';
import { startTestServer, type TestServer } from '../lib/server/server-fixture.js';
import { testFolder } from '../support/folder.js';

const SERVER = { username: 'fleet', password: 'server-secret' };
const USERS = { fleet: 'server-secret', probe: 'probe-secret', 'truck-7': 'truck-secret' };
const PROBE = { tenant: 'DEFAULT', device: 'probe', username: 'probe', password: 'probe-secret' };

/** One listener as a fleet needs it, one without rules, one for everybody. */
async function startBrokers(folder: string): Promise<{ safe: number; lawless: number; open: number }> {
  mkdirSync(folder, { recursive: true });
  const [safe = 0, lawless = 0, open = 0] = await freePorts(3);
  const passwords = writePasswords(folder, USERS);
  writeFileSync(join(folder, 'acl'), mosquittoAcl({ tenant: 'DEFAULT', serverUser: 'fleet' }), { mode: 0o600 });
  const login = ['allow_anonymous false', `password_file ${passwords}`];
  const lines = [
    ...['per_listener_settings true', ...(process.getuid?.() === 0 ? ['user root'] : [])],
    ...[`listener ${safe} 127.0.0.1`, ...login, `acl_file ${join(folder, 'acl')}`],
    ...[`listener ${lawless} 127.0.0.1`, ...login],
    ...[`listener ${open} 127.0.0.1`, 'allow_anonymous true', ''],
  ];
  writeFileSync(join(folder, 'mosquitto.conf'), lines.join('\n'));
  const broker = await startMosquitto(folder);
  onTestFinished(() => broker.kill());
  return { safe, lawless, open };
}

const external = (port: number) => ({ external: { host: '127.0.0.1', port, isTls: false, probe: PROBE, ...SERVER } });

async function addDevice({ running }: TestServer): Promise<void> {
  await running.context.database.transaction(async (tx) => {
    const options = { tenantId: 1, createdBy: 'test', now: 0, existing: 'refuse' } as const;
    await createDevices(tx, [{ controllerId: 'truck-7' }], options);
  });
}

async function kept(server: TestServer): Promise<string[]> {
  const { log } = server.running.context.telemetry;
  const { messages } = await log.read({ tenantId: 1, after: 0, maxRows: 1_000, maxBytes: 1e6 });
  return messages.map(({ line }) => JSON.parse(Buffer.from(line).toString()).messageId);
}

test('a server takes what devices send to a Mosquitto with its ACL file, and misses nothing while it is away', async () => {
  await using folder = await testFolder();
  const { safe } = await startBrokers(join(folder.path, 'broker'));
  const dataDirectory = join(folder.path, 'data');
  const first = await startTestServer({ dataDirectory, isShared: true, mqtt: external(safe) });
  await addDevice(first);
  const device = await mqtt.connectAsync(`mqtt://127.0.0.1:${safe}`, { username: 'truck-7', password: 'truck-secret' });
  onTestFinished(() => device.endAsync());
  const send = (kind: string, payload: object, of = 'truck-7') =>
    device.publishAsync(`t/DEFAULT/devices/${of}/${kind}`, JSON.stringify(payload), { qos: 1 });
  await send('telemetry', { messageId: 'm1' });
  await send('status', { version: '2.1.0' });
  await expect.poll(() => kept(first), { timeout: 10_000 }).toEqual(['m1']);
  const events = () => first.running.context.database.sql.selectFrom('event').select('body').execute();
  await expect.poll(events, { timeout: 10_000 }).toContainEqual({ body: '{"version":"2.1.0","event":"reported"}' });
  await send('telemetry', { messageId: 'forged' }, 'truck-8');
  await first.stop();
  for (let i = 0; i < 50; i++) await send('telemetry', { messageId: `away-${i}` });
  const second = await startTestServer({ dataDirectory, mqtt: external(safe) });
  const away = Array.from({ length: 50 }, (_, i) => `away-${i}`);
  await expect.poll(() => kept(second), { timeout: 10_000 }).toEqual(['m1', ...away]);
});

test('a server refuses to start with a broker that allows what it must not', async () => {
  await using folder = await testFolder();
  const { lawless, open } = await startBrokers(join(folder.path, 'broker'));
  await expect(startTestServer({ mqtt: external(lawless) })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: `mqtt://127.0.0.1:${lawless}: the broker lets a device publish as another one`,
  });
  await expect(startTestServer({ mqtt: external(open) })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: `mqtt://127.0.0.1:${open}: the broker lets anybody in without a login`,
  });
});

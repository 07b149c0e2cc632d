import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../lib/server/server-fixture.js';

const run = promisify(execFile);
const TOPIC = 't/DEFAULT/devices/hub-1/telemetry';
let server: TestServer;
let token: string;
let broker: string[];

beforeAll(async () => {
  server = await startTestServer({ isShared: true, mqtt: { host: '127.0.0.1', port: 0 } });
  const { body } = await server.call('POST', '/api/v1/devices', { body: [{ id: 'hub-1' }, { id: 'hub-2' }] });
  token = body.devices[0].token;
  broker = ['-h', '127.0.0.1', '-p', new URL(server.running.mqttUrl!).port];
});
afterAll(() => server.stop());

const asDevice = () => [...broker, '-i', 'hub-1', '-u', 'DEFAULT/hub-1', '-P', token];
const publish = (topic: string, message: object, ...more: string[]) =>
  run('mosquitto_pub', [...asDevice(), '-q', '1', '-t', topic, '-m', JSON.stringify(message), ...more]);

test('mosquitto_pub of a device is kept, once, and mosquitto_sub of an operator hears it', async () => {
  const operator = ['-i', 'watcher', '-u', 'DEFAULT', '-P', server.token('viewer')];
  const hearing = run('mosquitto_sub', [
    ...broker,
    ...operator,
    '-q',
    '1',
    '-C',
    '1',
    '-v',
    '-t',
    TOPIC.replace('hub-1', '+'),
  ]);
  let isHeard = false;
  const heard = hearing.then(({ stdout }) => {
    isHeard = true;
    return stdout.trimEnd();
  });
  // Until the subscription is there: a broker keeps nothing for who comes later.
  const sent: string[] = [];
  while (!isHeard) {
    const message = { messageId: `m-${sent.length}`, timestamp: '2026-01-05T06:00:00Z', volts: 12.1 };
    await publish(TOPIC, message);
    await publish(TOPIC, message); // a device that saw no acknowledgement
    sent.push(`${TOPIC} ${JSON.stringify(message)}`);
  }
  expect(sent).toContain(await heard);
  const { body } = await server.call('GET', '/api/v1/devices/hub-1/telemetry?limit=1000');
  expect(body.messages).toHaveLength(sent.length);
});

test('mosquitto_pub as another device is refused, and so is mosquitto_sub of everything', async () => {
  const foreign = { messageId: 'm-2', deviceId: 'hub-2', timestamp: '2026-01-05T06:00:00Z' };
  await publish('t/DEFAULT/devices/hub-2/telemetry', foreign).catch(() => undefined); // the connection is closed
  const { body } = await server.call('GET', '/api/v1/devices/hub-2/telemetry');
  expect(body.messages).toEqual([]);
  const everything = run('mosquitto_sub', [...asDevice(), '-t', '#', '-E']);
  const { stderr } = await everything.catch((error: { stderr: string }) => error);
  expect(stderr).toMatch(/denied|rejected|refused|lost/i);
});

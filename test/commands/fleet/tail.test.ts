import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/core/clock.js';
import type { NewEvent } from '../../../src/lib/server/events/event-log.js';
import { startTestServer, type TestServer } from '../../lib/server/server-fixture.js';
import { type CliResult, runCli } from '../../support/cli.js';
import { cliInProcess } from '../in-process.js';

let server: TestServer;
let tokens: Record<string, string>;
/** Where the events of a test begin. */
let before: string;

beforeAll(async () => {
  server = await startTestServer({ isShared: true, clock: systemClock, mqtt: { host: '127.0.0.1', port: 0 } });
  const devices = ['hub-1', 'hub-2', 'hub-3'].map((id) => ({ id, group: id === 'hub-3' ? 'other' : 'canary' }));
  const { body } = await server.call('POST', '/api/v1/devices', { body: devices });
  tokens = Object.fromEntries(body.devices.map(({ id, token }: { id: string; token: string }) => [id, token]));
  before = await newestCursor();
});
afterAll(() => server.stop());

function tail(...words: string[]): Promise<CliResult> {
  const env = { FLEET_SERVER: server.url, FLEET_TOKEN_ENV: 'CI_TOKEN', CI_TOKEN: server.token('viewer') };
  return cliInProcess('fleet', ['tail', ...words], { cwd: tmpdir(), env });
}

async function append(...events: Omit<NewEvent, 'tenantId' | 'time'>[]): Promise<void> {
  const { database, events: log } = server.running.context;
  const time = Date.parse('2026-01-05T06:00:00.930Z');
  await database.transaction((tx) =>
    log.append(
      tx,
      events.map((event) => ({ tenantId: 1, time, ...event })),
    ),
  );
}

async function newestCursor(): Promise<string> {
  const { stdout } = await tail('--since', '1h', '--type', 'status', '--max', '3');
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!).cursor;
}

const lines = ({ stdout }: CliResult) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('fleet tail', () => {
  test('prints events as lines of JSON, and goes on behind a cursor without one twice', async () => {
    await append(
      { type: 'status', device: 'hub-1', body: { event: 'online' } },
      { type: 'alert', device: 'hub-2', body: { event: 'hot', celsius: 91 } },
      { type: 'status', device: 'hub-3', body: { event: 'online' } },
    );
    const first = lines(await tail('--cursor', before, '--max', '2'));
    expect(first).toMatchObject([
      { type: 'status', time: '2026-01-05T06:00:00.930Z', device: 'hub-1', body: { event: 'online' } },
      { type: 'alert', device: 'hub-2', body: { celsius: 91 } },
    ]);
    const next = lines(await tail('--cursor', first[1].cursor, '--max', '1'));
    expect(next).toMatchObject([{ device: 'hub-3' }]);
    const chosen = lines(await tail('--cursor', before, '--where', 'group=canary', '--type', 'alert', '--max', '1'));
    expect(chosen).toMatchObject([{ type: 'alert', device: 'hub-2' }]);
  });

  test('shows people lines in columns, with what could move their cursor escaped', async () => {
    const cursor = await newestCursor();
    await append({ type: 'alert', device: 'hub-1', body: { event: 'odd', text: 'a\u001b[2Jb' } });
    const { stdout, status } = await tail(
      '--cursor',
      cursor,
      '--type',
      'alert',
      '--output',
      'text',
      '--max',
      '9',
      '--timeout',
      '2s',
    );
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('06:00:00.930  hub-1     alert      odd text=a\\u{1b}[2Jb');
  });

  test('ends with 0 once what --until waits for holds on enough devices, those included where it held before', async () => {
    const waiting = tail(
      '--type',
      'status',
      '--until',
      'status.version == "2.1.0" on 100%',
      '--where',
      'group=canary',
      '--timeout',
      '60s',
    );
    const { database } = server.running.context;
    await database.sql
      .insertInto('device_attribute')
      .values({ device_id: 1, tenant_id: 1, name: 'version', value: '2.1.0' })
      .execute();
    // Whether it is told before the stream begins or on it, it counts.
    await append({ type: 'status', device: 'hub-1', body: { event: 'updated', version: '2.1.0' } });
    await database.sql
      .insertInto('device_attribute')
      .values({ device_id: 2, tenant_id: 1, name: 'version', value: '2.1.0' })
      .execute();
    await append({ type: 'status', device: 'hub-2', body: { event: 'updated', version: '2.1.0' } });
    const { status, stderr } = await waiting;
    expect(stderr).toContain('status.version == "2.1.0": 2 of 2 devices: met');
    expect(status).toBe(0);
  });

  test('ends with 14 when it had not come in time, and says how far it is', async () => {
    const { status, stderr } = await tail('--until', 'status.version == "9.0.0" on 100%', '--timeout', '1s');
    expect(status).toBe(14);
    expect(stderr).toContain('status.version == "9.0.0": 0 of 3 devices, expected on 100%');
    const json = await tail('--until', 'status.version == "9.0.0" on 1 device', '--timeout', '1s', '--json');
    expect(lines(json).at(-1)).toMatchObject({ type: 'error', error: { code: 'WAIT_ENDED', exitStatus: 14 } });
  });

  test('ends with 7 without a server, 15 without a login that counts, 2 for what it cannot mean', async () => {
    const stranger = { cwd: tmpdir(), env: { T: 'x'.repeat(20) } };
    for (const [status, address] of [
      [7, 'http://127.0.0.1:1'],
      [15, server.url],
    ] as const) {
      const words = ['tail', '--server', address, '--token-env', 'T'];
      expect(await cliInProcess('fleet', words, stranger)).toMatchObject({ status, stdout: '' });
    }
    for (const words of [
      ['--type', 'weather'],
      ['--until', 'status.version = 1'],
      ['--cursor', 'x'],
      ['--since', 'yesterday'],
      ['--from', 'mqtt://127.0.0.1/x', '--until', 'telemetry.a == 1 on 50%'],
    ]) {
      expect([words, (await tail(...words)).status]).toEqual([words, 2]);
    }
  });

  test('reads straight from a broker', async () => {
    const address = new URL(server.running.mqttUrl!);
    const { connectAsync } = await import('mqtt');
    const device = await connectAsync(server.running.mqttUrl!, {
      clientId: 'hub-1',
      username: 'DEFAULT/hub-1',
      password: tokens['hub-1']!,
    });
    const message = { deviceId: 'hub-1', timestamp: '2026-01-05T06:00:00Z', volts: 12.1 };
    let count = 0;
    // Until somebody is there to hear it: a broker keeps nothing for watchers.
    const publishing = setInterval(() => {
      const line = JSON.stringify({ messageId: `m-${++count}`, ...message });
      void device.publishAsync('t/DEFAULT/devices/hub-1/telemetry', line, { qos: 1 });
    }, 50);
    const { status, stdout, stderr } = await runCli(
      'fleet',
      [
        ...['tail', '--from', `mqtt://${address.host}/t/DEFAULT/devices/+/telemetry`, '--max', '1'],
        ...['--broker-username', 'DEFAULT', '--broker-password-env', 'P'],
      ],
      { env: { P: server.token('viewer') } },
    );
    clearInterval(publishing);
    await device.endAsync();
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'telemetry',
      time: '2026-01-05T06:00:00.000Z',
      device: 'hub-1',
      body: message,
    });
  });
});

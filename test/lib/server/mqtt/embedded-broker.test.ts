import packets from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type BrokerUnderTest,
  connectClient,
  connectDevice,
  connectOperator,
  exchange,
  next,
  startBroker,
} from './mqtt-fixture.js';

let broker: BrokerUnderTest;

beforeAll(async () => {
  broker = await startBroker(['DEFAULT/truck-7', 'DEFAULT/truck-8', 'OTHER/truck-7']);
});
afterAll(() => broker.server.stop());

const TOPIC = 't/DEFAULT/devices/truck-7/telemetry';

async function kept(device = 'truck-7', tenant = 'DEFAULT'): Promise<string[]> {
  const { body } = await broker.server.call('GET', `/api/v1/devices/${device}/telemetry?order=oldest`, { tenant });
  return body.messages.map((message: { body: { messageId: string } }) => message.body.messageId);
}

async function events(): Promise<{ type: string; device: string | null; body: Record<string, unknown> }[]> {
  const rows = await broker.server.running.context.database.sql
    .selectFrom('event')
    .selectAll()
    .orderBy('seq')
    .execute();
  return rows.map(({ type, device, body }) => ({ type, device, body: JSON.parse(body) }));
}

/** The newest refusals in the audit log, once there are so many. */
async function refusals(): Promise<{ actor: string; object: string; reason: string }[]> {
  const rows = await broker.server.running.context.database.sql
    .selectFrom('audit')
    .selectAll()
    .where('action', '=', 'mqtt.refused')
    .orderBy('seq')
    .execute();
  return rows.map(({ actor, object, detail }) => ({ actor, object, reason: JSON.parse(detail).reason }));
}

function connectPacket(clientId: Buffer | string, more: object = {}): Buffer {
  const password = broker.tokens.get('DEFAULT/truck-7')!;
  return packets.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 60,
    clientId: clientId as string,
    username: 'DEFAULT/truck-7',
    password: Buffer.from(password),
    ...more,
  });
}

describe('the embedded broker', () => {
  test('acknowledges telemetry when it is durable, keeps it once, and passes it on', async () => {
    const device = await connectDevice(broker, 'DEFAULT/truck-7');
    const listener = await connectOperator(broker);
    await listener.subscribeAsync('t/DEFAULT/#', { qos: 1 });
    const heard = next(listener, 'message');
    const message = JSON.stringify({ messageId: 'm1', speed: 30 });
    await device.publishAsync(TOPIC, message, { qos: 1 });
    expect(await kept()).toEqual(['m1']);
    await device.publishAsync(TOPIC, message, { qos: 1 });
    expect(await kept()).toEqual(['m1']);
    const [topic, payload] = await heard;
    expect([topic, String(payload)]).toEqual([TOPIC, message]);
  });

  test('makes events of what devices say about themselves', async () => {
    const device = await connectDevice(broker, 'DEFAULT/truck-7');
    const before = (await events()).length;
    await device.publishAsync('t/DEFAULT/devices/truck-7/status', '{"version":"2.1.0"}', { qos: 1 });
    await device.publishAsync('t/DEFAULT/devices/truck-7/events', '{"event":"overheated","temperature":91}', {
      qos: 1,
    });
    await device.publishAsync('t/DEFAULT/devices/truck-7/events', '{"type":"status","event":"ready"}', { qos: 1 });
    await device.publishAsync('t/DEFAULT/devices/truck-7/status', 'no json', { qos: 1 });
    expect((await events()).slice(before)).toEqual([
      { type: 'status', device: 'truck-7', body: { event: 'reported', version: '2.1.0' } },
      { type: 'alert', device: 'truck-7', body: { event: 'overheated', temperature: 91 } },
      { type: 'status', device: 'truck-7', body: { type: 'status', event: 'ready' } },
    ]);
  });

  test('lets nobody in with wrong credentials', async () => {
    const { url, tokens } = broker;
    const device = tokens.get('DEFAULT/truck-7')!;
    for (const login of [
      {},
      { username: 'DEFAULT/truck-7', password: 'wrong' },
      { username: 'OTHER/truck-7', password: device },
      { username: 'DEFAULT/truck-8', password: device },
      { username: 'NOBODY/truck-7', password: device },
      { username: 'x', password: 'fleet_unknown' },
    ]) {
      await expect(connectClient(url, { clientId: 'c', ...login })).rejects.toThrow(/Connection refused/);
    }
    await expect(
      connectClient(url, { clientId: 'truck-7', username: 'DEFAULT', password: device }),
    ).resolves.toBeDefined();
  });

  test('row 62: subscriptions to #, +, $SYS and foreign topics are answered with 0x80', async () => {
    const device = await connectDevice(broker, 'DEFAULT/truck-7');
    const operator = await connectOperator(broker);
    const foreign = [
      '#',
      '+',
      '+/#',
      '$SYS/#',
      '$share/g/t/DEFAULT/#',
      't/OTHER/#',
      't/+/devices/#',
      't/OTHER/devices/truck-7/telemetry',
    ];
    for (const [client, filters] of [
      [device, [...foreign, 't/DEFAULT/#', TOPIC]],
      [operator, foreign],
    ] as const) {
      for (const filter of filters) {
        await expect(client.subscribeAsync(filter), filter).rejects.toThrow(/Subscribe error/);
      }
    }
    await expect(operator.subscribeAsync('t/DEFAULT/devices/+/status')).resolves.toMatchObject([{ qos: 0 }]);
  });

  test('row 63: what is published as another device is dropped and audited', async () => {
    const before = [await kept('truck-8'), await kept('truck-7', 'OTHER'), await refusals()] as const;
    for (const topic of [
      't/DEFAULT/devices/truck-8/telemetry',
      't/OTHER/devices/truck-7/telemetry',
      '$SYS/x',
      'elsewhere',
    ]) {
      const device = await connectDevice(broker, 'DEFAULT/truck-7', { clientId: `c-${topic.length}` });
      const closed = next(device, 'close');
      device.publish(topic, '{"messageId":"forged"}', { qos: 1 });
      await closed;
      broker.server.advance(60_000); // the audit log has one refusal of a device a minute
    }
    expect([await kept('truck-8'), await kept('truck-7', 'OTHER')]).toEqual(before.slice(0, 2));
    await expect
      .poll(async () => (await refusals()).slice(before[2].length).sort((a, b) => (a.object < b.object ? -1 : 1)))
      .toEqual([
        { actor: 'device:truck-7', object: 'topic:$SYS/x', reason: 'no topic of a device' },
        { actor: 'device:truck-7', object: 'topic:elsewhere', reason: 'no topic of a device' },
        {
          actor: 'device:truck-7',
          object: 'topic:t/DEFAULT/devices/truck-8/telemetry',
          reason: "another device's topic",
        },
        {
          actor: 'device:truck-7',
          object: 'topic:t/OTHER/devices/truck-7/telemetry',
          reason: "another tenant's topic",
        },
      ]);
  });

  test('row 64: a client id in use is not taken over by somebody else, and the session stays', async () => {
    const device = await connectDevice(broker, 'DEFAULT/truck-7', { clientId: 'shared' });
    const other = { username: 'OTHER/truck-7', password: broker.tokens.get('OTHER/truck-7')!, clientId: 'shared' };
    await expect(connectClient(broker.url, other)).rejects.toThrow(/Identifier rejected/);
    await device.publishAsync(TOPIC, '{"messageId":"still-here"}', { qos: 1 });
    expect(await kept()).toContain('still-here');
    // Its own new connection ends the old one, as MQTT wants it.
    const closed = next(device, 'close');
    const again = await connectDevice(broker, 'DEFAULT/truck-7', { clientId: 'shared' });
    await closed;
    expect(again.connected).toBe(true);
  });

  test('row 65: nothing is retained, neither poison nor an empty message that wipes', async () => {
    for (const payload of ['{"messageId":"poison"}', '']) {
      const device = await connectDevice(broker, 'DEFAULT/truck-7');
      const closed = next(device, 'close');
      device.publish(TOPIC, payload, { qos: 1, retain: true });
      await closed;
    }
    const listener = await connectOperator(broker);
    const heard: string[] = [];
    listener.on('message', (_topic, payload) => heard.push(String(payload)));
    await listener.subscribeAsync('t/DEFAULT/#');
    const device = await connectDevice(broker, 'DEFAULT/truck-7');
    const live = next(listener, 'message');
    await device.publishAsync(TOPIC, '{"messageId":"live"}', { qos: 1 });
    await live;
    expect(heard).toEqual(['{"messageId":"live"}']);
    expect(await kept()).not.toContain('poison');
  });

  test('row 66: a will to a foreign topic refuses the connection, one to its own topic is kept', async () => {
    for (const topic of ['t/DEFAULT/devices/truck-8/status', 'elsewhere']) {
      const will = { topic, payload: Buffer.from('{}'), qos: 1 as const, retain: false };
      await expect(connectDevice(broker, 'DEFAULT/truck-7', { will })).rejects.toThrow(/Not authorized/);
    }
    const will = {
      topic: 't/DEFAULT/devices/truck-7/status',
      payload: Buffer.from('{"lost":true}'),
      qos: 1 as const,
      retain: false,
    };
    const device = await connectDevice(broker, 'DEFAULT/truck-7', { will });
    device.stream.destroy();
    await expect
      .poll(events)
      .toContainEqual({ type: 'status', device: 'truck-7', body: { event: 'reported', lost: true } });
  });

  test('row 67: a client id with NUL or no UTF-8 closes the connection', async () => {
    const good = connectPacket('AAAA');
    const at = good.indexOf('AAAA');
    for (const id of [
      Buffer.from('A\0AA'),
      Buffer.from([0x41, 0xc3, 0x28, 0x41]),
      Buffer.from([0xed, 0xa0, 0x80, 0x41]),
    ]) {
      const packet = Buffer.from(good);
      id.copy(packet, at);
      expect(await exchange(broker.url, packet)).toHaveLength(0);
    }
  });

  test('takes no packet that is too large, before it has arrived', async () => {
    expect(await exchange(broker.url, Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0]))).toHaveLength(0);
    const publish = Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f, 0, 1]);
    const answer = await exchange(broker.url, Buffer.concat([connectPacket('big'), publish]));
    expect(answer.length === 0 || answer[0] === 0x20).toBe(true);
  });

  test('lets a gateway speak for the devices of its tenant that are known', async () => {
    const { database, tenantSettings } = broker.server.running.context;
    const key = 'gateway-key-0123456789';
    const { tokenHash } = await import('../../../../src/lib/server/access/token.js');
    for (const [name, value] of [
      ['authentication.gatewaytoken.enabled', true],
      ['authentication.gatewaytoken.key', tokenHash(key)],
    ] as const) {
      await database.sql
        .insertInto('tenant_setting')
        .values({ tenant_id: 1, name, value: JSON.stringify(value) })
        .execute();
    }
    tenantSettings.forget(1);
    const gateway = await connectClient(broker.url, { username: 'DEFAULT', clientId: 'gateway', password: key });
    await gateway.publishAsync('t/DEFAULT/devices/truck-8/telemetry', '{"messageId":"by-gateway"}', { qos: 1 });
    await gateway.publishAsync('t/DEFAULT/devices/ghost/telemetry', '{"messageId":"ghost"}', { qos: 1 });
    await gateway.publishAsync('t/DEFAULT/devices/ghost/status', '{"ghost":true}', { qos: 1 });
    expect(await kept('truck-8')).toContain('by-gateway');
    expect((await events()).filter(({ device }) => device === 'ghost')).toEqual([]);
    const found = await broker.server.running.context.telemetry.log.read({
      tenantId: 1,
      after: 0,
      maxRows: 1000,
      maxBytes: 1e6,
    });
    expect(found.messages.map(({ device }) => device)).not.toContain('ghost');
  });
});

import mqtt from 'mqtt';
import type { Packet } from 'mqtt-packet';
import { afterEach, describe, expect, test } from 'vitest';
import type { MqttEndpoint } from '../../../src/lib/telemetry/endpoint.js';
import { parseSink } from '../../../src/lib/telemetry/endpoint.js';
import { openMqttSink } from '../../../src/lib/telemetry/mqtt-sink.js';
import { accepted, someLines } from './accepted.js';
import { impatient, letIn, type Peer, type Script, serveAedes, serveScript } from './brokers.js';

const INPUT = { source: 'file:x', position: {} };
const signal = new AbortController().signal;

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

type Publish = Extract<Packet, { cmd: 'publish' }>;
const isPublish = (packet: Packet): packet is Publish => packet.cmd === 'publish';

async function openSink(endpoint: MqttEndpoint, access = impatient()) {
  const sink = await openMqttSink(endpoint, access);
  cleanUps.push(() => sink.close());
  return sink;
}

function acknowledge(packet: Packet, peer: Peer, reasonCode = 0): void {
  if (isPublish(packet)) peer.send({ cmd: 'puback', messageId: packet.messageId!, reasonCode });
}

const obliging: Script = { onPacket: (packet, peer) => acknowledge(packet, peer) };

describe('publishing', () => {
  test('each message goes to the topic of its device, its line unchanged, with quality of service 1', async () => {
    await using broker = await serveAedes();
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`);
    cleanUps.push(() => client.endAsync(true));
    await client.subscribeAsync('out/#', { qos: 1 });
    const arrived: [string, string, number][] = [];
    client.on('message', (topic, payload, { qos }) => arrived.push([topic, payload.toString(), qos]));
    const sink = await openSink(broker.endpoint('out/{deviceId}'));
    const lines = ['{"messageId":"1","deviceId":"a"}', '{ "messageId":"2", "vin":"b/c" }'];
    const last = new Promise<void>((resolve) => client.on('message', () => arrived.length === 2 && resolve()));
    await sink.write(accepted(lines), INPUT, signal);
    await last;
    expect(arrived).toEqual([
      ['out/a', lines[0], 1],
      ['out/b%2Fc', lines[1], 1],
    ]);
    expect(sink).toMatchObject({ guarantee: 'at-least-once', id: `mqtt://127.0.0.1:${broker.port}/out/{deviceId}` });
  });

  test('a write is done when the broker has acknowledged every message, and not before', async () => {
    const waiting: [Packet, Peer][] = [];
    const allThere = Promise.withResolvers<void>();
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (isPublish(packet) && waiting.push([packet, peer]) === 3) allThere.resolve();
      },
    });
    const sink = await openSink(broker.endpoint('out'), impatient({ silenceMs: 90 }));
    let isDone = false;
    const writing = sink.write(accepted(someLines(3)), INPUT, signal).then(() => {
      isDone = true;
    });
    await allThere.promise;
    for (const [packet, peer] of waiting.splice(0, 2)) acknowledge(packet, peer);
    await signsOfLife(broker.received);
    expect(isDone).toBe(false);
    for (const [packet, peer] of waiting) acknowledge(packet, peer);
    await writing;
  });

  test('no more messages are on their way than the broker allows', async () => {
    const waiting: Packet[] = [];
    let most = 0;
    await using broker = await serveScript({
      onConnect: (peer) => letIn(peer, { properties: { receiveMaximum: 7 } }),
      onPacket: (packet, peer) => {
        if (!isPublish(packet)) return;
        most = Math.max(most, waiting.push(packet));
        // Answered in the next round only, when everything that was sent at once has arrived.
        if (waiting.length > 1) return;
        setImmediate(() => {
          for (const each of waiting.splice(0)) acknowledge(each, peer);
        });
      },
    });
    const sink = await openSink(broker.endpoint('out'));
    await sink.write(accepted(someLines(100)), INPUT, signal);
    expect(most).toBe(7);
    expect(broker.received.filter(isPublish)).toHaveLength(100);
  });

  test('no identifier is given to a message while another one with it waits', async () => {
    let slow: Packet | undefined;
    let published = 0;
    const reused: (number | undefined)[] = [];
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (!isPublish(packet)) return;
        published++;
        if (packet.messageId === slow?.messageId) reused.push(packet.messageId);
        if (published === 1) slow = packet;
        else acknowledge(packet, peer);
        if (published === 66_000) acknowledge(slow!, peer);
      },
    });
    const sink = await openSink(broker.endpoint('out'));
    await sink.write(accepted(Array.from({ length: 66_000 }, () => '{}')), INPUT, signal);
    expect(published).toBe(66_000);
    expect(reused).toEqual([]);
  });

  test('what was not acknowledged when the connection ends is published again', async () => {
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (!isPublish(packet)) return;
        if (peer.number === 1 && packet.messageId! > 2) peer.socket.destroy();
        else acknowledge(packet, peer);
      },
    });
    const sink = await openSink(broker.endpoint('out'));
    const lines = someLines(5);
    await sink.write(accepted(lines), INPUT, signal);
    const published = broker.received.filter(isPublish).map(({ payload }) => payload.toString());
    expect(new Set(published)).toEqual(new Set(lines));
    expect(published.slice(-3)).toEqual(lines.slice(2));
    await sink.write(accepted(someLines(1)), INPUT, signal);
  });

  test('a broker that goes away between two writes is found again', async () => {
    await using broker = await serveScript(obliging);
    const sink = await openSink(broker.endpoint('out'));
    await sink.write(accepted(someLines(2)), INPUT, signal);
    broker.disconnectAll();
    await sink.write(accepted(someLines(2)), INPUT, signal);
    expect(broker.connections()).toBe(2);
  });
});

/** Two of them: by then the client has taken what was sent to it before. */
async function signsOfLife(received: readonly Packet[]): Promise<void> {
  const count = () => received.filter(({ cmd }) => cmd === 'pingreq').length;
  const before = count();
  while (count() < before + 2) await new Promise(setImmediate);
}

describe('a failure', () => {
  async function failureOf(script: Script, options = impatient(), lines = someLines(3)) {
    await using broker = await serveScript(script);
    const sink = await openSink(broker.endpoint('out/{deviceId}'), options);
    const failure = await sink.write(accepted(lines), INPUT, signal).catch((error) => error);
    const publishedBefore = broker.received.filter(isPublish).length;
    // A sink that has failed takes no more.
    await expect(sink.write(accepted(someLines(1)), INPUT, signal)).rejects.toBe(failure);
    expect(broker.received.filter(isPublish)).toHaveLength(publishedBefore);
    await sink.close();
    return { failure, connections: broker.connections() };
  }

  test.each([
    ['a message that nobody may publish', answering(0x87), 'PERMISSION_DENIED', 1],
    ['a message that the broker refuses', answering(0x99), 'BROKER_REFUSED', 1],
    ['a quota that stays used up', answering(0x97), 'BROKER_REFUSED', 3],
    ['no acknowledgement ever', {}, 'NETWORK_FAILED', 3],
    [
      'a broker that hangs up on each message',
      { onPacket: (_: Packet, peer: Peer) => peer.socket.destroy() },
      'NETWORK_FAILED',
      3,
    ],
    [
      'an acknowledgement of what was not sent',
      { onPacket: (_: Packet, peer: Peer) => peer.send({ cmd: 'puback', messageId: 999 }) },
      'NETWORK_FAILED',
      3,
    ],
    [
      'a broker that acknowledges nothing by nature',
      { onConnect: (peer: Peer) => letIn(peer, { properties: { maximumQoS: 0 } }) },
      'BROKER_REFUSED',
      1,
    ],
    [
      'a message larger than the broker takes',
      { onConnect: (peer: Peer) => letIn(peer, { properties: { maximumPacketSize: 30 } }) },
      'LIMIT_EXCEEDED',
      1,
    ],
    [
      'a wrong password',
      { onConnect: (peer: Peer) => peer.send({ cmd: 'connack', sessionPresent: false, reasonCode: 0x86 }) },
      'AUTHENTICATION_FAILED',
      1,
    ],
  ])('%s', async (_, script, code, connections) => {
    const outcome = await failureOf(script as Script, impatient({ acknowledgeTimeoutMs: 50 }));
    expect(outcome.failure).toMatchObject({ code });
    expect(outcome.connections).toBe(connections);
  });

  test('names the topic of a message that was refused, safe for a terminal', async () => {
    const { failure } = await failureOf(answering(0x87), impatient(), ['{"deviceId":"a\\u202e"}']);
    expect(failure.message).toContain('out/a\\u{202e}');
  });

  test('is also that the run was interrupted', async () => {
    const abort = new AbortController();
    await using broker = await serveScript({ onPacket: () => abort.abort() });
    const sink = await openSink(broker.endpoint('out'));
    await expect(sink.write(accepted(someLines(3)), INPUT, abort.signal)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });
});

function answering(reasonCode: number): Script {
  return { onPacket: (packet, peer) => acknowledge(packet, peer, reasonCode) };
}

test('the address of a sink says nothing of its password', async () => {
  const endpoint = parseSink('mqtts://broker.example/out') as MqttEndpoint;
  const sink = await openMqttSink(endpoint, { username: 'joe', password: 'hunter2' });
  expect(sink.id).toBe('mqtts://broker.example:8883/out');
});

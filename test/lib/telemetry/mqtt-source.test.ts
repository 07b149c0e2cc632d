import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import mqtt from 'mqtt';
import type { Packet } from 'mqtt-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { type MqttEndpoint, parseSource } from '../../../src/lib/telemetry/endpoint.js';
import type { LineChunk } from '../../../src/lib/telemetry/line-chunk.js';
import { type MqttSourceOptions, openMqttSource } from '../../../src/lib/telemetry/mqtt-source.js';
import type { Source } from '../../../src/lib/telemetry/source.js';
import { createAuthority } from '../net/certificates.js';
import { impatient, letIn, type Peer, publication, type Script, serveAedes, serveScript } from './brokers.js';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Reads until asked to stop. */
class Reader {
  readonly abort = new AbortController();
  readonly chunks: LineChunk[] = [];
  readonly source: Source;
  readonly #iterator: AsyncIterator<LineChunk>;

  constructor(source: Source, from?: { delivered: number }) {
    this.source = source;
    this.#iterator = source.read(from, this.abort.signal)[Symbol.asyncIterator]();
    cleanUps.push(() => source.close());
  }

  /** Reads chunks until there are `count` lines. */
  async lines(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) {
      const { value, done } = await this.#iterator.next();
      if (done) throw new Error(`the source ended after ${lines.length} lines`);
      this.chunks.push(value);
      lines.push(...Buffer.from(value.bytes).toString().split('\n').slice(0, -1));
    }
    return lines;
  }

  next(): Promise<IteratorResult<LineChunk>> {
    return this.#iterator.next();
  }

  async commit(): Promise<void> {
    await this.source.committed(this.chunks.at(-1)!.position!);
  }
}

async function openReader(
  endpoint: Parameters<typeof openMqttSource>[0],
  options?: MqttSourceOptions,
  from?: { delivered: number },
) {
  return new Reader(await openMqttSource(endpoint, { ...impatient(), ...options }), from);
}

async function publisher(port: number): Promise<mqtt.MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 20 });
  cleanUps.push(() => client.endAsync(true));
  return client;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`);

const lineCount = (chunks: readonly LineChunk[]) =>
  Buffer.concat(chunks.map(({ bytes }) => bytes))
    .toString()
    .split('\n').length - 1;

/** Waits until the broker gets rid of nothing any more. */
async function standstill(socket: Socket): Promise<void> {
  for (let last = -1, rounds = 0; rounds < 300; rounds = socket.writableLength === last ? rounds + 1 : 0) {
    last = socket.writableLength;
    await new Promise(setImmediate);
  }
}

/** Every failure of reading from a broker that does this. */
async function failureOf(script: Parameters<typeof serveScript>[0], options: MqttSourceOptions = impatient()) {
  await using broker = await serveScript(script);
  const source = await openMqttSource(broker.endpoint('fleet/#'), options);
  const reading = source.read(undefined, new AbortController().signal)[Symbol.asyncIterator]();
  const failure = await reading.next().catch((error) => error);
  await source.close();
  return { failure, broker };
}

describe('with a broker that keeps sessions', () => {
  test('a message that was not committed comes again to the next process, one that was does not', async () => {
    await using broker = await serveAedes();
    const endpoint = broker.endpoint('fleet/+/telemetry');
    const first = await openReader(endpoint);
    const reading = first.lines(5);
    await broker.subscribed;
    const client = await publisher(broker.port);
    for (const number of numbers(1, 5)) await client.publishAsync('fleet/a/telemetry', number, { qos: 1 });
    expect(await reading).toEqual(numbers(1, 5));
    await first.source.committed({ delivered: 3 });
    await first.source.close();

    const second = await openReader(endpoint, {}, { delivered: 3 });
    expect(await second.lines(2)).toEqual(['4', '5']);
    expect(second.chunks[0]).toMatchObject({ firstLine: 4 });
    expect(second.chunks.at(-1)!.position).toEqual({ delivered: 5 });
  });

  test('what is published while nobody reads waits for the next process', async () => {
    await using broker = await serveAedes();
    const endpoint = broker.endpoint('fleet/#');
    const first = await openReader(endpoint);
    const reading = first.next();
    await broker.subscribed;
    first.abort.abort();
    expect((await reading).done).toBe(true);
    await first.source.close();
    const client = await publisher(broker.port);
    for (const number of numbers(1, 300)) client.publish('fleet/a', number, { qos: 1 });
    await client.publishAsync('fleet/a', '301', { qos: 1 });

    const second = await openReader(endpoint);
    expect(await second.lines(301)).toEqual(numbers(1, 301));
  });

  test('messages go on after the connection was lost', async () => {
    await using broker = await serveAedes();
    const reader = await openReader(broker.endpoint('fleet/#'));
    const reading = reader.lines(1);
    await broker.subscribed;
    const client = await publisher(broker.port);
    await client.publishAsync('fleet/a', '1', { qos: 1 });
    expect(await reading).toEqual(['1']);
    broker.disconnectAll();
    const publishing = client.publishAsync('fleet/a', '2', { qos: 1 });
    expect(await reader.lines(2)).toEqual(['1', '2']); // 1 was not committed
    await publishing;
  });

  test('messages arrive over TLS with a private certificate authority', async () => {
    const { broker, caFile } = await tlsBroker();
    const reader = await openReader(broker.endpoint('a'), { caFile });
    const reading = reader.lines(1);
    await broker.subscribed;
    broker.aedes.publish(
      { cmd: 'publish', topic: 'a', payload: 'over TLS', qos: 1, dup: false, retain: false },
      () => undefined,
    );
    expect(await reading).toEqual(['over TLS']);
  });

  test('a certificate of a stranger is refused at once', async () => {
    const { broker } = await tlsBroker();
    const options = impatient();
    const reader = await openReader(broker.endpoint('a'), options);
    await expect(reader.next()).rejects.toMatchObject({ code: 'TLS_FAILED', exitCode: 7 });
    expect(options.delaysMs).toEqual([]);
  });
});

async function tlsBroker() {
  const authority = await createAuthority('Broker Authority');
  const folder = await mkdtemp(join(tmpdir(), 'mqtt-test-'));
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, authority.pem);
  const broker = await serveAedes(await authority.issue());
  cleanUps.push(
    () => rm(folder, { recursive: true }),
    async () => broker[Symbol.asyncDispose](),
  );
  return { broker, caFile };
}

describe('acknowledgements', () => {
  test('thousands of messages are read without one, and acknowledged in order once committed', async () => {
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (packet.cmd !== 'subscribe') return;
        for (const number of numbers(1, 10_000)) peer.send(publication(Number(number), number));
      },
    });
    const reader = await openReader(broker.endpoint('fleet/#'));
    expect(await reader.lines(10_000)).toEqual(numbers(1, 10_000));
    const acknowledged = () => broker.received.filter(({ cmd }) => cmd === 'puback').map(({ messageId }) => messageId);
    expect(acknowledged()).toEqual([]);
    await reader.source.committed({ delivered: 7_000 });
    await reader.source.committed({ delivered: 7_000 });
    await reader.source.close();
    expect(acknowledged()).toEqual(numbers(1, 7_000).map(Number));
  });

  test('a packet identifier of a lost connection is not acknowledged on the next one', async () => {
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (packet.cmd !== 'subscribe') return;
        if (peer.number === 1) {
          peer.send(publication(1, 'old'));
        } else {
          peer.send(publication(1, 'another message'));
          peer.send(publication(2, 'old'));
        }
      },
    });
    const reader = await openReader(broker.endpoint('fleet/#'));
    await reader.lines(1);
    const former = reader.chunks.at(-1)!.position!;
    broker.disconnectAll();
    expect(await reader.lines(2)).toEqual(['another message', 'old']);
    await reader.source.committed(former);
    await reader.source.committed({ delivered: 2 });
    await reader.source.close();
    expect(broker.received.filter(({ cmd }) => cmd === 'puback').map(({ messageId }) => messageId)).toEqual([1]);
  });

  test('those for the last batch still leave after reading was stopped', async () => {
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (packet.cmd === 'subscribe') peer.send(publication(9, 'last'));
      },
    });
    const reader = await openReader(broker.endpoint('fleet/#'));
    await reader.lines(1);
    reader.abort.abort();
    expect((await reader.next()).done).toBe(true);
    await reader.commit();
    await reader.source.close();
    expect(broker.received.map(({ cmd }) => cmd).slice(-2)).toEqual(['puback', 'disconnect']);
    expect(broker.received.at(-2)).toMatchObject({ messageId: 9 });
  });
});

describe('an abort', () => {
  test.each([
    ['the broker says nothing', { onConnect: () => undefined }],
    ['the subscription is not answered', onSubscribe(() => undefined)],
    ['nothing is published', {}],
  ])('ends reading quietly, also while %s', async (_, script: Script) => {
    const abort = new AbortController();
    const asked = Promise.withResolvers<void>();
    await using broker = await serveScript({
      ...script,
      onConnect: (peer) => {
        (script.onConnect ?? letIn)(peer);
        if (script.onConnect) asked.resolve();
      },
      onPacket: (packet, peer) => {
        script.onPacket?.(packet, peer);
        asked.resolve();
      },
    });
    const source = await openMqttSource(broker.endpoint('fleet/#'), impatient());
    const reading = source.read(undefined, abort.signal)[Symbol.asyncIterator]().next();
    await asked.promise;
    abort.abort();
    expect((await reading).done).toBe(true);
    await source.close();
  });
});

describe('the session', () => {
  test('is one that the broker keeps for ever, with a name that every run on the topic has', async () => {
    const connects: unknown[] = [];
    await using broker = await serveScript({
      onConnect: (peer) => {
        connects.push(peer.connect);
        letIn(peer);
        peer.socket.end();
      },
    });
    for (let run = 0; run < 2; run++)
      await (await openReader(broker.endpoint('fleet/#'))).next().catch(() => undefined);
    expect(connects[0]).toMatchObject({
      clean: false,
      clientId: expect.stringMatching(/^[0-9a-z]{23}$/),
      properties: { sessionExpiryInterval: 0xffffffff, receiveMaximum: 16_384 },
    });
    expect(new Set(connects.map((packet) => (packet as { clientId: string }).clientId)).size).toBe(1);
  });

  test('that the broker has lost since the checkpoint is a warning, and messages flow', async () => {
    const warnings: string[] = [];
    await using broker = await serveScript({
      onConnect: (peer) => letIn(peer),
      onPacket: (packet, peer) => {
        if (packet.cmd === 'subscribe') peer.send(publication(1, 'the first of a new session'));
      },
    });
    const options = { onWarning: (code: string) => warnings.push(code) };
    const reader = await openReader(broker.endpoint('fleet/#'), options, { delivered: 12 });
    expect(await reader.lines(1)).toEqual(['the first of a new session']);
    expect(warnings).toEqual(['SESSION_LOST']);
  });

  test('that the broker has kept since the checkpoint is none', async () => {
    const warnings: string[] = [];
    await using broker = await serveScript({
      onConnect: (peer) => letIn(peer, { sessionPresent: true }),
      onPacket: (packet, peer) => {
        if (packet.cmd === 'subscribe') peer.send(publication(1, 'kept'));
      },
    });
    const options = { onWarning: (code: string) => warnings.push(code) };
    const reader = await openReader(broker.endpoint('fleet/#'), options, { delivered: 12 });
    expect(await reader.lines(1)).toEqual(['kept']);
    expect(warnings).toEqual([]);
  });

  test('that the broker loses while it is read is a warning', async () => {
    const warnings: string[] = [];
    await using broker = await serveScript({
      onConnect: (peer) => letIn(peer),
      onPacket: (packet, peer) => {
        if (packet.cmd === 'subscribe') peer.send(publication(1, `from connection ${peer.number}`));
      },
    });
    const reader = await openReader(broker.endpoint('fleet/#'), { onWarning: (code) => warnings.push(code) });
    await reader.lines(1);
    expect(warnings).toEqual([]);
    broker.disconnectAll();
    expect(await reader.lines(1)).toEqual(['from connection 2']);
    expect(warnings).toHaveLength(1);
  });

  test('taken over by another client ends the run: both would throw each other out for ever', async () => {
    const { failure, broker } = await failureOf({
      onPacket: (packet, peer) => {
        if (packet.cmd === 'subscribe') peer.send({ cmd: 'disconnect', reasonCode: 0x8e });
      },
    });
    expect(failure).toMatchObject({ code: 'BROKER_REFUSED', message: expect.stringContaining('the same name') });
    expect(broker.connections()).toBe(1);
  });
});

describe('lines', () => {
  test('line breaks inside a message become spaces, and an empty message an empty line', async () => {
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (packet.cmd !== 'subscribe') return;
        for (const [index, payload] of ['{\r\n"a": 1\n}', '', '\n'].entries())
          peer.send(publication(index + 1, payload));
      },
    });
    const reader = await openReader(broker.endpoint('fleet/#'));
    expect(await reader.lines(3)).toEqual(['{  "a": 1 }', '', ' ']);
  });

  test('messages that outrun the reader hold the broker back', async () => {
    const payload = Buffer.alloc(1_000_000, 'x');
    let socket: Socket | undefined;
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (packet.cmd !== 'subscribe') return;
        socket = peer.socket;
        for (let number = 1; number <= 60; number++) peer.send(publication(number, payload));
      },
    });
    const reader = await openReader(broker.endpoint('fleet/#'));
    await reader.lines(1);
    await standstill(socket!);
    await reader.lines(60 - lineCount(reader.chunks));
    const sizes = reader.chunks.map(({ bytes }) => bytes.length);
    expect(sizes.length).toBeGreaterThan(10);
    expect(Math.max(...sizes)).toBeLessThan(6_000_000);
  });

  test('messages that outrun the acknowledgements hold the broker back, however many it dares to send', async () => {
    let socket: Socket | undefined;
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (packet.cmd !== 'subscribe') return;
        socket = peer.socket;
        for (let number = 0; number < 70_000; number++) {
          peer.send(publication((number % 65_535) + 1, `${number} ${'x'.repeat(40)}`));
        }
      },
    });
    const reader = await openReader(broker.endpoint('fleet/#'));
    const lines = await reader.lines(16_384);
    await standstill(socket!);
    while (lines.length < 70_000) {
      await reader.commit();
      lines.push(...(await reader.lines(1)));
    }
    expect(Math.max(...reader.chunks.map((chunk) => lineCount([chunk])))).toBeLessThan(20_000);
    expect(lines.map((line) => Number.parseInt(line, 10))).toEqual(Array.from({ length: 70_000 }, (_, n) => n));
  });

  test('may come in any amount before the answer to the subscription', async () => {
    await using broker = await serveScript({
      grants: false,
      onPacket: (packet, peer) => {
        if (packet.cmd !== 'subscribe') return;
        for (let number = 1; number <= 12; number++) peer.send(publication(number, 'x'.repeat(1_000_000)));
        peer.send({ cmd: 'suback', messageId: packet.messageId!, granted: [1] });
        peer.send(publication(13, 'the last'));
      },
    });
    const reader = await openReader(broker.endpoint('fleet/#'));
    expect((await reader.lines(13)).at(-1)).toBe('the last');
  });

  test('messages without acknowledgement are told once', async () => {
    const warnings: string[] = [];
    await using broker = await serveScript({
      onPacket: (packet, peer) => {
        if (packet.cmd !== 'subscribe') return;
        for (let i = 0; i < 3; i++)
          peer.send({ cmd: 'publish', topic: 'a', payload: 'm', qos: 0, dup: false, retain: false });
      },
    });
    const reader = await openReader(broker.endpoint('a'), { onWarning: (code) => warnings.push(code) });
    await reader.lines(3);
    expect(warnings).toHaveLength(1);
  });
});

describe('a broker that refuses', () => {
  test.each([
    [5, 0x86],
    [5, 0x87],
    [4, 4],
    [4, 5],
  ])('the login of MQTT %i with %i ends the run with 15, and names no password', async (version, code) => {
    const { failure, broker } = await failureOf(
      {
        onConnect: (peer) => {
          const isOlder = peer.connect.protocolVersion !== version;
          const answer = isOlder ? 1 : code;
          peer.send({ cmd: 'connack', sessionPresent: false, reasonCode: answer, returnCode: answer });
        },
      },
      { ...impatient(), username: 'fleet', password: 'hunter2' },
    );
    expect(failure).toMatchObject({ code: 'AUTHENTICATION_FAILED', exitCode: 15 });
    expect(JSON.stringify([failure, failure.message, String(failure.cause)])).not.toContain('hunter2');
    expect(broker.connections()).toBe(version === 5 ? 1 : 2);
    expect(broker.received[0]).toMatchObject({ username: 'fleet', password: Buffer.from('hunter2') });
  });

  test.each([
    ['a client that is banned', { onConnect: (peer: Peer) => refuse(peer, 0x8a) }, 'AUTHENTICATION_FAILED'],
    ['a client name', { onConnect: (peer: Peer) => refuse(peer, 0x85) }, 'BROKER_REFUSED'],
    ['for ever because it is busy', { onConnect: (peer: Peer) => refuse(peer, 0x89) }, 'BROKER_REFUSED'],
    ['the topic', onSubscribe((peer) => granted(peer, 0x87)), 'PERMISSION_DENIED'],
    ['the topic of MQTT 3.1.1', onSubscribe((peer) => granted(peer, 0x80)), 'BROKER_REFUSED'],
    ['quality of service 1', onSubscribe((peer) => granted(peer, 0)), 'BROKER_REFUSED'],
  ])('%s', async (_, script, code) => {
    const { failure } = await failureOf(script);
    expect(failure).toMatchObject({ code });
  });

  test('only because it is busy is asked again, after longer and longer waits', async () => {
    const options = impatient({ firstAttempts: 4, retryDelayMs: 500, retryDelayLimitMs: 1_500 });
    await failureOf({ onConnect: (peer) => refuse(peer, 0x89) }, options);
    expect(options.delaysMs).toEqual([250, 500, 750]);
  });
});

function refuse(peer: Peer, reasonCode: number) {
  peer.send({ cmd: 'connack', sessionPresent: false, reasonCode });
}

function granted(peer: Peer, code: number) {
  peer.send({ cmd: 'suback', messageId: 1, granted: [code] });
}

/** A broker that answers a subscription with this alone. */
function onSubscribe(answer: (peer: Peer) => void): Script {
  return { grants: false, onPacket: (packet, peer) => void (packet.cmd === 'subscribe' && answer(peer)) };
}

describe('a hostile broker', () => {
  test.each([
    ['hangs up', { onConnect: (peer: Peer) => peer.socket.destroy() }, 'closed the connection'],
    ['speaks HTTP', { onConnect: (peer: Peer) => peer.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n') }, 'no MQTT'],
    [
      'answers CONNECT with a message',
      { onConnect: (peer: Peer) => peer.send(publication(1, 'x')) },
      'CONNECT with publish',
    ],
    ['lets in and throws out', onSubscribe((peer) => peer.socket.destroy()), 'closed the connection'],
    [
      'disconnects politely for ever',
      onSubscribe((peer) => peer.send({ cmd: 'disconnect', reasonCode: 0x8b })),
      'shutting down',
    ],
    [
      'sends exactly once',
      onSubscribe((peer) => peer.send({ ...publication(1, 'x'), qos: 2 } as Packet)),
      'quality of service',
    ],
    ['sends garbage after a while', onSubscribe((peer) => peer.socket.write(Buffer.alloc(100, 0xff))), 'no MQTT'],
  ])('%s: the run ends after a bounded number of attempts', async (_, script, fact) => {
    const { failure, broker } = await failureOf(script);
    expect(failure).toMatchObject({ exitCode: 7, message: expect.stringContaining(fact) });
    expect(broker.connections()).toBeLessThanOrEqual(5);
    expect(broker.connections()).toBeGreaterThan(1);
  });

  test.each([
    ['says nothing', { onConnect: () => undefined }, 'no answer from the broker'],
    ['never answers the subscription', onSubscribe(() => undefined), 'no answer to the subscription'],
    ['falls silent', { answersPings: false }, 'the broker is silent'],
  ])('%s: it is left after a while, and not asked without end', async (_, script, fact) => {
    const options = impatient({ connectTimeoutMs: 300, silenceMs: 60, firstAttempts: 2, attempts: 2 });
    const { failure, broker } = await failureOf(script, options);
    expect(failure).toMatchObject({ exitCode: 7, message: expect.stringContaining(fact) });
    expect(broker.connections()).toBe(2);
  });

  test('announces a packet of 256 MiB: nothing of it is collected beyond the limit', async () => {
    const { failure, broker } = await failureOf(
      onSubscribe((peer) => {
        peer.socket.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]));
        peer.socket.write(Buffer.alloc(3 * 1024 * 1024));
      }),
    );
    expect(failure).toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
    expect(broker.connections()).toBe(1);
  });

  test('whatever it sends, the run ends with a failure of its own or goes on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.boolean(), async (bytes, isLate) => {
        const script = {
          onConnect: (peer: Peer) => {
            if (isLate) letIn(peer);
            peer.socket.end(bytes);
          },
        };
        const { failure } = await failureOf(script, impatient({ attempts: 1, firstAttempts: 1 }));
        expect(failure.value?.bytes ?? failure.exitCode).toBeDefined();
      }),
      { numRuns: 60 },
    );
  });
});

describe('a password', () => {
  test('does not travel to another machine in clear text', async () => {
    const endpoint = parseSource('mqtt://broker.example/a') as MqttEndpoint;
    const opening = openMqttSource(endpoint, { username: 'u', password: 'hunter2' });
    await expect(opening).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.not.stringContaining('hunter2'),
    });
  });

  test('is no part of what the source is known by', async () => {
    const endpoint = parseSource('mqtts://broker.example/a/#?client=w') as MqttEndpoint;
    const source = await openMqttSource(endpoint, { username: 'joe', password: 'hunter2' });
    expect(source.id).toBe('mqtts://broker.example:8883/a/#?client=w');
  });
});

import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { parseSink, parseSource } from '../../../src/lib/telemetry/endpoint.js';

function refusal(parse: () => unknown): OtaError {
  try {
    parse();
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('the address of an end', () => {
  test.each([
    ['trip.ndjson', { kind: 'file', path: 'trip.ndjson' }],
    ['./a?b#c', { kind: 'file', path: './a?b#c' }],
    ['file:///data/a%20b.ndjson', { kind: 'file', path: '/data/a b.ndjson' }],
    ['-', { kind: 'stdio' }],
    ['mqtt://Broker/fleet/v1', { kind: 'mqtt', host: 'broker', port: 1883, isTls: false, topic: 'fleet/v1' }],
    ['mqtts://[::1]:9/a', { kind: 'mqtt', host: '::1', port: 9, isTls: true, topic: 'a' }],
    [
      'kafka://a,b:19092/telemetry.raw',
      { kind: 'kafka', brokers: ['a:9092', 'b:19092'], isTls: false, topic: 'telemetry.raw' },
    ],
    ['kafkas://[fe80::1]/t', { kind: 'kafka', brokers: ['[fe80::1]:9093'], isTls: true, topic: 't' }],
  ])('%s means the same to a source and a sink', (text, endpoint) => {
    expect(parseSource(text)).toEqual(endpoint);
    expect(parseSink(text)).toEqual(endpoint);
  });

  test.each([
    ['mqtt://h/fleet/+/telemetry', 'fleet/+/telemetry'],
    ['mqtt://h/fleet/#', 'fleet/#'],
    ['mqtt://h/#', '#'],
    ['mqtt://h/%24share/workers/fleet/%2B/a%3Fb', '$share/workers/fleet/+/a?b'],
    ['mqtt://h//a/', '/a/'],
  ])('%s subscribes to %s', (text, topic) => {
    expect(parseSource(text)).toMatchObject({ topic });
  });

  test('names the session of an MQTT source', () => {
    expect(parseSource('mqtt://h/fleet/#?client=worker-1')).toMatchObject({ topic: 'fleet/#', clientId: 'worker-1' });
  });

  test('may make the topic of a sink of the message', () => {
    expect(parseSink('mqtt://h/out/{deviceId}/{type}')).toMatchObject({ topic: 'out/{deviceId}/{type}' });
  });

  test('keeps the query of a sink over HTTP', () => {
    const endpoint = parseSink('https://h:8443/in?tenant=a#there');
    expect(endpoint.kind === 'http' && endpoint.url.href).toBe('https://h:8443/in?tenant=a');
  });
});

describe('an address that means nothing', () => {
  test.each([
    ['', 'is empty'],
    ['mqtt://h', 'the topic is missing'],
    ['mqtt://h/', 'the topic is missing'],
    ['mqtt:///a', 'is no host'],
    ['mqtt://h:0/a', 'is no host'],
    ['mqtt://h:65536/a', 'is no host'],
    ['mqtt://h:/a', 'is no host'],
    ['mqtt://a b/a', 'is no host'],
    ['mqtt://h/a+/b', 'the wildcard + stands alone'],
    ['mqtt://h/#/b', 'the wildcard # stands alone after the last slash'],
    ['mqtt://h/a%00', 'control characters'],
    ['mqtt://h/a%ZZ', 'a % that begins no encoded character'],
    [`mqtt://h/${'a'.repeat(65_536)}`, 'more than 65535 bytes'],
    ['mqtt://h/a?qos=2', 'knows no option "qos"'],
    ['mqtt://h/a?client=a%20b', 'a client name has'],
    ['kafka://h/', 'no name of a Kafka topic'],
    ['kafka://h/a/b', 'no name of a Kafka topic'],
    ['kafka://h/..', 'no name of a Kafka topic'],
    ['kafka://h,/a', 'is no host'],
    ['file://server/share', 'not the address of a file'],
    ['mqqt://h/a', 'is no scheme'],
    ['https://h/a', 'not read over HTTP'],
  ])('%s is refused as a source', (text, fact) => {
    const error = refusal(() => parseSource(text));
    expect(error.code).toBe('USAGE');
    expect(error.message).toContain(fact);
  });

  test.each([
    ['mqtt://h/a/#', 'wildcards'],
    ['mqtt://h/{device}', 'the topic holds {device}'],
    ['http://', 'not a valid URL'],
  ])('%s is refused as a sink', (text, fact) => {
    const error = refusal(() => parseSink(text));
    expect(error.code).toBe('USAGE');
    expect(error.message).toContain(fact);
  });

  test('names the scheme that was probably meant', () => {
    expect(refusal(() => parseSource('mqqt://h/a')).suggestions[0]).toBe('Did you mean mqtt://?');
  });

  test.each(['mqtt://user:hunter2@h/a', 'kafka://a,hunter2@b/t', 'https://x:hunter2@h/', 'nats://hunter2@h/'])(
    'a secret in it is not repeated (%#)',
    (text) => {
      const error = refusal(() => parseSink(text));
      expect(error.code).toBe('SECRET_IN_ARGV');
      expect(`${error.message} ${error.suggestions}`).not.toContain('hunter2');
    },
  );
});

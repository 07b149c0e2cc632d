import { didYouMean } from '../core/did-you-mean.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { MQTT_PLACEHOLDERS, mqttFilterFault, mqttTemplateFault } from './mqtt-topic.js';

/** An http(s) address that batches are posted to. */
export interface HttpEndpoint {
  readonly kind: 'http';
  readonly url: URL;
}

/** A topic of an MQTT broker. */
export interface MqttEndpoint {
  readonly kind: 'mqtt';
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** A source's topic filter, a sink's topic template. */
  readonly topic: string;
  /** The name under which the broker keeps a source's session. */
  readonly clientId?: string;
}

/** A topic of a Kafka cluster. */
export interface KafkaEndpoint {
  readonly kind: 'kafka';
  /** `host:port` of those to ask first. */
  readonly brokers: readonly string[];
  readonly isTls: boolean;
  readonly topic: string;
}

interface LocalEndpoint {
  readonly kind: 'file';
  readonly path: string;
}

interface StandardStream {
  readonly kind: 'stdio';
}

export type SourceEndpoint = LocalEndpoint | StandardStream | MqttEndpoint | KafkaEndpoint;
export type SinkEndpoint = LocalEndpoint | StandardStream | HttpEndpoint | MqttEndpoint | KafkaEndpoint;

const SCHEMES = ['file', 'http', 'https', 'mqtt', 'mqtts', 'kafka', 'kafkas'];
const DEFAULT_PORTS = { mqtt: 1883, mqtts: 8883, kafka: 9092, kafkas: 9093 } as const;
/** Kafka's own rule (org.apache.kafka.common.internals.Topic). */
const KAFKA_TOPIC = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/**
 * Where messages come from, as a person types it: a path, `-`, `mqtt://HOST[:PORT]/FILTER[?client=NAME]`
 * or `kafka://HOST[:PORT][,HOST…]/TOPIC`; `mqtts` and `kafkas` for TLS. A filter may hold `+` and `#` as they are;
 * what else means something in an address (`?`, `%`) is percent-encoded.
 *
 * @throws OtaError USAGE; SECRET_IN_ARGV when the address carries a user or a password, which is not repeated
 */
export function parseSource(text: string): SourceEndpoint {
  const endpoint = parseEndpoint(text, 'source');
  if (endpoint.kind !== 'http') return endpoint;
  throw new OtaError('USAGE', `${endpoint.url.protocol}//${endpoint.url.host}: telemetry is not read over HTTP`, [
    'Download the file and name its path, or pipe it into -.',
  ]);
}

/**
 * Where messages go to: as for sources, and `http://` or `https://` to post batches to. The topic of an MQTT sink may
 * hold `{deviceId}`, `{vin}`, `{type}` and `{messageId}`.
 *
 * @throws OtaError USAGE; SECRET_IN_ARGV when the address carries a user or a password, which is not repeated
 */
export function parseSink(text: string): SinkEndpoint {
  return parseEndpoint(text, 'sink');
}

function parseEndpoint(text: string, role: 'source' | 'sink'): SinkEndpoint {
  if (text === '-') return { kind: 'stdio' };
  if (text === '') throw new OtaError('USAGE', `The ${role} is empty, a path or an address was expected`);
  const [, scheme, authority = '', path = '', query] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?]*)(?:\?(.*))?$/is.exec(text) ?? [];
  if (scheme === undefined) return { kind: 'file', path: text };
  const lower = scheme.toLowerCase();
  // Arguments are visible to every process of the machine and end up in logs.
  if (authority.includes('@')) {
    throw new OtaError('SECRET_IN_ARGV', `The address of the ${role} carries a user name or password`, [
      `Remove it from the address; use --${role}-username, and --${role}-password-env for the password.`,
    ]);
  }
  switch (lower) {
    case 'file':
      return fileEndpoint(text);
    case 'http':
    case 'https':
      return httpEndpoint(text);
    case 'mqtt':
    case 'mqtts':
      return mqttEndpoint({ scheme: lower, authority, path, query, role });
    case 'kafka':
    case 'kafkas':
      return kafkaEndpoint({ scheme: lower, authority, path, query, role });
    default:
      throw unknownScheme(lower);
  }
}

interface AddressParts<Scheme> {
  readonly scheme: Scheme;
  readonly authority: string;
  /** With its leading slash, and with what a URL would call its fragment: `#` is a wildcard of MQTT. */
  readonly path: string;
  readonly query: string | undefined;
  readonly role: 'source' | 'sink';
}

function fileEndpoint(text: string): LocalEndpoint {
  const url = URL.parse(text);
  if (url === null || url.host !== '' || url.search !== '' || url.hash !== '') {
    throw new OtaError('USAGE', `${escapeText(text)}: not the address of a file on this machine`, ['Name its path.']);
  }
  return { kind: 'file', path: decoded(url.pathname, text) };
}

function httpEndpoint(text: string): HttpEndpoint {
  const url = URL.parse(text);
  if (url === null) throw new OtaError('USAGE', 'The address of the sink is not a valid URL', ['Check its spelling.']);
  url.hash = '';
  return { kind: 'http', url };
}

function mqttEndpoint({ scheme, authority, path, query, role }: AddressParts<'mqtt' | 'mqtts'>): MqttEndpoint {
  const name = `${scheme}://${authority}`;
  const { host, port } = hostAndPort(authority, name, DEFAULT_PORTS[scheme]);
  const topic = decoded(path.slice(1), name);
  const fault = role === 'source' ? mqttFilterFault(topic) : mqttTemplateFault(topic);
  if (fault !== undefined) {
    const known = MQTT_PLACEHOLDERS.map((placeholder) => `{${placeholder}}`).join(', ');
    throw new OtaError('USAGE', `${escapeText(name)}: ${fault}`, [
      role === 'source'
        ? `Write ${escapeText(name)}/TOPIC, with + for one level and # for all further ones.`
        : `Write ${escapeText(name)}/TOPIC, without wildcards; the topic may hold ${known}.`,
    ]);
  }
  const options = new URLSearchParams(query ?? '');
  const clientId = options.get('client');
  options.delete('client');
  if (options.size > 0) {
    throw new OtaError(
      'USAGE',
      `${escapeText(name)}: the address knows no option "${escapeText([...options.keys()][0]!)}"`,
      ['The only one is ?client=NAME.'],
    );
  }
  if (clientId !== null && !/^[\x21-\x7e]{1,128}$/.test(clientId)) {
    throw new OtaError('USAGE', `${escapeText(name)}: a client name has 1 to 128 printable ASCII characters`);
  }
  return { kind: 'mqtt', host, port, isTls: scheme === 'mqtts', topic, ...(clientId === null ? {} : { clientId }) };
}

function kafkaEndpoint({ scheme, authority, path, query }: AddressParts<'kafka' | 'kafkas'>): KafkaEndpoint {
  const name = `${scheme}://${authority}`;
  const topic = path.slice(1);
  if (query !== undefined || !KAFKA_TOPIC.test(topic)) {
    throw new OtaError('USAGE', `${escapeText(name)}: "${escapeText(topic)}" is no name of a Kafka topic`, [
      `Write ${escapeText(name)}/TOPIC with 1 to 249 of A-Z a-z 0-9 . _ -`,
    ]);
  }
  const brokers = authority.split(',').map((broker) => {
    const { host, port } = hostAndPort(broker, name, DEFAULT_PORTS[scheme]);
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  });
  return { kind: 'kafka', brokers, isTls: scheme === 'kafkas', topic };
}

function hostAndPort(authority: string, name: string, defaultPort: number): { host: string; port: number } {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::(\d{1,5}))?$/i.exec(authority) ?? [];
  const host = (bracketed ?? plain)?.toLowerCase();
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new OtaError('USAGE', `${escapeText(name)}: "${escapeText(authority)}" is no host with an optional port`, [
      'Write HOST, HOST:PORT or [IPV6]:PORT.',
    ]);
  }
  return { host, port };
}

function decoded(text: string, name: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new OtaError(
      'USAGE',
      `${escapeText(name)}: the address holds a % that begins no encoded character`,
      ['Write %25 for a percent sign.'],
      { cause: error },
    );
  }
}

function unknownScheme(scheme: string): OtaError {
  const meant = didYouMean(scheme, SCHEMES);
  return new OtaError('USAGE', `${escapeText(scheme)}:// is no scheme that telemetry travels by`, [
    ...(meant === undefined ? [] : [`Did you mean ${meant}://?`]),
    `Name a path, - or an address with ${SCHEMES.join(', ')}.`,
  ]);
}

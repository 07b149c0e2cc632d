import { OtaError } from '../core/errors.js';
import { isLoopback } from '../net/http-policy.js';
import { type Pacing, systemPacing } from '../net/pacing.js';
import { readPem } from '../net/pem-file.js';
import type { MqttEndpoint } from './endpoint.js';

export interface MqttLimits {
  /** Time to open a connection until the broker has let the client in, and to subscribe, milliseconds. */
  connectTimeoutMs: number;
  /** Longest silence of the broker, milliseconds; it is asked for a sign of life in time. */
  silenceMs: number;
  /** Longest wait for the broker to acknowledge anything of what was published, milliseconds. */
  acknowledgeTimeoutMs: number;
  /** Time for the last acknowledgements to leave at the end, milliseconds. */
  closeTimeoutMs: number;
  /** Largest packet accepted from the broker, bytes. */
  packetBytes: number;
  /** Attempts to connect for the first time, and again after a connection was lost. */
  firstAttempts: number;
  attempts: number;
  /** Upper bounds of the first and of the longest delay between two attempts, milliseconds. */
  retryDelayMs: number;
  retryDelayLimitMs: number;
}

const DEFAULT_MQTT_LIMITS: MqttLimits = {
  connectTimeoutMs: 10_000,
  silenceMs: 45_000,
  acknowledgeTimeoutMs: 30_000,
  closeTimeoutMs: 5_000,
  packetBytes: 2 * 1024 * 1024,
  firstAttempts: 5,
  attempts: 20,
  retryDelayMs: 500,
  retryDelayLimitMs: 30_000,
};

/** How to get into a broker. Values, never shown; all of them optional. */
export interface MqttAccess {
  username?: string | undefined;
  password?: string | undefined;
  /** PEM file of certificate authorities that replaces the public ones. */
  caFile?: string | undefined;
  limits?: Partial<MqttLimits> | undefined;
  pacing?: Pacing | undefined;
}

/** An endpoint with everything that is needed to connect to it. */
export interface MqttBroker {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** `mqtt://host:port`, as it may be printed and kept. */
  readonly name: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly authorities: Buffer | undefined;
  readonly limits: MqttLimits;
  readonly pacing: Pacing;
}

/**
 * Reads what connecting needs; connects to nothing.
 *
 * @throws OtaError CONFIG_INVALID for a password that would travel in clear text, or a file without certificates
 */
export async function mqttBroker(endpoint: MqttEndpoint, access: MqttAccess): Promise<MqttBroker> {
  const { host, port, isTls } = endpoint;
  const hostInUrl = host.includes(':') ? `[${host}]` : host;
  const name = `${isTls ? 'mqtts' : 'mqtt'}://${hostInUrl}:${port}`;
  const { username, password, caFile } = access;
  if (password !== undefined && username === undefined) {
    throw new OtaError('CONFIG_INVALID', `${name}: a password was given without a user name`, ['Give both.']);
  }
  // A password in clear text is everybody's password; only this machine itself is exempt.
  if (password !== undefined && !isTls && !isLoopback(hostInUrl)) {
    throw new OtaError('CONFIG_INVALID', `${name}: a password is sent over TLS only`, ['Use an mqtts:// address.']);
  }
  return {
    host,
    port,
    isTls,
    name,
    username,
    password,
    authorities: caFile === undefined ? undefined : await readPem(caFile, 'ca', 'CERTIFICATE'),
    limits: { ...DEFAULT_MQTT_LIMITS, ...access.limits },
    pacing: access.pacing ?? systemPacing,
  };
}

import { OtaError } from '../lib/core/errors.js';
import { isLoopback } from '../lib/net/http-policy.js';
import { readPem } from '../lib/net/pem-file.js';
import type { KafkaEndpoint } from '../lib/telemetry/endpoint.js';
import { brokerAddress, type KafkaOptions } from '../lib/telemetry/kafka-options.js';
import { accessOf, type ConnectionFlags } from './connection-flags.js';

/** The cluster of a `kafka://` address, with what was typed to get into it. @throws OtaError CONFIG_INVALID, USAGE */
export async function kafkaAccess(
  { brokers, isTls }: KafkaEndpoint,
  role: 'source' | 'sink',
  flags: ConnectionFlags,
): Promise<KafkaOptions> {
  const { username, password, caFile } = accessOf(role, flags);
  const isRemote = brokers.some((broker) => !isLoopback(loopbackName(broker)));
  // A password in clear text is everybody's password; only this machine itself is exempt.
  if (password !== undefined && !isTls && isRemote) {
    throw new OtaError('CONFIG_INVALID', `kafka://${brokers.join(',')}: a password is sent over TLS only`, [
      'Use a kafkas:// address.',
    ]);
  }
  if ((username === undefined) !== (password === undefined)) {
    throw new OtaError('USAGE', `--${role}-username: Kafka needs a password as well`, [
      `Add --${role}-password-env NAME.`,
    ]);
  }
  return {
    brokers,
    clientId: 'ota-fleet',
    ...(isTls && { tls: caFile === undefined ? {} : { ca: await readPem(caFile, 'ca', 'CERTIFICATE') } }),
    ...(username !== undefined && password !== undefined && { sasl: { mechanism: flags.sasl, username, password } }),
  };
}

function loopbackName(broker: string): string {
  const { host } = brokerAddress(broker);
  return host.includes(':') ? `[${host}]` : host;
}

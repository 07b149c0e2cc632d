import { Flags } from '@oclif/core';
import { OtaError } from '../../lib/core/errors.js';
import { parseListenAddress } from '../../lib/server/listen-address.js';
import type { MqttOptions } from '../../lib/server/mqtt/start-mqtt.js';
import { secretOfEnvironment } from '../../lib/ui/secret.js';

const helpGroup = 'BROKER';
/** The server chooses its topics itself. */
const ANY_TOPIC = '/t';

/** Where devices publish: at a broker of the server's own, or at one that is there already. */
export const brokerFlags = {
  mqtt: Flags.string({
    summary: 'Where to listen for MQTT, or "off".',
    helpValue: 'HOST:PORT',
    default: '127.0.0.1:1883',
    helpGroup,
  }),
  'mqtt-broker': Flags.string({
    summary: 'Take messages from this broker instead; `fleet serve mosquitto-acl` prints what it has to allow.',
    helpValue: 'mqtt://HOST',
    dependsOn: ['mqtt-username', 'mqtt-password-env', 'mqtt-probe-device', 'mqtt-probe-password-env'],
    helpGroup,
  }),
  'mqtt-username': Flags.string({ summary: 'Name of the server at that broker.', helpValue: 'NAME', helpGroup }),
  'mqtt-password-env': Flags.string({
    summary: 'Name of the environment variable that holds its password.',
    helpValue: 'NAME',
    helpGroup,
  }),
  'mqtt-ca': Flags.file({
    summary: "Authorities of the broker's certificate, PEM, instead of the public ones.",
    helpValue: 'FILE',
    helpGroup,
  }),
  'mqtt-probe-device': Flags.string({
    summary: 'A device of that broker, with which the server tries at its start what must be forbidden.',
    helpValue: 'ID',
    helpGroup,
  }),
  'mqtt-probe-tenant': Flags.string({
    summary: 'Tenant of that device.',
    helpValue: 'NAME',
    default: 'DEFAULT',
    helpGroup,
  }),
  'mqtt-probe-password-env': Flags.string({
    summary: 'Name of the environment variable that holds its password.',
    helpValue: 'NAME',
    helpGroup,
  }),
};

interface BrokerFlags {
  readonly mqtt: string;
  readonly 'mqtt-broker'?: string | undefined;
  readonly 'mqtt-username'?: string | undefined;
  readonly 'mqtt-password-env'?: string | undefined;
  readonly 'mqtt-ca'?: string | undefined;
  readonly 'mqtt-probe-device'?: string | undefined;
  readonly 'mqtt-probe-tenant': string;
  readonly 'mqtt-probe-password-env'?: string | undefined;
}

/** @throws OtaError USAGE, SECRET_IN_ARGV */
export async function brokerOptions(flags: BrokerFlags): Promise<MqttOptions | undefined> {
  const { 'mqtt-broker': address } = flags;
  if (address === undefined) return flags.mqtt === 'off' ? undefined : parseListenAddress(flags.mqtt);
  const { parseSource } = await import('../../lib/telemetry/endpoint.js');
  const endpoint = parseSource(`${address.replace(/\/+$/, '')}${ANY_TOPIC}`);
  if (endpoint.kind !== 'mqtt') {
    throw new OtaError('USAGE', '--mqtt-broker is no address of an MQTT broker', [
      'Write mqtt://HOST or mqtts://HOST:PORT.',
    ]);
  }
  const { host, port, isTls } = endpoint;
  return {
    external: {
      ...{ host, port, isTls },
      username: flags['mqtt-username'],
      password: secretOfEnvironment(flags['mqtt-password-env']!, 'mqtt-password-env'),
      caFile: flags['mqtt-ca'],
      probe: {
        tenant: flags['mqtt-probe-tenant'],
        device: flags['mqtt-probe-device']!,
        username: flags['mqtt-probe-device']!,
        password: secretOfEnvironment(flags['mqtt-probe-password-env']!, 'mqtt-probe-password-env'),
      },
    },
  };
}

import { randomUUID } from 'node:crypto';
import type { Packet } from 'mqtt-packet';
import { OtaError } from '../../core/errors.js';
import { AttemptFailure } from '../../net/attempt-failure.js';
import type { MqttBroker } from '../../telemetry/mqtt-access.js';
import { connectMqtt } from '../../telemetry/mqtt-connection.js';
import { deviceTopic } from '../../wire/telemetry.js';

/** A device that is there for nothing but to try what a device must not do. */
export interface ProbeDevice {
  readonly tenant: string;
  /** Its name, as the broker's topics have it. */
  readonly device: string;
  readonly username: string;
  readonly password: string;
}

const REFUSED = 0x80;
const OWN_ID = 2;
const FOREIGN_ID = 3;

/**
 * Tries what a broker has to forbid, before a server relies on it: to connect as nobody, to publish as another device, and
 * to hear what others send.
 *
 * @throws OtaError CONFIG_INVALID with what was possible; those of connecting as the probe device
 */
export async function probeBroker(broker: MqttBroker, probe: ProbeDevice, signal: AbortSignal): Promise<void> {
  if (await letsIn({ ...broker, username: undefined, password: undefined }, signal)) {
    throw unsafe(broker, 'lets anybody in without a login', 'Set allow_anonymous false.');
  }
  const { isHeard, isForged } = await tryAsDevice(
    { ...broker, username: probe.username, password: probe.password },
    probe,
    signal,
  );
  if (isForged) throw unsafe(broker, 'lets a device publish as another one', ACL);
  if (isHeard) throw unsafe(broker, 'lets a device subscribe to what others send', ACL);
}

const ACL = 'Use the ACL file that the fleet server makes for it.';

async function letsIn(broker: MqttBroker, signal: AbortSignal): Promise<boolean> {
  const client = { clientId: `probe-${randomUUID()}`, isPersistent: false, receiveMaximum: 16 };
  try {
    const connection = await connectMqtt(
      broker,
      { ...client, onPacket: () => undefined, onLost: () => undefined },
      signal,
    );
    await connection.end();
    return true;
  } catch (error) {
    if (error instanceof OtaError && (error.code === 'AUTHENTICATION_FAILED' || error.code === 'BROKER_REFUSED'))
      return false;
    throw error instanceof AttemptFailure ? error.reason : error;
  }
}

/** A broker may grant a subscription and deliver nothing of it, so what counts is whether the device hears itself. */
async function tryAsDevice(
  broker: MqttBroker,
  { tenant, device }: ProbeDevice,
  signal: AbortSignal,
): Promise<{ isHeard: boolean; isForged: boolean }> {
  const tried = Promise.withResolvers<void>();
  let isHeard = false;
  let isForged = false;
  const onPacket = (packet: Packet) => {
    if (packet.cmd === 'publish') isHeard = true;
    if (packet.cmd === 'suback') publish(OWN_ID, device);
    if (packet.cmd !== 'puback') return;
    if (packet.messageId === OWN_ID) return publish(FOREIGN_ID, `${device}-of-another`);
    isForged = (packet.reasonCode ?? 0) < REFUSED;
    tried.resolve();
  };
  const client = { clientId: `probe-${randomUUID()}`, isPersistent: false, receiveMaximum: 16 };
  // A broker that closes the connection has forbidden it too.
  const connection = await connectMqtt(broker, { ...client, onPacket, onLost: () => tried.resolve() }, signal).catch(
    (error: unknown) => {
      throw error instanceof AttemptFailure ? error.reason : error;
    },
  );
  const publish = (messageId: number, name: string) =>
    connection.send({
      cmd: 'publish',
      topic: deviceTopic({ tenant, device: name, kind: 'telemetry' }),
      payload: '{"probe":true}',
      qos: 1,
      messageId,
      dup: false,
      retain: false,
    });
  const timer = setTimeout(() => tried.resolve(), broker.limits.connectTimeoutMs);
  connection.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 1 }] });
  await tried.promise;
  clearTimeout(timer);
  await connection.end();
  return { isHeard, isForged };
}

function unsafe({ name }: MqttBroker, fact: string, suggestion: string): OtaError {
  return new OtaError('CONFIG_INVALID', `${name}: the broker ${fact}`, [suggestion]);
}

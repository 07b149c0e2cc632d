import { createHash } from 'node:crypto';
import type { IPublishPacket } from 'mqtt-packet';
import { AttemptFailure } from '../../net/attempt-failure.js';
import { type MqttAccess, mqttBroker } from '../../telemetry/mqtt-access.js';
import { MqttSubscription } from '../../telemetry/mqtt-subscription.js';
import { parseDeviceTopic } from '../../wire/telemetry.js';
import type { Tenant } from '../access/principal.js';
import type { ServerContext } from '../context.js';
import { type ProbeDevice, probeBroker } from './broker-probes.js';
import { DeviceEvents } from './device-events.js';
import { InOrder } from './in-order.js';
import { MessageBatches } from './message-batches.js';

/** The processes of a server share what comes. */
const FILTER = '$share/ota-fleet/t/+/devices/+/+';
/** Messages on their way to being durable: beyond, the broker is held back. */
const MOST_UNDER_WAY = 8_192;
/** Before what could not be made durable is tried again, milliseconds. */
const RETRY_MS = 1_000;
/** A tenant that is new, or gone, is noticed after so long. Milliseconds. */
const TENANT_REMEMBERED_MS = 10_000;

export interface ExternalBrokerOptions extends MqttAccess {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly probe: ProbeDevice;
}

export interface RunningSubscription extends AsyncDisposable {
  /** `mqtt://broker:1883` */
  readonly url: string;
}

/**
 * Takes what devices send to a broker that is there already. Each message is acknowledged when it is durable; what was
 * not is sent again, to this process or to another one of the server. Who may send what is up to the broker, which is
 * tried first.
 *
 * @throws OtaError CONFIG_INVALID when the broker allows what it must not; AUTHENTICATION_FAILED, BROKER_REFUSED,
 *   PERMISSION_DENIED, TLS_FAILED, NETWORK_FAILED
 */
export async function startExternalBroker(
  server: ServerContext,
  { host, port, isTls, probe, ...access }: ExternalBrokerOptions,
): Promise<RunningSubscription> {
  const broker = await mqttBroker({ kind: 'mqtt', host, port, isTls, topic: FILTER }, access);
  await probeBroker(broker, probe, server.stopping);
  const lost = new Losses();
  const inOrder = new InOrder((packetIds) => {
    subscription.acknowledge(packetIds);
    if (inOrder.size < MOST_UNDER_WAY / 2) subscription.resume();
  });
  const intake = new ExternalIntake(server);
  const subscription = new MqttSubscription(broker, {
    clientId: clientIdOf(server),
    filter: FILTER,
    onMessage: (packet) => {
      const acknowledge = packet.qos === 0 ? () => undefined : inOrder.add(packet.messageId!);
      void intake.take(packet, acknowledge);
      if (inOrder.size >= MOST_UNDER_WAY) subscription.pause();
    },
    onLost: () => {
      inOrder.clear();
      lost.tell();
    },
  });
  await subscription.open(server.stopping).catch((error: unknown) => {
    throw error instanceof AttemptFailure ? error.reason : error;
  });
  const stopped = new AbortController();
  const keeping = keepOpen(server, subscription, lost, AbortSignal.any([stopped.signal, server.stopping]));
  return {
    url: broker.name,
    async [Symbol.asyncDispose]() {
      stopped.abort();
      lost.tell();
      await keeping;
      await subscription.close();
    },
  };
}

/** A name of this process, the same whenever it starts: the broker keeps what it has not acknowledged. */
function clientIdOf({ dataDirectory }: ServerContext): string {
  return `ota-fleet-${createHash('sha256').update(dataDirectory).digest('hex').slice(0, 16)}`;
}

async function keepOpen(
  { log }: ServerContext,
  subscription: MqttSubscription,
  lost: Losses,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await lost.next();
    while (!signal.aborted && subscription.isLost) {
      await subscription.reopen(signal).catch((error: unknown) => {
        if (!signal.aborted) log.error('the MQTT broker is away', { error: (error as Error).message });
      });
    }
  }
}

/** A bell that is heard once. */
class Losses {
  #bell = Promise.withResolvers<void>();

  tell(): void {
    this.#bell.resolve();
  }

  async next(): Promise<void> {
    await this.#bell.promise;
    this.#bell = Promise.withResolvers<void>();
  }
}

class ExternalIntake {
  readonly #server: ServerContext;
  readonly #messages: MessageBatches;
  readonly #events: DeviceEvents;
  readonly #tenants = new Map<string, { readonly tenant: Promise<Tenant | undefined>; readonly at: number }>();

  constructor(server: ServerContext) {
    this.#server = server;
    this.#messages = new MessageBatches(server);
    this.#events = new DeviceEvents(server);
  }

  /**
   * Messages of devices and tenants that nobody knows are dropped and counted: sent again they would be again. What
   * cannot be made durable is tried again and again; meanwhile it is not acknowledged, and the broker is held back.
   */
  async take(packet: IPublishPacket, acknowledge: () => void): Promise<void> {
    const { topic, payload, retain } = packet;
    const done = (failure: Error | undefined) => {
      if (failure === undefined) acknowledge();
      else if (!this.#server.stopping.aborted) setTimeout(() => void this.take(packet, acknowledge), RETRY_MS).unref();
    };
    try {
      const parsed = parseDeviceTopic(topic);
      const tenant = parsed === undefined || retain ? undefined : await this.#tenant(parsed.tenant);
      if (parsed === undefined || tenant === undefined) {
        this.#server.metrics.telemetry.inc({ path: 'mqtt', verdict: 'refused' });
        done(undefined);
        return;
      }
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      const message = { device: parsed.device, payload: bytes, done };
      // The broker vouches for who sent it, not for that the server knows them.
      const sender = { kind: 'gateway', tenant } as const;
      if (parsed.kind === 'telemetry') this.#messages.add(sender, message);
      else this.#events.add(sender, parsed.kind, message);
    } catch (error) {
      done(error as Error);
    }
  }

  #tenant(name: string): Promise<Tenant | undefined> {
    const { database, clock } = this.#server;
    const now = clock.now().getTime();
    const known = this.#tenants.get(name);
    if (known !== undefined && now >= known.at && now - known.at < TENANT_REMEMBERED_MS) return known.tenant;
    if (this.#tenants.size > 1_000) this.#tenants.clear();
    const tenant = database.sql.selectFrom('tenant').select(['id', 'name']).where('name', '=', name).executeTakeFirst();
    tenant.catch(() => this.#tenants.delete(name));
    this.#tenants.set(name, { tenant, at: now });
    return tenant;
  }
}

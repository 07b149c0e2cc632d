import type { ServerContext } from '../context.js';
import type { EmbeddedBrokerOptions } from './embedded-broker.js';
import type { ExternalBrokerOptions } from './external-broker.js';

/** A broker of the server's own, or one that is there already. */
export type MqttOptions = EmbeddedBrokerOptions | { readonly external: ExternalBrokerOptions };

/**
 * Starts what takes telemetry, status and events from devices over MQTT.
 *
 * @throws OtaError those of having a port, or of reaching the broker; CONFIG_INVALID when it allows what it must not
 */
export async function startMqtt(
  server: ServerContext,
  options: MqttOptions,
): Promise<AsyncDisposable & { readonly url: string }> {
  // Only who has a broker loads one.
  if ('external' in options) {
    const { startExternalBroker } = await import('./external-broker.js');
    return await startExternalBroker(server, options.external);
  }
  const { startEmbeddedBroker } = await import('./embedded-broker.js');
  return await startEmbeddedBroker(server, options);
}

import type { ServerContext } from '../context.js';
import type { EmbeddedBrokerOptions, RunningBroker } from './embedded-broker.js';

/**
 * Starts what takes telemetry, status and events from devices over MQTT.
 *
 * @throws OtaError those of having a port
 */
export async function startMqtt(server: ServerContext, options: EmbeddedBrokerOptions): Promise<RunningBroker> {
  const { startEmbeddedBroker } = await import('./embedded-broker.js'); // only who has a broker loads one
  return await startEmbeddedBroker(server, options);
}

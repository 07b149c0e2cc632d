import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';
import { createDevices } from '../../../../src/lib/server/devices/create-devices.js';
import { startTestServer, type TestServer } from '../server-fixture.js';

export interface BrokerUnderTest {
  readonly server: TestServer;
  readonly url: string;
  /** Token of a device, by `TENANT/NAME`. */
  readonly tokens: ReadonlyMap<string, string>;
}

export async function startBroker(names: readonly string[]): Promise<BrokerUnderTest> {
  const server = await startTestServer({ isShared: true, mqtt: { host: '127.0.0.1', port: 0 } });
  const tokens = new Map<string, string>();
  const { database } = server.running.context;
  await database.transaction(async (tx) => {
    for (const tenant of await tx.selectFrom('tenant').select(['id', 'name']).execute()) {
      const devices = names
        .filter((name) => name.startsWith(`${tenant.name}/`))
        .map((name) => ({ controllerId: name.slice(tenant.name.length + 1) }));
      const options = { tenantId: tenant.id, createdBy: 'test', now: 0, existing: 'refuse' } as const;
      const made = await createDevices(tx, devices, options);
      for (const { controllerId, securityToken } of made.created)
        tokens.set(`${tenant.name}/${controllerId}`, securityToken!);
    }
  });
  return { server, url: server.running.mqttUrl!, tokens };
}

/** A client that does not come back by itself. */
export async function connectClient(url: string, options: IClientOptions): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, connectTimeout: 5_000, ...options }, false);
  client.on('error', () => undefined);
  onTestFinished(() => void client.end(true));
  return client;
}

export async function connectDevice(
  { url, tokens }: BrokerUnderTest,
  name: string,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const password = tokens.get(name)!;
  return await connectClient(url, { username: name, clientId: name.split('/')[1]!, password, ...options });
}

export async function connectOperator({ url, server }: BrokerUnderTest, tenant = 'DEFAULT'): Promise<MqttClient> {
  return await connectClient(url, { username: 'token', password: server.token('operator', tenant) });
}

/** Sends bytes and returns what came back until the server closed the connection. */
export async function exchange(url: string, bytes: Uint8Array): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connectTcp(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

/** What an event of a client comes with, when it comes. */
export async function next(client: MqttClient, event: 'close' | 'message'): Promise<unknown[]> {
  return await new Promise((resolve) => client.once(event, (...values: unknown[]) => resolve(values)));
}

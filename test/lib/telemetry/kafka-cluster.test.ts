import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { connectKafka } from '../../../src/lib/telemetry/kafka-cluster.js';
import { brokerAddress } from '../../../src/lib/telemetry/kafka-options.js';

/** Something that listens and is no broker. */
async function impostor(onConnection: (socket: Socket) => void): Promise<AsyncDisposable & { address: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

test('a server that hangs up is a network failure', async () => {
  await using server = await impostor((socket) => socket.destroy());
  const connected = connectKafka({ brokers: [server.address], clientId: 'test' });
  await expect(connected).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
});

test('a server that answers something else is told from a broker', async () => {
  await using web = await impostor((socket) => {
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  const connected = connectKafka({ brokers: [web.address], clientId: 'test' });
  await expect(connected).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
  await using garbage = await impostor((socket) => {
    socket.on('data', (request: Buffer) =>
      socket.write(Buffer.concat([Buffer.from([0, 0, 0, 12]), request.subarray(8, 12), Buffer.alloc(8, 255)])),
    );
  });
  const answered = connectKafka({ brokers: [garbage.address], clientId: 'test' });
  await expect(answered).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
});

test('the addresses of brokers may be IPv6', () => {
  expect(brokerAddress('[::1]:9092')).toEqual({ host: '::1', port: 9092 });
  expect(brokerAddress('broker-1:9092')).toEqual({ host: 'broker-1', port: 9092 });
});

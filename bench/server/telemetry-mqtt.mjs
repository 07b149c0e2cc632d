// Telemetry over MQTT with QoS 1 into the broker of `fleet serve`: messages a second, each acknowledged when it is durable.
// Usage: node bench/server/telemetry-mqtt.mjs [--messages N] [--connections N] [--window N]
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import mqtt from 'mqtt-packet';
import { message, quantile, startFleetServer } from './fleet-server.mjs';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '400000' },
    connections: { type: 'string', default: '100' },
    window: { type: 'string', default: '32' },
  },
});
const [messages, connections, window] = ['messages', 'connections', 'window'].map((name) => Number(values[name]));
const server = await startFleetServer({ devices: connections, flags: ['--mqtt', '127.0.0.1:0'] });
try {
  const each = Math.floor(messages / connections);
  const total = each * connections;
  const at = Date.now();
  const clients = server.devices.map((device, number) => prepared(device, number, at));
  await Promise.all(clients.map((client) => client.connect()));
  const { cpuSeconds: before } = server.usage();
  const polls = [];
  const timer = setInterval(async () => {
    const asked = performance.now();
    await (await fetch(`${server.url}/readyz`)).text();
    polls.push(performance.now() - asked);
  }, 20);
  const started = performance.now();
  await Promise.all(clients.map((client) => client.publishAll()));
  const seconds = (performance.now() - started) / 1000;
  clearInterval(timer);
  const { cpuSeconds, rssMiB } = server.usage();
  for (const client of clients) client.end();
  console.log(`messages: ${total} over ${connections} connections, at most ${window} of each on their way`);
  console.log(`messages/s: ${Math.round(total / seconds)}`);
  console.log(`messages per second of the server's processor time: ${Math.round(total / (cpuSeconds - before))}`);
  console.log(
    `other requests meanwhile, ms: median ${quantile(polls, 0.5).toFixed(1)}, p95 ${quantile(polls, 0.95).toFixed(1)}`,
  );
  console.log(`memory of the server: ${Math.round(rssMiB)} MiB`);

  /** Packets made beforehand: a client library would take more time than the server. */
  function prepared(device, number, since) {
    const topic = `t/DEFAULT/devices/${device.name}/telemetry`;
    const packets = Array.from({ length: each }, (_, index) =>
      mqtt.generate({
        cmd: 'publish',
        topic,
        qos: 1,
        messageId: (index % 65_535) + 1,
        dup: false,
        retain: false,
        payload: message(device.name, number * each + index, since),
      }),
    );
    const { hostname, port } = new URL(server.mqtt);
    const socket = connect(Number(port), hostname);
    let acknowledged = 0;
    let sent = 0;
    const parser = mqtt.parser();
    const connected = Promise.withResolvers();
    const done = Promise.withResolvers();
    socket.on('data', (bytes) => {
      if (parser.isConnected) count(bytes);
      else parser.parse(bytes);
    });
    socket.on('error', done.reject);
    socket.on('close', () => done.reject(new Error('the server closed a connection')));
    parser.on('packet', ({ cmd, returnCode }) => {
      if (cmd !== 'connack' || returnCode !== 0) connected.reject(new Error(`${cmd} ${returnCode}`));
      parser.isConnected = true;
      connected.resolve();
    });
    // PUBACK: 4 bytes each.
    let bytesSeen = 0;
    function count(bytes) {
      bytesSeen += bytes.length;
      acknowledged = Math.floor(bytesSeen / 4);
      send();
      if (acknowledged === each) done.resolve();
    }
    function send() {
      const until = Math.min(each, acknowledged + window);
      if (until - sent < Math.min(window / 2, each - sent)) return;
      socket.write(Buffer.concat(packets.slice(sent, until)));
      sent = until;
    }
    return {
      connect: async () => {
        const { name, token } = device;
        socket.write(
          mqtt.generate({
            cmd: 'connect',
            protocolId: 'MQTT',
            protocolVersion: 4,
            clean: true,
            keepalive: 0,
            clientId: name,
            username: `DEFAULT/${name}`,
            password: token,
          }),
        );
        await connected.promise;
      },
      publishAll: async () => {
        send();
        await done.promise;
      },
      end: () => socket.destroy(),
    };
  }
} finally {
  await server.stop();
}

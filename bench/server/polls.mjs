// Polls of `fleet serve` over DDI: how many a second a few connections get out of it, then how long a poll takes when
// thousands of devices, each on a connection of its own, poll with think time.
// Usage: node bench/server/polls.mjs [--devices N] [--connections N] [--seconds N] [--think SECONDS]
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { quantile, startFleetServer } from './fleet-server.mjs';

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '5000' },
    connections: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '10' },
    think: { type: 'string', default: '4' },
  },
});
const [devices, connections, seconds, think] = ['devices', 'connections', 'seconds', 'think'].map((name) =>
  Number(values[name]),
);

const server = await startFleetServer({ devices });
try {
  console.log('| load | polls/s | failed | p50 ms | p95 ms | p99 ms | CPU of the server | RSS MiB |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
  await measure(`${connections} connections, no think time`, connections, async (poller, end) => {
    while (performance.now() < end) await poller.poll();
  });
  await measure(`${devices} devices, think time ${think} s`, devices, async (poller, end) => {
    await sleep(Math.random() * think * 1000);
    while (performance.now() < end) {
      await poller.poll();
      await sleep(think * 1000 * (0.5 + Math.random()));
    }
  });
} finally {
  await server.stop();
}

async function measure(load, count, work) {
  const results = { times: [], failed: 0 };
  const pollers = [];
  for (let index = 0; index < count; index++) pollers.push(await openPoller(index, results));
  const before = server.usage();
  const begin = performance.now();
  await Promise.all(pollers.map((poller) => work(poller, begin + seconds * 1000)));
  const elapsed = (performance.now() - begin) / 1000;
  const after = server.usage();
  for (const poller of pollers) poller.close();
  const cells = [
    load,
    Math.round(results.times.length / elapsed),
    results.failed,
    ...[0.5, 0.95, 0.99].map((share) => quantile(results.times, share).toFixed(1)),
    `${(((after.cpuSeconds - before.cpuSeconds) / elapsed) * 100).toFixed(0)} %`,
    after.rssMiB.toFixed(0),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** A connection that polls for one device after another of its share, without a client's cost in between. */
async function openPoller(index, results) {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.setNoDelay(true);
  let answered;
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    const end = received.indexOf('\r\n\r\n');
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1] ?? 0);
    if (end < 0 || received.length < end + 4 + length) return;
    const isGood = received.startsWith('HTTP/1.1 200');
    received = '';
    answered?.(isGood);
  });
  socket.once('close', () => answered?.(false));
  let next = index;
  return {
    async poll() {
      const { name, token } = server.devices[next % server.devices.length];
      next += connections;
      const at = performance.now();
      const isGood = await new Promise((resolve) => {
        answered = resolve;
        socket.write(
          `GET /DEFAULT/controller/v1/${name} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: TargetToken ${token}\r\n\r\n`,
        );
      });
      if (isGood) results.times.push(performance.now() - at);
      else results.failed++;
    },
    close: () => socket.destroy(),
  };
}

// Telemetry over HTTP batches into `fleet serve`, durable before it is acknowledged: messages a second, and how long a
// request of somebody else takes meanwhile.
// Usage: node bench/server/telemetry-http.mjs [--messages N] [--batch N] [--connections N] [--devices N] [--stream]
// --stream: a reader of the event stream tells how far it is behind when the last message is acknowledged.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { message, quantile, startFleetServer } from './fleet-server.mjs';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    batch: { type: 'string', default: '4096' },
    connections: { type: 'string', default: '4' },
    devices: { type: 'string', default: '1000' },
    stream: { type: 'boolean', default: false },
  },
});
const [messages, batch, connections, devices] = ['messages', 'batch', 'connections', 'devices'].map((name) =>
  Number(values[name]),
);
const server = await startFleetServer({ devices });
try {
  const at = Date.now();
  const bodies = [];
  for (let from = 0; from < messages; from += batch) {
    const lines = [];
    for (let i = from; i < Math.min(from + batch, messages); i++)
      lines.push(message(server.devices[i % devices].name, i, at));
    bodies.push(Buffer.from(`${lines.join('\n')}\n`));
  }
  const { cpuSeconds: before } = server.usage();
  const polls = [];
  let isDone = false;
  const polling = poll();
  const stream = values.stream ? await openStream() : undefined;
  const started = performance.now();
  let accepted = 0;
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (next < bodies.length) {
        const count = await post(bodies[next++]);
        accepted += count;
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  isDone = true;
  const behind = stream && messages - stream.count();
  await stream?.all;
  const streamed = (performance.now() - started) / 1000;
  await polling;
  const { cpuSeconds, rssMiB } = server.usage();
  if (accepted !== messages) throw new Error(`${accepted} of ${messages} messages were accepted`);
  console.log(`messages: ${messages} of ${Math.round(bodies[0].length / batch)} bytes, ${batch} a request`);
  console.log(`messages/s: ${Math.round(messages / seconds)}`);
  console.log(`messages per second of the server's processor time: ${Math.round(messages / (cpuSeconds - before))}`);
  console.log(
    `other requests meanwhile, ms: median ${quantile(polls, 0.5).toFixed(1)}, p95 ${quantile(polls, 0.95).toFixed(1)}, p99 ${quantile(polls, 0.99).toFixed(1)}`,
  );
  if (stream) {
    console.log(
      `streamed: ${stream.count()}, ${behind} behind at the end, ${Math.round(messages / streamed)} messages/s, gaps ${stream.gaps()}`,
    );
  }
  console.log(`memory of the server: ${Math.round(rssMiB)} MiB`);

  async function post(body) {
    const response = await fetch(`${server.url}/api/v1/telemetry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminToken}`, 'content-type': 'application/x-ndjson' },
      body,
    });
    const answer = await response.json();
    if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
    return answer.accepted;
  }

  /** Counts the events of a stream by the lines that begin them. */
  async function openStream() {
    const headers = { authorization: `Bearer ${server.adminToken}` };
    const response = await fetch(`${server.url}/api/v1/events?types=telemetry`, { headers });
    const done = Promise.withResolvers();
    let count = 0;
    let gaps = 0;
    let rest = '';
    (async () => {
      for await (const bytes of response.body) {
        const text = rest + Buffer.from(bytes).toString('latin1');
        const end = text.lastIndexOf('\n') + 1;
        rest = text.slice(end);
        for (let at = text.indexOf('event: '); at >= 0 && at < end; at = text.indexOf('event: ', at + 7)) {
          if (text.startsWith('event: telemetry\n', at)) count++;
          else if (text.startsWith('event: gap\n', at)) gaps++;
        }
        if (count >= messages || gaps > 0) done.resolve();
      }
    })().catch(done.resolve);
    return { all: done.promise, count: () => count, gaps: () => gaps };
  }

  async function poll() {
    while (!isDone) {
      const asked = performance.now();
      await (await fetch(`${server.url}/readyz`)).text();
      polls.push(performance.now() - asked);
      await sleep(10);
    }
  }
} finally {
  await server.stop();
}

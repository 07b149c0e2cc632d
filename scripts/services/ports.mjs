import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Loopback ports that nobody listens on at the moment. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map((server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)))),
  );
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** Resolves when somebody listens on the loopback port; fails after `limitMs`. */
export async function accepts(port, limitMs) {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const isOpen = await new Promise((done) => {
      const socket = connect(port, '127.0.0.1', () => done(true)).on('error', () => done(false));
      socket.unref();
      setTimeout(() => socket.destroy(), 1000).unref();
    });
    if (isOpen) return;
    await delay(20);
  }
  throw new Error(`nothing accepts connections on port ${port} after ${limitMs / 1000} s`);
}

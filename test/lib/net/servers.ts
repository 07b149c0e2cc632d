import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { Pacing } from '../../../src/lib/net/pacing.js';

/** A real server on an ephemeral port of this machine, and every request it was asked. */
export interface TestServer extends AsyncDisposable {
  origin: string;
  port: number;
  requests: http.IncomingMessage[];
}

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse, count: number) => void;

export async function serve(handler: Handler, tls?: { key: string; cert: string }): Promise<TestServer> {
  const requests: http.IncomingMessage[] = [];
  const listener: http.RequestListener = (request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  };
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${tls ? 'https' : 'http'}://${tls ? 'localhost' : '127.0.0.1'}:${port}`,
    port,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A forwarding proxy: absolute-form requests, and CONNECT tunnels to this machine whatever the name. */
export async function serveProxy(): Promise<TestServer> {
  const sockets = new Set<net.Socket>();
  const requests: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    const target = new URL(request.url!);
    const forwarded = http.request(
      { host: '127.0.0.1', port: target.port, path: target.pathname, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.end();
  });
  server.on('connect', (request, socket: net.Socket) => {
    requests.push(request);
    const upstream = net.connect(Number(request.url!.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    for (const end of [socket, upstream]) {
      sockets.add(end);
      end.on('error', () => undefined);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    requests,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A pacing that never waits: delays are noted, the monotonic clock moves by `stepMs` at each look. */
export function testPacing({ stepMs = 0, random = 0.5, now = new Date('2026-11-21T12:00:00Z') } = {}) {
  const delaysMs: number[] = [];
  let elapsedMs = 0;
  const pacing: Pacing = {
    monotonicMs: () => {
      elapsedMs += stepMs;
      return elapsedMs;
    },
    now: () => now,
    delay: async (durationMs) => {
      delaysMs.push(durationMs);
    },
    random: () => random,
  };
  return { pacing, delaysMs };
}

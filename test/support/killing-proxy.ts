import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface KillingProxy extends AsyncDisposable {
  readonly url: string;
  /** Requests that somebody was killed at. */
  readonly kills: string[];
}

/**
 * Passes requests on to a server, and kills whoever sends them at each that is new: the first time before the server gets
 * it, the second time after it has done it and before the answer is passed on. The third time it goes through.
 *
 * @param kill ends the sender
 */
export async function startKillingProxy(
  target: string,
  { kills, kill }: { kills: (method: string, path: string) => boolean; kill: () => void },
): Promise<KillingProxy> {
  const seen = new Map<string, number>();
  const killed: string[] = [];
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await bytesOf(incoming);
      const { method = 'GET', url = '/' } = incoming;
      const key = keyOf(method, url, incoming, body);
      const times = (seen.get(key) ?? 0) + 1;
      const isNew = kills(method, url) && times <= 2;
      if (isNew) {
        seen.set(key, times);
        killed.push(`${times === 1 ? 'before' : 'after'} ${method} ${url}`);
      }
      if (isNew && times === 1) kill();
      else {
        const answer = await forward(new URL(url, target), incoming, body);
        if (isNew) kill();
        else return pass(answer, outgoing);
      }
      outgoing.destroy();
    })().catch(() => outgoing.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kills: killed,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** What makes a request new: where it goes to, and what it says in JSON. A file has another boundary each time. */
function keyOf(method: string, url: string, { headers }: IncomingMessage, body: Buffer): string {
  const isJson = headers['content-type']?.startsWith('application/json');
  return `${method} ${url.split('?')[0]} ${isJson ? body.toString() : ''}`;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

function forward(url: URL, { method, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((done, fail) => {
    const request = httpRequest(url, { method, headers: { ...headers, connection: 'close' } }, (response) => {
      bytesOf(response).then(
        (bytes) => done({ status: response.statusCode!, headers: response.headers, body: bytes }),
        fail,
      );
    });
    request.on('error', fail).end(body);
  });
}

function pass({ status, headers, body }: Answer, outgoing: ServerResponse): void {
  const { connection, 'transfer-encoding': _, ...rest } = headers;
  outgoing.writeHead(status, { ...rest, 'content-length': body.length }).end(body);
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface DdiRequest {
  /** Method and path, below the device's own where it is one. */
  readonly what: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: unknown;
}

/** A server of hawkBit's device interface that offers one update until it is closed, and writes down what it is asked. */
export interface DdiRecorder extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly DdiRequest[];
  /** Resolves with the first request that fits. */
  seen(fits: (request: DdiRequest) => boolean): Promise<DdiRequest>;
}

export async function ddiRecorder(device: string, update: string): Promise<DdiRecorder> {
  const bytes = await readFile(update);
  const requests: DdiRequest[] = [];
  const waiting = new Set<() => void>();
  const received = (what: RegExp, execution?: string) =>
    requests.some(({ what: done, body }) => what.test(done) && (!execution || executionOf(body) === execution));
  const server = createServer(async (request, response) => {
    const url = `http://${request.headers.host}`;
    const path = request.url!.split('?')[0]!;
    const below = path.startsWith(device) ? path.slice(device.length) : path;
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return; // the device was stopped
    requests.push({ what: `${request.method} ${below}`, headers: request.headers, body: body && JSON.parse(body) });
    const answers: Record<string, () => object | Buffer> = {
      '': () => ({
        config: { polling: { sleep: '00:00:01' } },
        _links: {
          ...(!received(/configData/) && { configData: { href: `${url}${device}/configData` } }),
          ...(!received(/feedback/, 'closed') && { deploymentBase: { href: `${url}${device}/deploymentBase/7?c=1` } }),
        },
      }),
      '/deploymentBase/7': () => ({
        id: '7',
        deployment: {
          download: 'forced',
          update: 'forced',
          chunks: [
            { part: 'os', name: 'firmware', version: '1.2.0', artifacts: [artifact(bytes, `${url}/update.swu`)] },
          ],
        },
      }),
      '/update.swu': () => bytes,
    };
    const answer = answers[below]?.() ?? Buffer.alloc(0);
    response.end(Buffer.isBuffer(answer) ? answer : JSON.stringify(answer));
    for (const look of waiting) look();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    seen: (fits) =>
      new Promise((done) => {
        const look = () => {
          const found = requests.find(fits);
          if (found === undefined) return;
          waiting.delete(look);
          done(found);
        };
        waiting.add(look);
        look();
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

export function executionOf(body: unknown): string | undefined {
  return (body as { status?: { execution?: string } }).status?.execution;
}

function artifact(bytes: Buffer, url: string): object {
  return {
    filename: 'update.swu',
    size: bytes.length,
    hashes: { sha1: hash('sha1', bytes), md5: hash('md5', bytes), sha256: hash('sha256', bytes) },
    _links: { 'download-http': { href: url }, 'md5sum-http': { href: `${url}.MD5SUM` } },
  };
}

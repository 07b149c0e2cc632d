import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bearer } from '../../../src/lib/fleet-api/credential.js';
import { openFleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import { openHttpTrace, type TracedRequest } from '../../../src/lib/net/http-trace.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { serve, testPacing } from './servers.js';

let folder: TestFolder;
beforeEach(async () => {
  folder = await testFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const lines = async (path: string): Promise<TracedRequest[]> =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('a trace of HTTP', () => {
  test('has each attempt, what came of it, and how large it was', async () => {
    await using server = await serve((_, response, count) => {
      if (count === 1) response.writeHead(503, { 'content-length': '2' }).end('{}');
      else response.writeHead(200, { 'content-length': '3' }).end('{ }');
    });
    const path = folder.file('trace');
    using trace = openHttpTrace(path);
    const { pacing } = testPacing({ stepMs: 5 });
    await using client = await openFleetClient({
      server: server.origin,
      credential: bearer('secret-token'),
      pacing,
      trace,
    });
    await client.call('PUT', '/x', { json: { password: 'secret-password' }, headers: { cookie: 'secret-cookie' } });
    const common = { method: 'PUT', url: `${server.origin}/x`, requestBytes: 30, error: null, durationMs: 5 };
    expect(await lines(path)).toMatchObject([
      { ...common, status: 503, responseBytes: 2, attempt: 1 },
      { ...common, status: 200, responseBytes: 3, attempt: 2 },
    ]);
    expect(await readFile(path, 'utf8')).not.toContain('secret');
  });

  test('tells why there was no answer', async () => {
    const path = folder.file('trace');
    using trace = openHttpTrace(path);
    const { pacing } = testPacing();
    await using client = await openFleetClient({ server: 'http://127.0.0.1:1', pacing, trace });
    await expect(client.call('POST', '/x', { json: {} })).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
    expect(await lines(path)).toMatchObject([{ status: null, error: expect.stringContaining('ECONNREFUSED') }]);
  });

  test('leaves secrets out of addresses, too', async () => {
    const path = folder.file('trace');
    const trace = openHttpTrace(path);
    const url = 'https://ann:hunter2@example.com/x?access_token=hunter2&q=name%3D%3Da&X-Signature=hunter2';
    const request = { time: '', method: 'GET', url, status: 200, durationMs: 0, requestBytes: 0, responseBytes: 0 };
    trace.tell({ ...request, attempt: 1, error: null });
    trace[Symbol.dispose]();
    const [line] = await lines(path);
    expect(line?.url).toBe('https://example.com/x?access_token=redacted&q=name%3D%3Da&X-Signature=redacted');
  });

  test('is for its owner alone, in a new file', async () => {
    const path = folder.file('trace');
    openHttpTrace(path)[Symbol.dispose]();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(() => openHttpTrace(path)).toThrow(expect.objectContaining({ code: 'OUTPUT_EXISTS', exitCode: 8 }));
    const precious = folder.file('precious');
    await writeFile(precious, 'mine');
    await symlink(precious, folder.file('link'));
    expect(() => openHttpTrace(folder.file('link'))).toThrow(expect.objectContaining({ code: 'OUTPUT_EXISTS' }));
    expect(() => openHttpTrace(folder.file('none/trace'))).toThrow(expect.objectContaining({ exitCode: 16 }));
    expect(await readFile(precious, 'utf8')).toBe('mine');
  });
});

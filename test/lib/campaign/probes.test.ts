import { describe, expect, test } from 'vitest';
import { askProbe, type ProbeOptions } from '../../../src/lib/campaign/probes.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import type { GateOf } from '../../../src/lib/rollout/gate-spec.js';
import { type Handler, serve } from '../net/servers.js';

const OPTIONS: ProbeOptions = { policy: {} };

function gateOf(url: string, given: Partial<GateOf<'probe'>> = {}): GateOf<'probe'> {
  return { type: 'probe', url, timeoutSeconds: 10, everySeconds: 60, otherwise: 'pause', ...given };
}

/** As a Prometheus server answers `/api/v1/query`. */
function prometheus(...values: string[]) {
  const result = values.map((value) => ({ metric: { job: 'fleet' }, value: [1_767_592_800.123, value] }));
  return { status: 'success', data: { resultType: 'vector', result } };
}
const QUERY = { pointer: '/data/result/0/value/1', rule: '< 0.01' };

const json =
  (body: unknown): Handler =>
  (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

describe('a probe with a pointer', () => {
  test.each([
    ['good', prometheus('0.004'), '0.004 < 0.01'],
    ['bad', prometheus('0.25'), '0.25, < 0.01 is asked for'],
    ['holds', prometheus(), 'nothing at /data/result/0/value/1'],
    ['holds', prometheus('NaN'), '"NaN" is no number'],
    ['holds', { status: 'success', data: null }, 'nothing at /data/result/0/value/1'],
    ['holds', { data: { result: { 0: { value: ['x'] } } } }, 'nothing at /data/result/0/value/1'],
  ])('is %s by what a Prometheus query tells', async (outcome, answer, said) => {
    await using server = await serve(json(answer));
    const url = `${server.origin}/api/v1/query?query=rate(errors[5m])`;
    const result = await askProbe(gateOf(url, QUERY), OPTIONS);
    expect(result).toEqual({ outcome, said: `${server.origin}/api/v1/query?…: ${said}` });
    expect(server.requests[0]!.url).toBe('/api/v1/query?query=rate(errors[5m])');
  });

  test('finds names with a slash and a tilde, and never what every object has', async () => {
    await using server = await serve(json({ 'a/b': { 'c~d': 3 } }));
    const asked = (pointer: string) => askProbe(gateOf(server.origin, { pointer, rule: '== 3' }), OPTIONS);
    expect((await asked('/a~1b/c~0d')).outcome).toBe('good');
    expect((await asked('/constructor/name')).outcome).toBe('holds');
    expect((await asked('/a~1b/c~0d/0')).outcome).toBe('holds');
  });

  test.each<[string, Handler]>([
    ['a status that is not 200', (_, response) => void response.writeHead(503).end('{"data":1}')],
    ['no JSON', (_, response) => void response.end('<html>')],
    ['JSON that says a thing twice', (_, response) => void response.end('{"data":0,"data":9}')],
    ['more than it may', (_, response) => void response.end(`{"data":"${'x'.repeat(1024 ** 2)}"}`)],
    [
      'a cut',
      (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
    ],
    ['nothing', (request) => void request.socket.destroy()],
  ])('that is answered with %s has failed, which is never good', async (_, handler) => {
    await using server = await serve(handler);
    expect((await askProbe(gateOf(server.origin, { pointer: '/data', rule: '< 1' }), OPTIONS)).outcome).toBe('failed');
  });
});

describe('a probe without a pointer', () => {
  test.each([
    [200, 'good'],
    [204, 'failed'],
    [404, 'failed'],
    [429, 'failed'],
    [500, 'bad'],
    [502, 'failed'],
    [503, 'bad'],
  ])('takes status %i as %s', async (status, outcome) => {
    await using server = await serve((_, response) => void response.writeHead(status).end());
    expect((await askProbe(gateOf(server.origin), OPTIONS)).outcome).toBe(outcome);
  });
});

describe('a probe', () => {
  test('that is not answered in time, or by nobody, has failed', async () => {
    await using silent = await serve(() => undefined);
    const result = await askProbe(gateOf(silent.origin, { timeoutSeconds: 0.1 }), OPTIONS);
    expect(result).toEqual({ outcome: 'failed', said: `${silent.origin}/: no answer within 0.1 s` });
    const gone = await serve(() => undefined);
    await gone[Symbol.asyncDispose]();
    expect((await askProbe(gateOf(gone.origin), OPTIONS)).said).toContain('ECONNREFUSED');
  });

  test('follows a redirect at its origin, and none to another', async () => {
    await using other = await serve(json({}));
    await using server = await serve((request, response) => {
      if (request.url === '/there') response.end('{}');
      else response.writeHead(302, { location: request.url === '/here' ? '/there' : `${other.origin}/` }).end();
    });
    expect((await askProbe(gateOf(`${server.origin}/here`), OPTIONS)).outcome).toBe('good');
    const away = await askProbe(gateOf(`${server.origin}/away`), OPTIONS);
    expect(away).toMatchObject({ outcome: 'failed', said: expect.stringContaining('redirected to another origin') });
    expect(other.requests).toHaveLength(0);
  });

  test('is not asked where the server may not reach', async () => {
    await using server = await serve(json({}));
    const mayReach = (origin: string) => origin !== server.origin;
    const result = await askProbe(gateOf(server.origin), { ...OPTIONS, mayReach });
    expect(result).toEqual({ outcome: 'failed', said: `${server.origin}/: this server may not ask ${server.origin}` });
    expect(server.requests).toHaveLength(0);
  });

  test('sends the token of its variable, and is not asked without it', async () => {
    await using server = await serve(json({}));
    const gate = gateOf(server.origin, { tokenEnv: 'MONITOR_TOKEN' });
    const secrets = (name: string) => (name === 'MONITOR_TOKEN' ? 's3cret' : undefined);
    expect((await askProbe(gate, { ...OPTIONS, secrets })).outcome).toBe('good');
    expect(server.requests[0]!.headers.authorization).toBe('Bearer s3cret');

    const without = await askProbe(gate, OPTIONS);
    expect(without).toMatchObject({ outcome: 'failed', said: expect.stringContaining('MONITOR_TOKEN') });
    const clear = await askProbe({ ...gate, url: 'http://monitor.example.com/' }, { ...OPTIONS, secrets });
    expect(clear).toMatchObject({ outcome: 'failed', said: expect.stringContaining('in clear text') });
    expect(clear.said).not.toContain('s3cret');
    expect(server.requests).toHaveLength(1);
  });

  test('ends with the signal, and with nothing else', async () => {
    const aborting = new AbortController();
    await using silent = await serve(() => aborting.abort(new OtaError('INTERRUPTED', 'Interrupted')));
    const asked = askProbe(gateOf(silent.origin), { ...OPTIONS, signal: aborting.signal });
    await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect((await askProbe(gateOf('ftp://x/'), OPTIONS)).outcome).toBe('failed');
    expect((await askProbe(gateOf(silent.origin), { policy: { caFile: '/no/such/file' } })).outcome).toBe('failed');
  });
});

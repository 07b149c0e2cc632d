import { describe, expect, test } from 'vitest';
import { type DecisionNotice, postDecision } from '../../../src/lib/campaign/webhook.js';
import { leapingTime } from '../../support/leaping-time.js';
import { type Handler, serve } from '../net/servers.js';
import { figuresOf } from '../rollout/stage-figures.js';

const NOTICE: DecisionNotice = {
  spec: 'ota-rollout-decision/1',
  id: 'spring:41',
  campaign: 'spring',
  planDigest: 'a'.repeat(64),
  product: 'meter',
  version: '2.0.0',
  stage: { place: 0, name: 'pilot' },
  decision: 'pause',
  reason: '97 of 100 installed',
  figures: figuresOf({ installed: 97, failed: 3 }),
  gates: [{ gate: 0, type: 'success', decision: 'pause', reason: '97 of 100 installed' }],
  time: '2026-01-05T06:00:00.000Z',
};

interface Received {
  readonly method: string | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: unknown;
}

/** Answers as it is told, one status after another, the last one for ever; keeps what it was sent. */
function receiver(
  statuses: number[],
  headers: Record<string, string> = {},
): { received: Received[]; handler: Handler } {
  const received: Received[] = [];
  const handler: Handler = (request, response, count) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      received.push({ method: request.method, headers: request.headers, body: JSON.parse(body) });
      response.writeHead(statuses[Math.min(count, statuses.length) - 1]!, headers).end('thanks');
    });
  };
  return { received, handler };
}

const options = () => ({ policy: {}, pacing: leapingTime() });

describe('a webhook', () => {
  test('is told of a decision once it takes it', async () => {
    const { received, handler } = receiver([503, 429, 204]);
    await using server = await serve(handler);
    await postDecision(server.origin, NOTICE, options());
    expect(received).toHaveLength(3);
    expect(received[2]).toMatchObject({ method: 'POST', body: NOTICE });
    expect(new Set(received.map(({ headers }) => headers['idempotency-key']))).toEqual(new Set(['spring:41']));
    expect(received[2]!.headers['content-type']).toBe('application/json');
  });

  test('that never takes it is given up on within about a minute, and that is told', async () => {
    const { received, handler } = receiver([503], { 'retry-after': '10' });
    await using server = await serve(handler);
    const given = options();
    await expect(postDecision(server.origin, NOTICE, given)).rejects.toMatchObject({
      code: 'HTTP_STATUS',
      message: `${server.origin}/: the webhook answered 503, 2xx was expected (attempt 4 of 4)`,
    });
    expect(received).toHaveLength(4);
    expect(given.pacing.monotonicMs()).toBe(30_000);
  });

  test.each([
    [400, 'HTTP_STATUS'],
    [404, 'HTTP_STATUS'],
    [307, 'REDIRECT_REFUSED'],
  ])('that answers %i is asked once', async (status, code) => {
    const { received, handler } = receiver([status], { location: '/there' });
    await using server = await serve(handler);
    await expect(postDecision(server.origin, NOTICE, options())).rejects.toMatchObject({ code });
    expect(received).toHaveLength(1);
  });

  test('that cuts the connection is tried again', async () => {
    await using server = await serve((request) => void request.socket.destroy());
    await expect(postDecision(server.origin, NOTICE, options())).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
    expect(server.requests).toHaveLength(4);
  });

  test('gets the token of its variable, and nothing without it or where it may not be reached', async () => {
    const { received, handler } = receiver([200]);
    await using server = await serve(handler);
    const secrets = () => 's3cret';
    await postDecision(server.origin, NOTICE, { ...options(), tokenEnv: 'HOOK_TOKEN', secrets });
    expect(received[0]!.headers.authorization).toBe('Bearer s3cret');

    const without = postDecision(server.origin, NOTICE, { ...options(), tokenEnv: 'HOOK_TOKEN' });
    await expect(without).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const forbidden = postDecision(server.origin, NOTICE, { ...options(), mayReach: () => false });
    await expect(forbidden).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(received).toHaveLength(1);
  });

  test('that sends an endless answer keeps nobody waiting', async () => {
    await using server = await serve((_, response) => {
      const more = (error?: Error | null) => void (error || response.write('x'.repeat(65_536), more));
      more();
    });
    await postDecision(server.origin, NOTICE, options());
    expect(server.requests).toHaveLength(1);
  });
});

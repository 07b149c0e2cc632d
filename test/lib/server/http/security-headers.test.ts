import { expect, test } from 'vitest';
import { startTestServer } from '../server-fixture.js';

test('every answer, also a refusal, forbids a browser to make more of it than it is', async () => {
  const server = await startTestServer();
  for (const path of ['/healthz', '/nowhere', '/DEFAULT/controller/v1/x', '/api/v1/devices']) {
    const { headers } = await server.call('GET', path, { as: null });
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': expect.stringContaining('max-age='),
    });
    expect(headers.get('content-length')).not.toBe('0');
  }
});

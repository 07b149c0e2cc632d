import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import type { CampaignGrant, Holder } from '../../../../src/lib/server/access/campaign-grants.js';
import { OwnClient } from '../../../../src/lib/server/campaigns/own-client.js';
import { addOperator, auditedActions } from '../access/access-fixture.js';
import { OTHER_TENANT, startTestServer, type TestServer } from '../server-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
});
afterAll(() => server.stop());

function grantTo(holder: Holder, { tenantId = 1 }: Partial<CampaignGrant> = {}) {
  const { access, ownRequests } = server.running.context;
  const grant = access.grants.issue({ tenantId, campaign: 'spring', holder });
  return {
    ...grant,
    client: new OwnClient(ownRequests, () => grant.authorization),
    end: () => grant[Symbol.dispose](),
  };
}

const whoami = z.object({ name: z.string(), permissions: z.optional(z.array(z.string())) });

describe('a campaign in the server', () => {
  test('is itself to the audit log, for whoever it acts for', async () => {
    const anna = await addOperator(server, 'anna', 'operator');
    const { client } = grantTo({ operatorId: anna });
    await client.call('POST', '/rest/v1/targettags', { json: [{ name: 'spring.s1.0' }] });
    expect((await auditedActions(server)).at(-1)).toMatch(/^campaign:spring \(for anna\) tag\.created tag:\d+$/);
    const { name } = await client.call('GET', '/api/v1/whoami', { answer: whoami });
    expect(name).toBe('campaign:spring (for anna)');
  });

  test('may only what a campaign needs, though an administrator has started it', async () => {
    const root = await addOperator(server, 'root', 'admin');
    const { client } = grantTo({ operatorId: root });
    for (const [method, path, json] of [
      ['GET', '/api/v1/audit', undefined],
      ['POST', '/api/v1/operators', { name: 'mole', role: 'admin', password: 'correct horse battery' }],
      ['PUT', '/api/v1/settings/pollingTime', { value: '00:00:10' }],
      ['POST', '/api/v1/tenants', { name: 'MINE' }],
    ] as const) {
      const asked = client.call(method, path, json === undefined ? {} : { json });
      await expect(asked, path).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    }
  });

  test('is nobody once its step has ended, and to whoever guesses', async () => {
    const anna = await addOperator(server, 'anna2', 'operator');
    const { client, end } = grantTo({ operatorId: anna });
    await client.call('GET', '/api/v1/whoami');
    end();
    await expect(client.call('GET', '/api/v1/whoami')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    const guess = new OwnClient(server.running.context.ownRequests, () => 'campaign AAAA');
    await expect(guess.call('GET', '/api/v1/whoami')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  });

  test('is nobody over a network, though the secret is right', async () => {
    const anna = await addOperator(server, 'anna3', 'operator');
    const { client, authorization } = grantTo({ operatorId: anna });
    await client.call('GET', '/api/v1/whoami');
    for (const value of [authorization, authorization.replace('campaign', 'Bearer')]) {
      const asked = await server.call('GET', '/api/v1/whoami', { as: { authorization: value } });
      expect(asked.status).toBe(401);
    }
    expect(server.logged.join('\n')).not.toContain(authorization.split(' ')[1]);
  });

  test('loses what whoever it acts for loses, at once', async () => {
    const anna = await addOperator(server, 'anna4', 'operator');
    const { client } = grantTo({ operatorId: anna });
    const tag = () => client.call('POST', '/rest/v1/targettags', { json: [{ name: `t${Math.random()}` }] });
    await tag();
    await server.call('PATCH', `/api/v1/operators/${anna}`, { body: { role: 'viewer' } });
    await expect(tag()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await server.call('PATCH', `/api/v1/operators/${anna}`, { body: { role: 'operator' } });
    await tag();
    await server.call('PATCH', `/api/v1/operators/${anna}`, { body: { isDisabled: true } });
    await expect(tag()).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  });

  test('ends with the API token that started it: revoked, expired', async () => {
    const expiresAt = server.running.context.clock.now().getTime() + 86_400_000;
    const made = await server.call('POST', '/api/v1/tokens', { body: { name: 'ci', role: 'operator', expiresAt } });
    const { client } = grantTo({ tokenId: made.body.id });
    await client.call('GET', '/api/v1/whoami');
    server.advance(86_400_000);
    await expect(client.call('GET', '/api/v1/whoami')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    const again = await server.call('POST', '/api/v1/tokens', { body: { name: 'ci2', role: 'operator' } });
    const second = grantTo({ tokenId: again.body.id }).client;
    await second.call('GET', '/api/v1/whoami');
    await server.call('DELETE', `/api/v1/tokens/${again.body.id}`);
    await expect(second.call('GET', '/api/v1/whoami')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  });

  test('is of one tenant', async () => {
    const theirs = await addOperator(server, 'anna5', 'operator', OTHER_TENANT);
    const { client } = grantTo({ operatorId: theirs });
    await expect(client.call('GET', '/api/v1/whoami')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  });
});

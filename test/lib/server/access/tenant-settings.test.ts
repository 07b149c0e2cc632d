import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeSettings } from '../../../../src/lib/server/access/change-settings.js';
import { openSettingsCache } from '../../../../src/lib/server/access/settings-cache.js';
import { readSettings, TENANT_SETTINGS } from '../../../../src/lib/server/access/tenant-settings.js';
import { tokenHash } from '../../../../src/lib/server/access/token.js';
import { startTestServer, type TestServer } from '../server-fixture.js';

const by = { tenantId: 1, actor: 'somebody', now: 1000 };

describe('what a tenant may set', () => {
  test('has a default that its own schema allows', async () => {
    const { context } = (await startTestServer()).running;
    const { trustRoot, ...others } = await readSettings(context.database.sql, 1);
    expect(trustRoot).toBeNull();
    const { actor, now } = by;
    await changeSettings(context, { tenantId: 1, actor, now, values: others });
    expect(Object.keys(await readSettings(context.database.sql, 1))).toEqual(Object.keys(TENANT_SETTINGS));
  });

  test('is changed for one tenant alone, and goes back to the default', async () => {
    const { context } = (await startTestServer()).running;
    await changeSettings(context, { ...by, values: { pollingTime: '00:00:10', acceptedFormats: ['ota', 'swu'] } });
    expect(await readSettings(context.database.sql, 1)).toMatchObject({
      pollingTime: '00:00:10',
      acceptedFormats: ['ota', 'swu'],
    });
    expect(await readSettings(context.database.sql, 2)).toMatchObject({ pollingTime: '00:05:00' });
    await changeSettings(context, { ...by, values: { pollingTime: undefined } });
    expect(await readSettings(context.database.sql, 1)).toMatchObject({ pollingTime: '00:05:00' });
  });

  test('is kept as a hash when it is a secret, and not written to the audit log', async () => {
    const { context } = (await startTestServer()).running;
    const secret = 'a secret of a gateway';
    await changeSettings(context, { ...by, values: { 'authentication.gatewaytoken.key': secret } });
    const rows = await context.database.sql.selectFrom('tenant_setting').selectAll().execute();
    const log = await context.database.sql.selectFrom('audit').selectAll().execute();
    expect(rows[0]!.value).toBe(JSON.stringify(tokenHash(secret)));
    expect(log).toHaveLength(1);
    expect(JSON.stringify([rows, log])).not.toContain(secret);
  });

  test('is seen at once by the process that changed it, and after a second by another', async () => {
    const server = await startTestServer();
    const { context } = server.running;
    const elsewhere = openSettingsCache(context.database, context.clock);
    expect((await elsewhere.of(1)).pollingTime).toBe('00:05:00');
    expect((await context.tenantSettings.of(1)).pollingTime).toBe('00:05:00');
    await changeSettings(context, { ...by, values: { pollingTime: '00:00:10' } });
    expect((await context.tenantSettings.of(1)).pollingTime).toBe('00:00:10');
    server.advance(999);
    expect((await elsewhere.of(1)).pollingTime).toBe('00:05:00');
    server.advance(1);
    expect((await elsewhere.of(1)).pollingTime).toBe('00:00:10');
  });
});

describe('a setting that a tenant may not have', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ isShared: true });
  });
  afterAll(() => server.stop());

  test.each([
    ['pollingTime', '5 minutes', 'USAGE'],
    ['pollingTime', null, 'USAGE'],
    ['offlineAfterSeconds', 0, 'USAGE'],
    ['authentication.gatewaytoken.key', 'short', 'USAGE'],
    ['trustRoot', { signed: {}, signatures: [] }, 'ROOT_INVALID'],
    ['noSuchThing', 1, 'NOT_FOUND'],
    ['__proto__', 1, 'NOT_FOUND'],
  ])('%s = %j is refused, and so is what came with it', async (name, value, code) => {
    const { context } = server.running;
    const values = Object.fromEntries([
      ['acceptedFormats', ['swu']],
      [name, value],
    ]);
    await expect(changeSettings(context, { ...by, values })).rejects.toMatchObject({ code });
    expect(await context.database.sql.selectFrom('tenant_setting').selectAll().execute()).toEqual([]);
    expect(await context.database.sql.selectFrom('audit').selectAll().execute()).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { type AuditRecord, audit } from '../../../../src/lib/server/audit/audit.js';
import { AUDIT_GENESIS, auditHash } from '../../../../src/lib/wire/audit.js';
import { startTestServer } from '../server-fixture.js';

const record: AuditRecord = {
  tenantId: 1,
  actor: 'somebody',
  action: 'thing.changed',
  object: 'thing:1',
  detail: { to: 2 },
  now: 1000,
};

describe('audit', () => {
  test('chains the entries of each tenant by hashes over all that they say', async () => {
    const { database } = (await startTestServer()).running.context;
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        database.transaction((tx) => audit(tx, { ...record, tenantId: 1 + (index % 2), object: `thing:${index}` })),
      ),
    );
    for (const [tenantId, tenant] of [
      [1, 'DEFAULT'],
      [2, 'OTHER'],
    ] as const) {
      const rows = await database.sql
        .selectFrom('audit')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .orderBy('seq')
        .execute();
      expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(rows.map(({ previous_hash }) => previous_hash)).toEqual([
        AUDIT_GENESIS,
        ...rows.slice(0, -1).map(({ hash }) => hash),
      ]);
      for (const { seq, time, actor, action, object, detail, previous_hash: previousHash, hash } of rows) {
        const said = { tenant, seq, time, actor, action, object, detail: JSON.parse(detail), previousHash };
        expect(auditHash(said)).toBe(hash);
      }
    }
  });

  test('leaves nothing when the transaction fails', async () => {
    const { database } = (await startTestServer()).running.context;
    const failing = database.transaction(async (tx) => {
      await audit(tx, record);
      throw new Error('of the change itself');
    });
    await expect(failing).rejects.toThrow('of the change itself');
    expect(await database.sql.selectFrom('audit').selectAll().execute()).toEqual([]);
  });

  test('keeps of too much detail its hash, and of names from outside what can be written', async () => {
    const { database } = (await startTestServer()).running.context;
    await database.transaction((tx) => audit(tx, { ...record, detail: { text: 'x'.repeat(5000) } }));
    const odd = {
      ...record,
      actor: `device:${'y'.repeat(1000)}`,
      object: 'z\ud800',
      detail: { '\udc00': '\ud800\\ud800' },
    };
    await database.transaction((tx) => audit(tx, odd));
    const [large, strange] = await database.sql.selectFrom('audit').selectAll().orderBy('seq').execute();
    expect(JSON.parse(large!.detail)).toEqual({ omittedBytes: 5011, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(strange!.actor).toHaveLength(512);
    expect(strange!.object).toBe('z\ufffd');
    expect(JSON.parse(strange!.detail)).toEqual({ '\ufffd': '\ufffd\\ud800' });
  });
});

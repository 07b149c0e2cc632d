import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/core/clock.js';
import { auditHash } from '../../../src/lib/wire/audit.js';
import { startTestServer, type TestServer } from '../../lib/server/server-fixture.js';
import { type FleetDesk, openDesk } from './fleet-login.js';

const PASSWORD = 'correct horse battery';

let server: TestServer;
let desk: FleetDesk;
beforeAll(async () => {
  server = await startTestServer({ isShared: true, clock: systemClock });
  desk = await openDesk(server);
  await desk.login();
  for (const name of ['ann', 'bob', 'cid']) {
    await server.call('POST', '/api/v1/operators', { body: { name, role: 'operator', password: PASSWORD } });
  }
});
afterAll(async () => {
  await desk[Symbol.asyncDispose]();
  await server.stop();
});

const rows = () => server.running.context.database.sql.selectFrom('audit').selectAll().orderBy('seq').execute();

/** Changes an entry behind the server's back, by default without touching its hash. */
async function tamper(seq: number, values: { actor?: string; hash?: string; previous_hash?: string }): Promise<void> {
  const { sql } = server.running.context.database;
  await sql
    .updateTable('audit')
    .set(values as never)
    .where('seq', '=', seq)
    .execute();
}

describe('fleet audit list', () => {
  test('lists who did what, the newest last, and says what it leaves out', async () => {
    const all = await desk.fleet('audit list');
    expect(all).toMatchObject({ status: 0, stderr: '' });
    expect(all.stdout.split('\n').filter((line) => line.includes('operator.created'))).toHaveLength(3);
    expect(all.stdout).toMatch(/operator:ann[\s\S]*operator:bob[\s\S]*operator:cid/);
    const few = await desk.fleet('audit list --max 2');
    expect(few.stdout).not.toContain('operator:ann');
    expect(few.stderr).toContain('2 of 3 entries; for all of them: --max 3');
  });

  test('chooses by object, action, actor and time', async () => {
    const list = async (words: string) => JSON.parse((await desk.fleet(`audit list --json ${words}`)).stdout);
    expect(await list('--object operator:bob')).toMatchObject({ total: 1, entries: [{ object: 'operator:bob' }] });
    expect(await list('--action operator.created --since 1h')).toMatchObject({ total: 3 });
    expect(await list('--actor nobody')).toEqual({ total: 0, entries: [] });
  });

  test('is for auditors and administrators: status 15', async () => {
    const denied = await desk.fleet(`audit list --server ${server.url} --token-env VIEWER`, {
      env: { VIEWER: server.token('viewer') },
    });
    expect(denied).toMatchObject({ status: 15, stdout: '' });
  });
});

describe('fleet audit verify', () => {
  test('follows the chain, and finds what was remembered when the log has grown', async () => {
    const first = JSON.parse((await desk.fleet('audit verify --json')).stdout);
    expect(first).toEqual({ tenant: 'DEFAULT', entries: 3, head: (await rows()).at(-1)!.hash });
    await server.call('POST', '/api/v1/tokens', { body: { name: 'more', role: 'viewer' } });
    const later = await desk.fleet(`audit verify --head ${first.head}`);
    expect(later).toMatchObject({ status: 0, stdout: expect.stringMatching(/entries +4[\s\S]*remembered +entry 3/) });
  });

  test('finds a changed entry: status 4', async () => {
    const [, second] = await rows();
    await tamper(2, { actor: 'somebody else' });
    const found = await desk.fleet('audit verify');
    expect(found).toMatchObject({ status: 4, stdout: '' });
    expect(found.stderr).toContain('does not hold together at entry 2: is not what its hash was made of');
    const verdict = await server.call('GET', '/api/v1/audit/verify');
    expect(verdict.body).toMatchObject({ isIntact: false, entries: 1, broken: { seq: 2 } });
    await tamper(2, { actor: second!.actor });
    expect(await desk.fleet('audit verify')).toMatchObject({ status: 0 });
  });

  test('finds that a server has rewritten its log, by a hash that was remembered: status 4', async () => {
    const { head } = JSON.parse((await desk.fleet('audit verify --json')).stdout);
    const { sql } = server.running.context.database;
    const original = await rows();
    // A thorough forger: every later entry is chained anew.
    let previousHash = original[0]!.hash;
    for (const { seq, time, actor, action, object, detail } of original.slice(1)) {
      const said = { seq, time, actor: seq === 2 ? 'nobody' : actor, action, object, detail: JSON.parse(detail) };
      const hash = auditHash({ tenant: 'DEFAULT', ...said, previousHash });
      await tamper(seq, { actor: said.actor, hash, previous_hash: previousHash });
      previousHash = hash;
    }
    expect(await desk.fleet('audit verify')).toMatchObject({ status: 0 });
    const found = await desk.fleet(`audit verify --head ${head}`);
    expect(found).toMatchObject({ status: 4, stdout: '' });
    expect(found.stderr).toContain(`none with the hash ${head}`);
    await sql.deleteFrom('audit').where('seq', '>', 1).execute();
    expect(await desk.fleet(`audit verify --head ${head}`)).toMatchObject({ status: 4 });
    await sql.insertInto('audit').values(original.slice(1)).execute();
    expect(await desk.fleet(`audit verify --head ${head}`)).toMatchObject({ status: 0 });
  }, 30_000);

  test('refuses a head that is no hash: status 2', async () => {
    expect(await desk.fleet('audit verify --head 5feceb')).toMatchObject({ status: 2, stdout: '' });
  });
});

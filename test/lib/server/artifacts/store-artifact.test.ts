import { hash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { openContainer } from '../../../../src/lib/package/container.js';
import { keepArtifact, receiveArtifact, stageCuts } from '../../../../src/lib/server/artifacts/store-artifact.js';
import { fullPayload, smallPackage, testSigner } from '../../../support/packages.js';
import { type Fleet, testFleet } from '../actions/software-fixture.js';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { deltaPayload, inChunks, packed, trustTestRoot, upload } from './upload-fixture.js';

let server: TestServer;
let fleet: Fleet;
let moduleId: number;
beforeAll(async () => {
  const settings = { version: '0.0.0-test', scryptCost: 1024, maxArtifactBytes: 256 * 1024 };
  server = await startTestServer({ isShared: true, settings });
  fleet = await testFleet(server.running.context);
  await trustTestRoot(server.running.context, fleet.tenantId);
  ({ moduleId } = await fleet.set('1.0.0'));
  return () => server.stop();
});

const context = () => server.running.context;
const target = randomBytes(9000);
const bases = [randomBytes(8000), randomBytes(8500)] as const;
const fat = () =>
  packed([
    ...bases.map((base, index) => deltaPayload(randomBytes(500 + index), { base, target })),
    fullPayload(target),
  ]);

/** Names and contents of everything that the store holds, incoming too. */
function stored(): string[] {
  const root = join(context().dataDirectory, 'artifacts');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath.slice(root.length + 1)}/${name}`)
    .sort();
}
const rows = () => context().database.sql.selectFrom('artifact').select(['id', 'filename']).orderBy('id').execute();
const cutsOf = (id: number) =>
  context().database.sql.selectFrom('artifact_cut').selectAll().where('artifact_id', '=', id).orderBy('id').execute();
const bytesOf = (sha256: string) =>
  readFileSync(join(context().dataDirectory, 'artifacts', sha256.slice(0, 2), sha256));
const put = (bytes: Uint8Array, filename: string, more: object = {}) =>
  upload(context(), bytes, { tenantId: fleet.tenantId, moduleId, filename, ...more });

describe('an uploaded package', () => {
  test('is verified, kept by its hash, and cut for the devices of each base', async () => {
    const bytes = await fat();
    const artifact = await put(bytes, 'meter-2.0.0.ota');
    expect(artifact).toMatchObject({
      format: 'ota',
      verification: 'verified',
      size: bytes.length,
      md5: hash('md5', bytes),
      sha1: hash('sha1', bytes),
      sha256: hash('sha256', bytes),
    });
    expect(bytesOf(artifact.sha256)).toEqual(bytes);
    const cuts = await cutsOf(artifact.id);
    const labels = [...bases.map((base) => hash('sha256', base).slice(0, 8)), 'full'];
    expect(cuts.map(({ label, filename }) => [label, filename])).toEqual(
      labels.map((label) => [label, `meter-2.0.0.${label}.ota`]),
    );
    expect(cuts.map((cut) => JSON.parse(cut.bases))).toEqual([
      ...bases.map((base) => ({ app: hash('sha256', base) })),
      {},
    ]);
    for (const cut of cuts) {
      const content = bytesOf(cut.sha256);
      expect([content.length, hash('sha256', content), hash('md5', content)]).toEqual([cut.size, cut.sha256, cut.md5]);
      const thin = await openContainer(memoryAccess(content, cut.filename));
      expect(thin.payloads).toHaveLength(1);
    }
  });

  test('that has one payload only is its own cut', async () => {
    const artifact = await put(await packed([fullPayload(target)], { version: '2.0.1' }), 'small.ota');
    expect(await cutsOf(artifact.id)).toMatchObject([
      { label: 'full', sha256: artifact.sha256, filename: 'small.ota' },
    ]);
  });

  test('is known by its bytes, whatever its name', async () => {
    const stranger = await smallPackage(target, {}, [testSigner(66)]);
    await expect(put(stranger, 'looks-like.swu')).rejects.toMatchObject({ exitCode: 3 });
    expect((await put(await packed([fullPayload(target)], { version: '2.0.2' }), 'misnamed.swu')).format).toBe('ota');
  });

  const refused: [string, () => Promise<{ bytes: Uint8Array; filename?: string; more?: object }>, object][] = [
    [
      'signed by a stranger',
      async () => ({ bytes: await smallPackage(target, {}, [testSigner(66)]) }),
      { exitCode: 3 },
    ],
    ['with a flipped bit', async () => ({ bytes: flipped(await fat()) }), { exitCode: 4 }],
    ['cut short', async () => ({ bytes: (await fat()).subarray(0, -600) }), { exitCode: 4 }],
    [
      'that has expired',
      async () => ({ bytes: await packed([fullPayload(target)], { expiresAt: '2025-01-01T00:00:00Z' }) }),
      { code: 'PACKAGE_EXPIRED' },
    ],
    ['of a format that is not accepted', async () => ({ bytes: randomBytes(99), filename: 'x.swu' }), { status: 422 }],
    [
      'with an ending of ours and other bytes',
      async () => ({ bytes: randomBytes(2000), filename: 'x.ota' }),
      { exitCode: 4 },
    ],
    ['larger than allowed', async () => ({ bytes: Buffer.alloc(256 * 1024 + 1) }), { code: 'LIMIT_EXCEEDED' }],
    [
      'with another digest than the sender says',
      async () => ({ bytes: await fat(), more: { expected: { sha1: 'a'.repeat(40) } } }),
      { status: 400 },
    ],
    ['with a path for a name', async () => ({ bytes: await fat(), filename: '../x.ota' }), { status: 400 }],
    ['under a name that is taken', async () => ({ bytes: await fat(), filename: 'meter-2.0.0.ota' }), { status: 409 }],
    ['of an unknown module', async () => ({ bytes: await fat(), more: { moduleId: 99_999 } }), { status: 404 }],
    ["of another tenant's module", async () => ({ bytes: await fat(), more: { tenantId: 2 } }), { status: 404 }],
  ];
  test.each(refused)('%s is refused, and nothing of it stays', async (_, make, failure) => {
    const before = { files: stored(), rows: await rows() };
    const { bytes, filename = 'refused.ota', more } = await make();
    await expect(put(bytes, filename, more)).rejects.toMatchObject(failure);
    expect({ files: stored(), rows: await rows() }).toEqual(before);
  });

  test('whose transaction fails at the end is not kept', async () => {
    const before = await rows();
    const bytes = await packed([fullPayload(randomBytes(100))]);
    const incoming = { tenantId: fleet.tenantId, filename: 'late.ota', source: inChunks(bytes) };
    const keepAndFail = async () => {
      await using received = await receiveArtifact(context(), incoming);
      await using cuts = await stageCuts(context(), received);
      await context().database.transaction(async (tx) => {
        await keepArtifact(tx, context(), { received, cuts, place: { moduleId, actor: 'alice' } });
        throw new Error('the catalogue says no');
      });
    };
    await expect(keepAndFail()).rejects.toThrow('says no');
    expect(await rows()).toEqual(before);
    expect(stored().filter((path) => path.startsWith('incoming/'))).toEqual([]);
  });

  test('needs a trust root', async () => {
    const other = await startTestServer();
    const others = await testFleet(other.running.context);
    const { moduleId: otherModule } = await others.set('1.0.0');
    const to = { tenantId: others.tenantId, moduleId: otherModule, filename: 'a.ota' };
    await expect(upload(other.running.context, await fat(), to)).rejects.toMatchObject({
      status: 422,
      code: 'KEY_MISSING',
    });
  });
});

test('a foreign format is taken unverified where the tenant lists it, and over its quota not at all', async () => {
  const { sql } = context().database;
  const set = (name: string, value: unknown) =>
    sql
      .insertInto('tenant_setting')
      .values({ tenant_id: fleet.tenantId, name, value: JSON.stringify(value) })
      .execute();
  await set('acceptedFormats', ['ota', 'swu']);
  const artifact = await put(randomBytes(3000), 'rootfs.SWU');
  expect(artifact).toMatchObject({ format: 'swu', verification: 'unverified' });
  expect(await cutsOf(artifact.id)).toEqual([]);
  await set('artifacts.maxBytes', 10);
  await expect(put(randomBytes(3000), 'more.swu')).rejects.toMatchObject({ status: 413, code: 'QUOTA_EXCEEDED' });
  await sql.deleteFrom('tenant_setting').where('name', '=', 'artifacts.maxBytes').execute();
});

test('bytes that several artifacts have are kept once, and go with the last of them', async () => {
  const bytes = await packed([fullPayload(randomBytes(4000))], { version: '9.0.0' });
  const first = await put(bytes, 'first.ota');
  const second = await put(bytes, 'second.ota');
  const path = `${first.sha256.slice(0, 2)}/${first.sha256}`;
  const { sql } = context().database;
  const remove = (id: number) => sql.deleteFrom('artifact').where('id', '=', id).execute();
  await remove(first.id);
  server.advance(2 * 3_600_000);
  await server.running.runJobs();
  expect(stored()).toContain(path);
  await remove(second.id);
  await server.running.runJobs();
  expect(stored()).not.toContain(path);
  expect(bytes.length).toBeGreaterThan(0);
  // Needed again, and this time so recently that another process may be about to say so.
  const third = await put(bytes, 'third.ota');
  await remove(third.id);
  await server.running.runJobs();
  expect(stored()).toContain(path);
});

test('what a killed server left behind is removed in time', async () => {
  const root = join(context().dataDirectory, 'artifacts');
  const stray = hash('sha256', 'stray');
  const existing = readdirSync(root).find((name) => /^[0-9a-f]{2}$/.test(name))!;
  const name = existing + stray.slice(2);
  const longAgo = context().clock.now().getTime() / 1000 - 2 * 86_400;
  for (const path of [join(root, 'incoming', 'half'), join(root, existing, name)]) {
    writeFileSync(path, 'stray');
    utimesSync(path, longAgo, longAgo);
  }
  await server.running.runJobs();
  expect(stored()).not.toContain('incoming/half');
  expect(stored()).toContain(`${existing}/${name}`);
  server.advance(2 * 3_600_000);
  await server.running.runJobs();
  expect(stored()).not.toContain(`${existing}/${name}`);
});

/** With one bit changed in the last payload. */
function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[changed.length - 2000]! ^= 1;
  return changed;
}

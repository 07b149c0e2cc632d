import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../../src/lib/core/canonical-json.js';
import { checkSchema } from '../../../../src/lib/core/schema.js';
import type { JsonValue } from '../../../../src/lib/core/strict-json.js';
import { assignSet } from '../../../../src/lib/server/actions/assign-set.js';
import { publication, releaseDetail, releasePage } from '../../../../src/lib/wire/catalog.js';
import { fullPayload, packageBytes, releaseMetadata, testSigner } from '../../../support/packages.js';
import { type Fleet, testFleet } from '../actions/software-fixture.js';
import { OTHER_TENANT, startTestServer, type TestServer } from '../server-fixture.js';
import { imageSha256, publish, releasePackage, trustRootOf } from './catalogue-fixture.js';

let server: TestServer;
let fleet: Fleet;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  fleet = await testFleet(server.running.context);
  await trustRootOf(server);
  await trustRootOf(server, OTHER_TENANT);
  return () => server.stop();
});

const sql = () => server.running.context.database.sql;
const TABLES = [
  'release',
  'release_channel',
  'software_module',
  'distribution_set',
  'artifact',
  'artifact_cut',
  'blob',
] as const;

/** How many rows of the catalogue there are, and files that have arrived. */
async function everything(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of TABLES) {
    const { rows } = await sql()
      .selectFrom(table)
      .select(({ fn }) => fn.countAll<number>().as('rows'))
      .executeTakeFirstOrThrow();
    counts[table] = rows;
  }
  const root = join(server.running.context.dataDirectory, 'artifacts');
  counts.files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  return counts;
}

const detail = (digest: string, tenant?: string) =>
  server.call('GET', `/api/v1/releases/${digest}`, { as: 'viewer', ...(tenant && { tenant }) });

describe('publishing a package', () => {
  test('makes a release, its cuts, a set that devices can be assigned, and enters channels', async () => {
    const bytes = await releasePackage('1.1.0', { sequence: 110, from: ['1.0.0', '0.9.0'] });
    const { status, body } = await publish(server, bytes, '&channel=stable&channel=beta', { filename: 'm-1.1.0.ota' });
    expect(status).toBe(201);
    const published = checkSchema(publication, body, { code: 'USAGE', name: 'answer' });
    expect(published).toMatchObject({
      published: true,
      entered: ['stable', 'beta'],
      release: {
        ...{ product: 'meter', version: '1.1.0', sequence: 110, filename: 'm-1.1.0.ota', bytes: bytes.length },
        components: [{ component: 'app', sha256: imageSha256('1.1.0') }],
        cuts: [{ baseVersions: ['1.0.0'] }, { baseVersions: ['0.9.0'] }, { label: 'full', baseVersions: [] }],
        distributionSet: { name: 'meter', version: '1.1.0' },
        yanked: null,
      },
    });
    const shown = await detail(published.release.digest.slice(0, 10));
    expect(checkSchema(releaseDetail, shown.body, { code: 'USAGE', name: 'answer' })).toMatchObject({
      digest: published.release.digest,
      verifies: true,
      devices: { assigned: 0, installed: 0 },
      payloads: [{ format: 'bsdiff40' }, { format: 'bsdiff40' }, { format: 'full' }],
    });
    const audited = await sql().selectFrom('audit').select(['action', 'object']).where('tenant_id', '=', 1).execute();
    expect(audited).toContainEqual({ action: 'release.published', object: `release:${published.release.digest}` });
  });

  test('again changes nothing, but for a channel that it was not in', async () => {
    const bytes = await releasePackage('1.2.0', { sequence: 120 });
    expect(await publish(server, bytes)).toMatchObject({ status: 201, body: { published: true, entered: [] } });
    const before = await everything();
    expect(await publish(server, bytes)).toMatchObject({ status: 200, body: { published: false, entered: [] } });
    expect(await everything()).toEqual(before);
    expect(await publish(server, bytes, '&channel=nightly')).toMatchObject({
      status: 200,
      body: { published: false, entered: ['nightly'], release: { channels: [{ name: 'nightly' }] } },
    });
    expect(await everything()).toEqual({ ...before, release_channel: before.release_channel! + 1 });
  });

  test('as a dry run tells what would be, and changes nothing', async () => {
    const before = await everything();
    const bytes = await releasePackage('1.3.0', { sequence: 130, from: ['1.2.0'] });
    expect(await publish(server, bytes, '&channel=stable&dryRun=true')).toMatchObject({
      status: 200,
      body: { isDryRun: true, published: true, entered: ['stable'], release: { distributionSet: null } },
    });
    expect(await everything()).toEqual(before);
  });

  test('in two tenants makes a release of each, and neither sees the other', async () => {
    const bytes = await releasePackage('1.4.0', { sequence: 140 });
    const { body } = await publish(server, bytes, '&channel=stable', { tenant: OTHER_TENANT });
    const { digest } = body.release;
    expect(await detail(digest)).toMatchObject({ status: 404 });
    expect(await publish(server, bytes)).toMatchObject({ status: 201, body: { published: true } });
    const own = await detail(digest);
    const others = await detail(digest, OTHER_TENANT);
    expect([own.body.channels, others.body.channels]).toMatchObject([[], [{ name: 'stable' }]]);
    const yank = { body: { reason: 'melts' }, tenant: OTHER_TENANT };
    await server.call('POST', `/api/v1/releases/${digest}/yank`, yank);
    expect((await detail(digest)).body.yanked).toBeNull();
  });

  test('of one version and sequence for other models is another release', async () => {
    const other = await releasePackage('1.4.0', { sequence: 140 }, { compatible: { models: ['M200'] } });
    expect(await publish(server, other)).toMatchObject({
      status: 201,
      body: { release: { distributionSet: { name: 'meter for M200' } } },
    });
  });
});

describe('a package that may not be published', () => {
  const signedBy = async (signer: ReturnType<typeof testSigner>) => {
    const { entry, content } = fullPayload(Buffer.from('strange'));
    const metadataBytes = canonicalJson(releaseMetadata([entry]) as unknown as JsonValue);
    return packageBytes({ metadataBytes, payloads: [content], signers: [signer] });
  };
  const damaged = async () => {
    const bytes = await releasePackage('3.0.0', { sequence: 300 });
    bytes[bytes.length - 2048]! ^= 1;
    return bytes;
  };
  const refused: [string, () => Promise<Buffer>, string, object][] = [
    ['signed by a stranger', () => signedBy(testSigner(66)), '', { status: 422, body: { code: 'KEY_UNTRUSTED' } }],
    ['with a flipped bit', damaged, '', { status: 422, body: { code: 'PAYLOAD_MISMATCH' } }],
    ['that is none', async () => Buffer.from('hello'), '', { status: 422 }],
    [
      'with the sequence of another release',
      () => releasePackage('1.1.1', { sequence: 110 }),
      '',
      { status: 422, body: { code: 'SEQUENCE_CONFLICT' } },
    ],
    [
      'with the version of another release',
      () => releasePackage('1.1.0', { sequence: 111 }),
      '',
      { status: 409, body: { code: 'CONFLICT' } },
    ],
    [
      "below its channel's newest",
      () => releasePackage('1.0.5', { sequence: 105 }),
      '&channel=stable',
      { status: 409, body: { code: 'CONFLICT' } },
    ],
    [
      'into a channel that there is not',
      () => releasePackage('3.0.0', { sequence: 300 }),
      '&channel=staple',
      { status: 404 },
    ],
    [
      'that has expired',
      () => releasePackage('3.0.0', { sequence: 300 }, { expiresAt: '2025-01-01T00:00:00Z' }),
      '',
      { status: 422, body: { code: 'PACKAGE_EXPIRED' } },
    ],
  ];
  test.each(refused)('%s is refused, and nothing of it stays', async (_, make, query, failure) => {
    const before = await everything();
    const answer = await publish(server, await make(), query);
    const body = answer.body.error ?? answer.body;
    expect({ status: answer.status, body }).toMatchObject(failure);
    expect(await everything()).toEqual(before);
  });

  test('by a viewer is refused before it is read', async () => {
    const before = await everything();
    const bytes = await releasePackage('3.0.0', { sequence: 300 });
    expect(await publish(server, bytes, '', { as: 'viewer' })).toMatchObject({ status: 403 });
    expect(await everything()).toEqual(before);
  });

  test('leaves nothing where its client goes away in the middle', async () => {
    const before = await everything();
    const gone = new Promise<void>((resolve) => {
      const sending = request(`${server.url}/api/v1/releases?filename=half.ota`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${server.token('operator')}`,
          'content-type': 'application/octet-stream',
          'content-length': 100_000,
        },
      });
      sending.on('error', () => resolve());
      sending.write(Buffer.alloc(50_000), () => sending.destroy());
      sending.on('close', () => resolve());
    });
    await gone;
    await expect.poll(everything).toEqual(before);
  });

  test('below the newest enters a channel where somebody said so', async () => {
    const bytes = await releasePackage('1.0.5', { sequence: 105 });
    expect(await publish(server, bytes, '&channel=stable&older=true')).toMatchObject({ status: 201 });
  });
});

describe('a withdrawn release', () => {
  test('is assigned to nobody, cancels what is under way, and may come back', async () => {
    const { body } = await publish(server, await releasePackage('1.5.0', { sequence: 150 }), '&channel=stable');
    const { digest, distributionSet } = body.release;
    const deviceIds = await fleet.devices('yank-1', 'yank-2');
    const assign = (ids: readonly number[]) =>
      fleet.transaction((tx) =>
        assignSet(tx, {
          ...{ tenantId: fleet.tenantId, deviceIds: ids, setId: distributionSet.id, type: 'forced' },
          ...{ confirmationRequired: false, actor: 'test', now: 0 },
        }),
      );
    await assign(deviceIds.slice(0, 1));
    const yanked = await server.call('POST', `/api/v1/releases/${digest}/yank`, { body: { reason: 'bricks M100' } });
    expect(yanked).toMatchObject({
      status: 200,
      body: { cancelled: 1, release: { yanked: { reason: 'bricks M100' } } },
    });
    expect(await sql().selectFrom('action').select('status').execute()).toEqual([{ status: 'canceling' }]);
    await expect(assign(deviceIds)).rejects.toMatchObject({ status: 400 });
    const again = await publish(server, await releasePackage('1.5.0', { sequence: 150 }));
    expect(again).toMatchObject({ status: 409 });
    const path = await server.call('GET', '/api/v1/paths?product=meter&from=1.2.0&to=1.5.0');
    expect(path.body.path).toMatchObject({
      outcome: 'blocked',
      obstacles: [{ release: { version: '1.5.0' }, refusals: [{ code: 'YANKED', reason: 'bricks M100' }] }],
    });
    expect(await server.call('POST', `/api/v1/releases/${digest}/yank`, { body: { reason: 'x' } })).toMatchObject({
      status: 409,
    });

    expect(await server.call('POST', `/api/v1/releases/${digest}/unyank`)).toMatchObject({
      status: 200,
      body: { release: { yanked: null } },
    });
    await expect(assign(deviceIds.slice(1))).resolves.toMatchObject({ assigned: 1 });
    expect(await server.call('POST', `/api/v1/releases/${digest}/unyank`)).toMatchObject({ status: 409 });
  });
});

describe('the list of releases', () => {
  test('is narrowed by channel and versions, and paged without a gap', async () => {
    const page = await server.call('GET', '/api/v1/releases?product=meter&versionRange=>=1.1 <1.5&limit=2');
    const first = checkSchema(releasePage, page.body, { code: 'USAGE', name: 'page' });
    const rest = await server.call(
      'GET',
      `/api/v1/releases?product=meter&versionRange=>=1.1 <1.5&cursor=${first.next}`,
    );
    const versions = [...first.items, ...rest.body.items].map(({ version }) => version);
    expect(versions).toEqual(['1.4.0', '1.4.0', '1.2.0', '1.1.0']);
    expect(first.total).toBe(4);
    expect(rest.body.next).toBeNull();
    const nightly = await server.call('GET', '/api/v1/releases?channel=nightly');
    expect(nightly.body.items.map(({ version }: { version: string }) => version)).toEqual(['1.2.0']);
    expect(await server.call('GET', '/api/v1/releases?versionRange=newest')).toMatchObject({ status: 400 });
  });

  test('of channels tells the newest that is offered in each', async () => {
    const { body } = await server.call('GET', '/api/v1/channels?product=meter');
    expect(body.order).toEqual(['stable', 'beta', 'nightly']);
    expect(body.items).toMatchObject([
      { name: 'stable', head: { version: '1.5.0' } },
      { name: 'beta', releases: 1, head: { version: '1.5.0' } },
      { name: 'nightly', releases: 1, head: { version: '1.5.0' } },
    ]);
  });
});

test('a release enters and leaves a channel', async () => {
  const { body } = await publish(server, await releasePackage('1.6.0', { sequence: 160 }));
  const at = `/api/v1/releases/${body.release.digest}/channels`;
  expect(await server.call('PUT', `${at}/beta`)).toMatchObject({ status: 200, body: { channels: [{ name: 'beta' }] } });
  expect(await server.call('PUT', `${at}/beta`)).toMatchObject({ status: 200, body: { channels: [{ name: 'beta' }] } });
  expect(await server.call('PUT', `${at}/gamma`)).toMatchObject({ status: 404 });
  expect(await server.call('DELETE', `${at}/beta`)).toMatchObject({ status: 200, body: { channels: [] } });
  expect(await server.call('PUT', `${at}/beta`, { as: 'viewer' })).toMatchObject({ status: 403 });
  expect(await server.call('PUT', `${at}/beta`, { tenant: OTHER_TENANT })).toMatchObject({ status: 404 });
});

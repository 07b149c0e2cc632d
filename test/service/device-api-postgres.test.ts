import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startPostgres } from '../../scripts/services/postgres.mjs';
import { testFleet } from '../lib/server/actions/software-fixture.js';
import { deltaPayload, packed, trustTestRoot, upload } from '../lib/server/artifacts/upload-fixture.js';
import { assign, historyOf, testDevice } from '../lib/server/ddi/ddi-fixture.js';
import { startTestServer } from '../lib/server/server-fixture.js';
import { testFolder } from '../support/folder.js';
import { fullPayload } from '../support/packages.js';

test('a device updates, cancels and falls silent on PostgreSQL as it does on the embedded database', async () => {
  await using folder = await testFolder();
  const postgres = await startPostgres(folder.path);
  try {
    const url = new URL(await postgres.createDatabase());
    const server = await startTestServer({ postgres: { url } });
    const { context } = server.running;
    const fleet = await testFleet(context);
    const { tenantId } = fleet;
    await trustTestRoot(context, tenantId);
    const device = await testDevice(server, fleet, 'pg-1');
    const [base, target] = [randomBytes(4000), randomBytes(5000)];
    const made = await fleet.set('1.0.0');
    const payloads = [deltaPayload(randomBytes(99), { base, target }), fullPayload(target)];
    const to = { tenantId, moduleId: made.moduleId, filename: 'm.ota' };
    const artifact = await upload(context, await packed(payloads), to);

    const sha256 = createHash('sha256').update(base).digest('hex');
    await device.call('PUT', 'configData', { body: { data: { 'ota.app.sha256': sha256 } } });
    const actionId = await assign(server, fleet, device.id, { setId: made.setId });
    expect(await device.poll()).toEqual({ deploymentBase: `deploymentBase/${actionId}` });
    const { body } = await device.call('GET', `deploymentBase/${actionId}`);
    const [file] = body.deployment.chunks[0].artifacts;
    expect(file.filename).toBe(`m.${sha256.slice(0, 8)}.ota`);
    const download = await device.call('GET', file._links['download-http'].href, { headers: { range: 'bytes=0-12' } });
    expect(download).toMatchObject({ status: 206, body: 'metadata.json' });
    await device.feedback(`deploymentBase/${actionId}`, 'closed', 'success');
    expect(await device.state()).toEqual({ assigned: made.setId, installed: made.setId, status: 'in_sync' });

    const [second, third] = [await fleet.set('1.1.0'), await fleet.set('1.2.0')];
    const superseded = await assign(server, fleet, device.id, { setId: second.setId });
    const young = await assign(server, fleet, device.id, { setId: third.setId });
    expect(await device.poll()).toMatchObject({ cancelAction: `cancelAction/${superseded}` });
    await device.feedback(`cancelAction/${superseded}`, 'canceled');
    expect(await device.poll()).toMatchObject({ deploymentBase: `deploymentBase/${young}` });
    await device.feedback(`deploymentBase/${young}`, 'proceeding');

    await context.lastSeen.flush();
    await context.database.sql.deleteFrom('artifact').where('id', '=', artifact.id).execute();
    server.advance(86_400_001);
    await server.running.runJobs();
    expect((await historyOf(server, young)).at(-1)?.[0]).toBe('error');
    expect(await device.state()).toEqual({ assigned: null, installed: made.setId, status: 'error' });
    const online = await context.database.sql.selectFrom('device').select('is_online').executeTakeFirstOrThrow();
    expect(online.is_online).toBe(0);
    expect(await context.database.sql.selectFrom('blob').select('sha256').execute()).toEqual([]);
  } finally {
    await postgres.stop();
  }
});

test('two servers over one database and folder give a device one update, and keep the same bytes once', async () => {
  await using folder = await testFolder();
  const postgres = await startPostgres(folder.path);
  try {
    const url = new URL(await postgres.createDatabase());
    const shared = { postgres: { url }, dataDirectory: join(folder.path, 'shared') };
    const servers = [await startTestServer(shared), await startTestServer(shared)] as const;
    const fleets = [await testFleet(servers[0].running.context), await testFleet(servers[1].running.context)] as const;
    const { tenantId } = fleets[0];
    await trustTestRoot(servers[0].running.context, tenantId);
    const device = await testDevice(servers[0], fleets[0], 'pg-2');
    const sets = [await fleets[0].set('1.0.0'), await fleets[0].set('2.0.0')] as const;

    const bytes = await packed([fullPayload(randomBytes(50_000))]);
    const uploaded = await Promise.all(
      servers.map(({ running }, index) =>
        upload(running.context, bytes, { tenantId, moduleId: sets[index]!.moduleId, filename: 'm.ota' }),
      ),
    );
    expect(uploaded[0]!.sha256).toBe(uploaded[1]!.sha256);
    for (const { running } of servers) await running.context.blobs.collect(running.context.clock.now().getTime());
    const file = await servers[1].running.context.blobs.open(uploaded[0]!.sha256);
    expect(file.size).toBe(bytes.length);
    await file.close();

    await Promise.all(
      Array.from({ length: 10 }, (_, round) =>
        assign(servers[round % 2]!, fleets[round % 2]!, device.id, { setId: sets[round % 2]!.setId }).catch(
          () => undefined, // it is on its way there already
        ),
      ),
    );
    const active = await servers[0].running.context.database.sql
      .selectFrom('action')
      .select(['set_id', 'status'])
      .where('is_active', '=', 1)
      .execute();
    const wanted = active.filter(({ status }) => status !== 'canceling');
    expect(wanted).toHaveLength(1);
    expect((await device.state()).assigned).toBe(wanted[0]!.set_id);
  } finally {
    await postgres.stop();
  }
});

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../support/cli.js';
import { type Acknowledged, startLoad } from '../support/fleet-load.js';
import { startFleet } from '../support/fleet-process.js';
import { makeSet } from '../support/fleet-software.js';
import { expectAllKept } from '../support/fleet-state.js';
import { testFolder } from '../support/folder.js';

test('a backup of a busy server holds all that was acknowledged before it; with a bit changed it is refused', async () => {
  await using folder = await testFolder();
  const [data, backup, restored] = ['data', 'backup', 'restored'].map((name) => folder.file(name));
  const server = await startFleet({ data: data! });
  await server.call('PUT', '/api/v1/settings/acceptedFormats', { body: { value: ['swu'] } });
  const setId = await makeSet(server, { version: '1.0.0' });
  const { adminToken: token } = server;
  const load = startLoad({ server: async () => server, token, setId });
  await load.more(300);
  const before = copyOf(load.acknowledged);
  expect(await runCli('fleet', ['serve', 'backup', backup!, '--data', data!])).toMatchObject({ status: 0 });
  await load.more(50); // it was busy all the time
  await load.stop();
  await server.end('SIGTERM');

  const restore = ['serve', 'restore', backup!, '--data', restored!];
  const { files } = JSON.parse(await readFile(join(backup!, 'backup.json'), 'utf8'));
  for (const { path } of [files[0], files.at(-1)]) {
    const file = join(backup!, path);
    const bytes = await readFile(file);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(file, bytes);
    const { status, stderr } = await runCli('fleet', restore);
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining(path) });
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(file, bytes);
  }
  expect(await runCli('fleet', restore)).toMatchObject({ status: 0 });
  const again = await startFleet({ data: restored!, token });
  await expectAllKept(again, load, before);
  await again.end('SIGTERM');
});

function copyOf({ devices, actions, feedback, closed, telemetry, artifacts }: Acknowledged): Acknowledged {
  return {
    devices: new Map(devices),
    actions: new Map(actions),
    feedback: new Map(feedback),
    closed: new Set(closed),
    telemetry: new Map(telemetry),
    artifacts: new Map(artifacts),
  };
}

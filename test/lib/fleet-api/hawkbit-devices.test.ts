import { expect, test } from 'vitest';
import { bearer } from '../../../src/lib/fleet-api/credential.js';
import { openFleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import { openHawkbitDriver } from '../../../src/lib/fleet-api/hawkbit-driver.js';
import { startTestServer } from '../server/server-fixture.js';
import { brokenClient, drivenFleet } from './driven-fleet.js';

test('fields that are ours alone are said in those of hawkBit, or refused before anything is asked', async () => {
  const server = await startTestServer();
  await using client = await openFleetClient({ server: server.url, credential: bearer(server.token('admin')) });
  const counting = brokenClient(client, 0, 'before');
  const driver = openHawkbitDriver(counting.client, { address: server.url });
  const fleet = await drivenFleet(server, 3);
  const { version } = fleet.portion().software;
  await fleet.api.post(`/distributionsets/${fleet.setId}/assignedTargets?offline=true`, [{ id: fleet.device(2) }]);
  const found = async (where: string) => {
    const names: string[] = [];
    for await (const page of driver.devices(where)) names.push(...page.map(({ id }) => id));
    return names;
  };
  expect(await found(`installedVersion==${version}`)).toEqual([fleet.device(2)]);
  const asked = counting.methods.length;
  await expect(found('online==true')).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  await expect(found('installedVersion=gt=1.0.0')).rejects.toMatchObject({ code: 'USAGE' });
  await expect(found('nothing==1')).rejects.toMatchObject({ code: 'USAGE' });
  expect(counting.methods).toHaveLength(asked);
});

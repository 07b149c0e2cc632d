import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GateSpec } from '../../src/lib/rollout/gate-spec.js';
import { type CampaignFleet, STRICT, startCampaignFleet } from '../lib/server/campaigns/campaign-fleet.js';

/** A server that runs its jobs by itself, with campaigns at the same time. */
let fleet: CampaignFleet;
beforeAll(async () => {
  fleet = await startCampaignFleet({ isTimed: true });
});
afterAll(() => fleet.stop());

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

test('a probe that never answers holds up its own campaign alone, which can be paused, and no end of the server', async () => {
  let asked = 0;
  const silent = createServer(() => {
    asked++;
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const settings = { ...fleet.server.running.context.settings, egressOrigins: [url] };
    await fleet.restart({ settings });
    const probe: GateSpec = { type: 'probe', url, timeoutSeconds: 300, everySeconds: 0, otherwise: 'pause' };
    const slow = await fleet.plan({ name: 'slow', stages: [{ devices: ['slow-1'] }], gates: [...STRICT, probe] });
    await fleet.begin(slow);
    while (asked === 0) await fleet.pass();
    const plan = await fleet.plan({ name: 'quick', stages: [{ devices: names('quick', 2) }] });
    await fleet.begin(plan);
    await fleet.until('quick', 'finished');
    expect((await fleet.view('slow')).phase).toBe('running');
    expect(asked).toBe(1);
    const paused = await fleet.server.call('POST', '/api/v1/campaigns/slow/requests', { body: { verb: 'pause' } });
    expect(paused).toMatchObject({ status: 200, body: { phase: 'paused' } });
    await fleet.ask('slow', 'resume');
    while (asked === 1) await fleet.pass();
    await fleet.restart();
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

test('whoever asks for something is told where the campaign stands when it is done, or why it is not', async () => {
  const startAt = new Date(Date.now() + 86_400_000).toISOString();
  const plan = await fleet.plan({ name: 'asked', stages: [{ devices: ['asked-1'], startAt }] });
  await fleet.begin(plan);
  const ask = (verb: string) => fleet.server.call('POST', '/api/v1/campaigns/asked/requests', { body: { verb } });
  expect(await ask('pause')).toMatchObject({ status: 200, body: { phase: 'paused' } });
  expect(await ask('resume')).toMatchObject({ status: 200, body: { phase: 'running' } });
  // Allowed in this phase, but there is nothing to approve: only whoever drives it knows.
  expect(await ask('approve')).toMatchObject({ status: 409, body: { error: { code: 'CONFLICT' } } });
  expect(await ask('abort')).toMatchObject({ status: 200, body: { phase: expect.stringMatching(/^abort/) } });
});

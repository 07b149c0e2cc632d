import { expect, test } from 'vitest';
import { openServerHost } from '../../../src/lib/campaign/server-host.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import type { FleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import type { CampaignView } from '../../../src/lib/rollout/campaign-view.js';
import { leapingTime } from '../../support/leaping-time.js';
import { viewOfCampaign } from '../../support/memory-campaigns.js';

const away = new OtaError('NETWORK_FAILED', 'the connection failed');
const running = viewOfCampaign();
const finished = viewOfCampaign({ phase: 'finished', endedAt: '2026-01-05T07:00:00.000Z' });

/** A server that answers so, one after the other; the last answer stays. */
function answering(answers: readonly (CampaignView | OtaError)[]): FleetClient {
  let asked = 0;
  const call = async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    if (answer instanceof OtaError) throw answer;
    return answer;
  };
  return { server: 'http://fleet', call, open: call, [Symbol.asyncDispose]: async () => {} } as unknown as FleetClient;
}

async function watched(answers: readonly (CampaignView | OtaError)[]) {
  const told: (string | undefined)[] = [];
  const onLost = (reason: OtaError | undefined) => void told.push(reason?.code);
  await using host = openServerHost(answering(answers), { pacing: leapingTime(), onLost });
  const phases: string[] = [];
  const end = (async () => {
    for await (const { view } of host.watch('meter-2.1.0', new AbortController().signal)) phases.push(view.phase);
  })();
  const failure = await end.then(
    () => undefined,
    (error: unknown) => error,
  );
  return { told, phases, failure };
}

test('whoever watches is told once that the server is away, and once that it is back', async () => {
  expect(await watched([running, away, away, running, away, finished])).toEqual({
    told: ['NETWORK_FAILED', undefined, 'NETWORK_FAILED', undefined],
    phases: ['running', 'finished'],
    failure: undefined,
  });
});

test('a server that does not come back, or knows nobody, ends it', async () => {
  expect(await watched([running, away])).toMatchObject({ told: ['NETWORK_FAILED'], failure: away });
  const refusal = new OtaError('AUTHENTICATION_FAILED', 'the login has ended');
  expect(await watched([running, refusal])).toMatchObject({ told: [], failure: refusal });
});

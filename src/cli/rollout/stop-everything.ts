import * as z from 'zod/mini';
import { ResourceStack } from '../../lib/core/resource-stack.js';
import { allHosts, type CampaignHostFlags } from '../rollout-host.js';
import type { RolloutSession } from '../rollout-session.js';
import { isOver } from './campaign-outcome.js';

/** `POST /api/v1/campaigns/stop-all` */
const stopped = z.object({ campaigns: z.array(z.string()), rollouts: z.array(z.string()) });

export interface Stopped {
  readonly campaigns: readonly string[];
  readonly rollouts: readonly string[];
}

export interface StopOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly remark: string;
  readonly signal: AbortSignal;
}

/**
 * Aborts every campaign that is under way at a server, wherever it is driven from, and stops every rollout there.
 *
 * @returns names of what was under way
 */
export async function stopEverything(
  session: RolloutSession,
  flags: CampaignHostFlags,
  { environment, remark, signal }: StopOptions,
): Promise<Stopped> {
  const { driver, client, by } = session;
  await using hosts = new ResourceStack();
  const campaigns: string[] = [];
  // Campaigns first: they must not take what is stopped below for something to go on with.
  for (const opened of await allHosts(session, flags, environment)) {
    const host = hosts.use(opened);
    if (host.isDetached) continue;
    for (const view of await host.list(signal)) {
      if (isOver(view) || view.phase === 'aborting' || view.phase === 'rolling-back') continue;
      await host.request(view.name, { verb: 'abort', remark }, { by, signal });
      campaigns.push(view.name);
    }
  }
  if (!driver.capabilities.campaigns) return { campaigns, rollouts: await driver.stopAll(signal) };
  const path = '/api/v1/campaigns/stop-all';
  const there = await client.call('POST', path, { json: { remark }, answer: stopped, signal });
  return { campaigns: [...campaigns, ...there.campaigns], rollouts: there.rollouts };
}

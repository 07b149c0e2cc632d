import * as z from 'zod/mini';
import type { CampaignHost } from '../../lib/campaign/host.js';
import { OtaError } from '../../lib/core/errors.js';
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
 * Ends every campaign that is under way at a server, wherever it is driven from, without going back, and stops every rollout
 * there.
 *
 * @returns names of what was under way
 * @throws OtaError what the first campaign of this machine failed with, when all else was stopped; those of the server
 */
export async function stopEverything(
  session: RolloutSession,
  flags: CampaignHostFlags,
  { environment, remark, signal }: StopOptions,
): Promise<Stopped> {
  const { driver, by } = session;
  await using hosts = new ResourceStack();
  const here: [CampaignHost, string][] = [];
  const campaigns: string[] = [];
  let failure: { readonly error: unknown } | undefined;
  // Campaigns first: they must not take what is stopped below for something to go on with.
  for (const opened of await allHosts(session, flags, environment)) {
    const host = hosts.use(opened);
    if (host.isDetached) continue;
    for (const view of await host.list(signal)) {
      if (isOver(view) || view.phase === 'rolling-back') continue;
      try {
        await host.request(view.name, { verb: 'stop', remark }, { by, signal });
        campaigns.push(view.name);
        // One that did not take it is not driven: it would go on.
        here.push([host, view.name]);
      } catch (error) {
        if (signal.aborted) throw error;
        failure ??= { error };
      }
    }
  }
  const there = await stopAtServer(session, { campaigns: driver.capabilities.campaigns, remark, signal });
  for (const [host, name] of here) await takeToEnd(host, name, signal);
  if (failure !== undefined) throw failure.error;
  return { campaigns: [...campaigns, ...there.campaigns], rollouts: there.rollouts };
}

async function stopAtServer(
  { driver, client }: RolloutSession,
  { campaigns, remark, signal }: { campaigns: boolean; remark: string; signal: AbortSignal },
): Promise<Stopped> {
  if (!campaigns) return { campaigns: [], rollouts: await driver.stopAll(signal) };
  const path = '/api/v1/campaigns/stop-all';
  return await client.call('POST', path, { json: { remark }, answer: stopped, signal });
}

/** Takes a campaign that nobody drives as far as everything of it is stopped: it would be aborting for ever. */
async function takeToEnd(host: CampaignHost, name: string, signal: AbortSignal): Promise<void> {
  try {
    for await (const { view } of host.drive(name, signal)) if (isOver(view)) return;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'LOCKED') return;
    throw error;
  }
}

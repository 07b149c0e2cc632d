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
  /** Campaigns of this machine whose devices are on their way back, which nobody follows now. */
  readonly goingBack: readonly string[];
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
      if (isOver(view)) continue;
      const isEnding = view.phase === 'aborting' || view.phase === 'rolling-back';
      if (isEnding) {
        here.push([host, view.name]);
        continue;
      }
      try {
        await host.request(view.name, { verb: 'abort', remark }, { by, signal });
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
  const goingBack: string[] = [];
  for (const [host, name] of here) if (await isLeftGoingBack(host, name, signal)) goingBack.push(name);
  if (failure !== undefined) throw failure.error;
  return { campaigns: [...campaigns, ...there.campaigns], rollouts: there.rollouts, goingBack };
}

async function stopAtServer(
  { driver, client }: RolloutSession,
  { campaigns, remark, signal }: { campaigns: boolean; remark: string; signal: AbortSignal },
): Promise<Omit<Stopped, 'goingBack'>> {
  if (!campaigns) return { campaigns: [], rollouts: await driver.stopAll(signal) };
  const path = '/api/v1/campaigns/stop-all';
  return await client.call('POST', path, { json: { remark }, answer: stopped, signal });
}

/**
 * Takes a campaign that nobody drives as far as everything of it is stopped, and its devices are asked to go back where its
 * plan says so: it would be aborting for ever. How they do, nobody waits for who stops everything.
 *
 * @returns whether devices are on their way back
 */
async function isLeftGoingBack(host: CampaignHost, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const { view } of host.drive(name, signal)) {
      const { figures } = view.returning ?? { figures: null };
      if (view.phase === 'rolling-back' && figures !== null && figures.waiting + figures.running > 0) return true;
    }
    return false;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'LOCKED') return false;
    throw error;
  }
}

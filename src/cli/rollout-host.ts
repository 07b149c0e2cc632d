import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { Flags } from '@oclif/core';
import type { CampaignHost } from '../lib/campaign/host.js';
import { OtaError } from '../lib/core/errors.js';
import type { RolloutPlan } from '../lib/rollout/plan.js';
import type { RolloutSession } from './rollout-session.js';

const GROUP = 'CAMPAIGN';

/** Where campaigns live. */
export const campaignHostFlags = {
  local: Flags.boolean({
    summary: 'Drive the campaign from this machine, although the server could do it.',
    default: false,
    helpGroup: GROUP,
  }),
  campaigns: Flags.string({
    summary: 'Folder of the campaigns that this machine drives [default: ota-fleet/campaigns in your state folder].',
    helpValue: 'DIR',
    helpGroup: GROUP,
  }),
};

export interface CampaignHostFlags {
  readonly local: boolean;
  readonly campaigns?: string | undefined;
  /** Variables that hold what one logs in with. */
  readonly 'token-env'?: string | undefined;
  readonly 'password-env'?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Where {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** Whoever watches has lost the server, and why; undefined: it is back. */
  readonly onLost?: ((reason: OtaError | undefined) => void) | undefined;
}

/** `$XDG_STATE_HOME/ota-fleet/campaigns`, by default below `~/.local/state`. */
export function campaignsFolder(flag: string | undefined, environment: Environment): string {
  if (flag !== undefined) return resolve(flag);
  const { XDG_STATE_HOME } = environment;
  const base = XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), '.local', 'state');
  return join(base, 'ota-fleet', 'campaigns');
}

/**
 * Where the campaign of a plan lives, or is going to: in the server, where that can run it. One that has begun is never
 * begun a second time in the other place: both would give the same devices the same portions.
 *
 * @throws OtaError USAGE: the plan runs commands, which servers never do, and `--local` is missing; CONFLICT: `--local`, and
 *   the server runs it
 */
export async function hostForPlan(
  session: RolloutSession,
  flags: CampaignHostFlags,
  { plan, environment, signal, onLost }: Where & { plan: RolloutPlan },
): Promise<CampaignHost> {
  const { name } = plan;
  if (!session.driver.capabilities.campaigns) return localHost(session, flags, environment);
  const there = await serverHost(session, onLost);
  const isThere = await has(there, name, signal);
  if (flags.local) {
    if (!isThere) return localHost(session, flags, environment);
    throw new OtaError('CONFLICT', `the server runs a campaign ${name} already`, [
      'Leave --local out to watch it, or make the plan with another --name.',
    ]);
  }
  if (!isThere && existsSync(join(campaignsFolder(flags.campaigns, environment), name))) {
    const here = await localHost(session, flags, environment);
    if ((await here.list(signal)).some((view) => view.name === name)) return here;
  }
  const runsCommands = plan.stages.some(({ gates }) => gates.some(({ type }) => type === 'command'));
  if (!runsCommands) return there;
  throw new OtaError('USAGE', `${name}: the plan has a gate that runs a command, which a server never does`, [
    'Add --local: the campaign then goes on only while a command of this machine drives it.',
  ]);
}

async function has(host: CampaignHost, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await host.view(name, signal);
    return true;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}

/** Where a campaign lives that has begun: also one that this machine drives at a server that could do it. */
export async function hostOfCampaign(
  session: RolloutSession,
  flags: CampaignHostFlags,
  { name, environment, signal, onLost }: Where & { name: string },
): Promise<CampaignHost> {
  if (isLocal(session, flags)) return localHost(session, flags, environment);
  const here = existsSync(join(campaignsFolder(flags.campaigns, environment), name));
  const host = await serverHost(session, onLost);
  if (!here) return host;
  return (await has(host, name, signal)) ? host : localHost(session, flags, environment);
}

/** All places where campaigns of a server live. */
export async function allHosts(
  session: RolloutSession,
  flags: CampaignHostFlags,
  environment: Environment,
): Promise<CampaignHost[]> {
  if (isLocal(session, flags)) return [await localHost(session, flags, environment)];
  const here = existsSync(campaignsFolder(flags.campaigns, environment));
  return [await serverHost(session), ...(here ? [await localHost(session, flags, environment)] : [])];
}

function isLocal({ driver }: RolloutSession, { local }: CampaignHostFlags): boolean {
  return local || !driver.capabilities.campaigns;
}

async function serverHost({ client }: RolloutSession, onLost?: Where['onLost']): Promise<CampaignHost> {
  const { openServerHost } = await import('../lib/campaign/server-host.js');
  return openServerHost(client, { onLost });
}

async function localHost(
  { driver }: RolloutSession,
  flags: CampaignHostFlags,
  environment: Environment,
): Promise<CampaignHost> {
  const { openLocalHost } = await import('../lib/campaign/local-host.js');
  const { localGauges } = await import('./rollout/local-gauges.js');
  const gauges = localGauges(environment, [flags['token-env'], flags['password-env']]);
  return openLocalHost({ folder: campaignsFolder(flags.campaigns, environment), driver, gauges });
}

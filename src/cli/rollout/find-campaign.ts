import type { CampaignHost } from '../../lib/campaign/host.js';
import { didYouMean } from '../../lib/core/did-you-mean.js';
import { OtaError } from '../../lib/core/errors.js';
import { ResourceStack } from '../../lib/core/resource-stack.js';
import { escapeText } from '../../lib/core/text.js';
import type { CampaignView } from '../../lib/rollout/campaign-view.js';
import { allHosts, type CampaignHostFlags, hostOfCampaign } from '../rollout-host.js';
import type { RolloutSession } from '../rollout-session.js';
import { isOver } from './campaign-outcome.js';

/** As plans allow it; nothing else is asked for, neither of a server nor of a folder. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const MAX_LISTED = 10;

export interface FoundCampaign {
  /** To be disposed of. */
  readonly host: CampaignHost;
  readonly view: CampaignView;
}

interface Where {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onLost?: ((reason: OtaError | undefined) => void) | undefined;
}

/**
 * The campaign that somebody names; without a name the one that is under way.
 *
 * @throws OtaError NOT_FOUND with the name that was probably meant; USAGE: several are under way
 */
export async function findCampaign(
  session: RolloutSession,
  flags: CampaignHostFlags,
  { name, environment, signal, onLost }: Where & { name: string | undefined },
): Promise<FoundCampaign> {
  if (name === undefined) return onlyCampaign(session, flags, { environment, signal, onLost });
  if (!NAME.test(name)) throw noCampaign(name, []);
  const host = await hostOfCampaign(session, flags, { name, environment, signal, onLost });
  try {
    return { host, view: await host.view(name, signal) };
  } catch (error) {
    await host[Symbol.asyncDispose]();
    if (!(error instanceof OtaError && error.code === 'NOT_FOUND')) throw error;
    const known = await everyCampaign(session, flags, { environment, signal });
    throw noCampaign(
      name,
      known.map((view) => view.name),
    );
  }
}

/** All campaigns at a server, the newest first, wherever they live. */
export async function everyCampaign(
  session: RolloutSession,
  flags: CampaignHostFlags,
  { environment, signal }: Where,
): Promise<CampaignView[]> {
  await using hosts = new ResourceStack();
  const lists = await allHosts(session, flags, environment);
  for (const host of lists) hosts.use(host);
  const views = await Promise.all(lists.map((host) => host.list(signal)));
  return views.flat().sort((a, b) => Date.parse(b.openedAt) - Date.parse(a.openedAt));
}

async function onlyCampaign(session: RolloutSession, flags: CampaignHostFlags, where: Where): Promise<FoundCampaign> {
  const underWay = (await everyCampaign(session, flags, where)).filter((view) => !isOver(view));
  const [first, second] = underWay;
  if (first === undefined) {
    throw new OtaError('NOT_FOUND', 'no campaign is under way', [
      '`ota rollout list` tells of those that have ended; name one to see it.',
    ]);
  }
  if (second === undefined) return findCampaign(session, flags, { ...where, name: first.name });
  const names = underWay.slice(0, MAX_LISTED).map(({ name }) => escapeText(name));
  const more = underWay.length > MAX_LISTED ? `, and ${underWay.length - MAX_LISTED} more` : '';
  throw new OtaError('USAGE', `${underWay.length} campaigns are under way`, [`Name one: ${names.join(', ')}${more}.`]);
}

function noCampaign(name: string, known: readonly string[]): OtaError {
  const meant = didYouMean(name, known);
  return new OtaError('NOT_FOUND', `there is no campaign "${escapeText(name)}"`, [
    ...(meant === undefined ? [] : [`Did you mean ${escapeText(meant)}?`]),
    ...(name.endsWith('.json') ? ['A campaign is named as its plan says, not as the file of the plan is.'] : []),
    known.length === 0 ? 'Begin one with `ota rollout start PLAN`.' : 'See all with `ota rollout list`.',
  ]);
}

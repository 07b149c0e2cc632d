import type { CampaignHost, CampaignUpdate } from '../../lib/campaign/host.js';
import { OtaError } from '../../lib/core/errors.js';
import type { CampaignView } from '../../lib/rollout/campaign-view.js';
import { isResting } from './campaign-outcome.js';

export interface FollowOptions {
  /** Takes it on, unless somebody else does. */
  readonly drives: boolean;
  /** Milliseconds; Infinity: without end. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Whether what was to be waited for has come, besides the end. */
  readonly isEnough?: (view: CampaignView) => boolean;
  onUpdate(update: CampaignUpdate): Promise<void>;
  /** Another process drives it. */
  onForeign?(): void;
}

export interface Followed {
  readonly view: CampaignView;
  readonly reason: 'rests' | 'enough' | 'time' | 'signal';
}

/** No timer of Node's is longer. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Stays with a campaign until it rests, until enough has happened, or for as long as is waited.
 *
 * @param view as it is now
 * @throws OtaError those of the host, but for LOCKED: what somebody else drives is watched
 */
export async function followCampaign(
  host: CampaignHost,
  view: CampaignView,
  options: FollowOptions,
): Promise<Followed> {
  const { drives, waitMs, signal, isEnough = () => false, onUpdate, onForeign } = options;
  if (isResting(view)) return { view, reason: 'rests' };
  if (isEnough(view)) return { view, reason: 'enough' };
  const enough = new AbortController();
  const time = new AbortController();
  const timer = waitMs <= MAX_TIMER_MS ? setTimeout(() => time.abort(), waitMs) : undefined;
  const until = AbortSignal.any([signal, enough.signal, time.signal]);
  let last = view;
  const follow = async (updates: AsyncIterable<CampaignUpdate>) => {
    for await (const update of updates) {
      last = update.view;
      await onUpdate(update);
      if (isEnough(last)) enough.abort();
    }
  };
  try {
    if (!drives) await follow(host.watch(view.name, until));
    else {
      try {
        await follow(host.drive(view.name, until));
      } catch (error) {
        if (!(error instanceof OtaError && error.code === 'LOCKED')) throw error;
        onForeign?.();
        await follow(host.watch(view.name, until));
      }
    }
  } finally {
    clearTimeout(timer);
  }
  if (isResting(last)) return { view: last, reason: 'rests' };
  if (enough.signal.aborted) return { view: last, reason: 'enough' };
  return { view: last, reason: signal.aborted ? 'signal' : 'time' };
}

import type { JournalEntry } from '../rollout/campaign-event.js';
import type { CampaignRequest, CampaignView } from '../rollout/campaign-view.js';
import type { RolloutPlan } from '../rollout/plan.js';

/**
 * Where campaigns live: in a fleet server that runs them itself (`server-host`), or in a folder of this machine, taken on
 * by whoever drives them (`local-host`). Commands know no other difference.
 */
export interface CampaignHost extends AsyncDisposable {
  /** Whether campaigns go on when this process ends. */
  readonly isDetached: boolean;

  /**
   * Begins a campaign. Asked again with the same plan, it answers with the campaign that is there.
   *
   * @throws OtaError CONFLICT: another plan has this name; those of the driver
   */
  open(plan: RolloutPlan, options: { by: string; signal?: AbortSignal }): Promise<CampaignView>;

  /** The newest first. */
  list(signal?: AbortSignal): Promise<readonly CampaignView[]>;

  /** @throws OtaError NOT_FOUND */
  view(name: string, signal?: AbortSignal): Promise<CampaignView>;

  /** @throws OtaError NOT_FOUND */
  plan(name: string, signal?: AbortSignal): Promise<RolloutPlan>;

  /** Entries behind `after`, in order. @throws OtaError NOT_FOUND */
  journal(name: string, after: number, signal?: AbortSignal): AsyncIterable<readonly JournalEntry[]>;

  /**
   * Asks for something; whoever drives the campaign does it.
   *
   * @throws OtaError NOT_FOUND; CONFLICT: it is in no phase for that
   */
  request(name: string, request: CampaignRequest, options: { by: string; signal?: AbortSignal }): Promise<CampaignView>;

  /**
   * Takes a campaign on, where it needs that (a detached one goes on by itself), and tells what happens until it ends or
   * stands still: paused, or ended. Ends without a failure when `signal` is raised.
   *
   * @throws OtaError NOT_FOUND; LOCKED: somebody else drives it
   */
  drive(name: string, signal: AbortSignal): AsyncIterable<CampaignUpdate>;

  /** The same without taking it on: what somebody else drives. */
  watch(name: string, signal: AbortSignal): AsyncIterable<CampaignUpdate>;
}

/** What is new: entries of the journal, the figures of now, or both. */
export interface CampaignUpdate {
  readonly view: CampaignView;
  readonly entries: readonly JournalEntry[];
}

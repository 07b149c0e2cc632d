import { OtaError } from '../core/errors.js';
import { applyEvent } from '../rollout/apply-event.js';
import type { CampaignEvent, JournalEntry } from '../rollout/campaign-event.js';
import type { CampaignState } from '../rollout/campaign-state.js';
import { damagedJournal } from '../rollout/damaged-journal.js';
import { chainEntry, EMPTY_JOURNAL, followJournal, type JournalHead } from '../rollout/journal-chain.js';
import { planDigest } from '../rollout/parse-plan.js';
import type { RolloutPlan } from '../rollout/plan.js';
import type { Journal } from './journal.js';

/** A journal and what it adds up to. Nothing counts before the journal has it. */
export class CampaignRecord {
  readonly #plan: RolloutPlan;
  readonly #journal: Journal;
  #state: CampaignState;
  #head: JournalHead;
  #failure: unknown;

  private constructor(plan: RolloutPlan, journal: Journal, state: CampaignState, head: JournalHead) {
    this.#plan = plan;
    this.#journal = journal;
    this.#state = state;
    this.#head = head;
  }

  /** @throws OtaError STORE_DAMAGED: it was changed, or does not belong to the plan; NOT_FOUND: it is empty */
  static async read(plan: RolloutPlan, journal: Journal): Promise<CampaignRecord> {
    let state: CampaignState | undefined;
    let head = EMPTY_JOURNAL;
    for await (const entries of journal.read()) {
      head = followJournal(head, entries);
      for (const entry of entries) state = applyEvent(state, entry, plan);
    }
    if (state === undefined) throw new OtaError('NOT_FOUND', `the journal of ${plan.name} is empty`);
    if (state.planDigest !== planDigest(plan))
      throw damagedJournal(`the plan of ${plan.name} is another than it began with`);
    return new CampaignRecord(plan, journal, state, head);
  }

  get state(): CampaignState {
    return this.#state;
  }

  get head(): JournalHead {
    return this.#head;
  }

  /** Nobody knows what the journal holds after it has failed: it has to be read anew. */
  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  async write(events: readonly CampaignEvent[], time: number): Promise<readonly JournalEntry[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const entries: JournalEntry[] = [];
    let [state, head] = [this.#state, this.#head];
    for (const event of events) {
      const entry = chainEntry(head, time, event);
      // What could not be read again is not written either.
      state = applyEvent(state, entry, this.#plan);
      entries.push(entry);
      head = { seq: entry.seq, time: entry.time, hash: entry.hash };
    }
    try {
      await this.#journal.append(entries);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    [this.#state, this.#head] = [state, head];
    return entries;
  }
}

import type { CampaignState } from '../rollout/campaign-state.js';

/** Gates that nobody has asked for so long may have stopped holding meanwhile; `judged` is written more often. */
const LONGEST_UNSEEN_MS = 60 * 60_000;

/**
 * Whether soak times still count: only while somebody looks.
 *
 * Attack: a process is away for a day, or its server cannot be reached, or its machine starts with a clock that is a year
 * ahead; the first look afterwards would find that all has held for long enough.
 */
export class SoakWatch {
  #seenAt: number;
  #forgets = false;

  /** @param readAt time of the last entry of the journal, milliseconds since 1970 */
  constructor(state: CampaignState, readAt: number) {
    this.#seenAt = state.stages[state.stage]!.judgedAt ?? readAt;
  }

  /** How long gates have held is not known. */
  get forgets(): boolean {
    return this.#forgets;
  }

  forget(): void {
    this.#forgets = true;
  }

  /** Before a look. @returns what is worth writing down; null: nothing was missed */
  begin(state: CampaignState, now: number): string | null {
    const { goodSince } = state.stages[state.stage]!;
    const unseenMs = now - this.#seenAt;
    if (state.phase !== 'running' || goodSince === null || this.#forgets || unseenMs <= LONGEST_UNSEEN_MS) return null;
    this.#forgets = true;
    return `nobody has asked the gates for ${Math.round(unseenMs / 1_000)} s: soak times begin anew`;
  }

  looked(now: number): void {
    this.#seenAt = now;
  }

  /** It stands in the journal. */
  judged(): void {
    this.#forgets = false;
  }
}

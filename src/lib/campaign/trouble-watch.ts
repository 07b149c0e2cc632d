import type { OtaError } from '../core/errors.js';
import type { CampaignState } from '../rollout/campaign-state.js';
import { SERVER_PATIENCE_MS } from '../rollout/step.js';
import { troubleDelayMs } from './server-trouble.js';

/** What trouble with the server comes to: coming again later, or standing still; `note` is worth writing down. */
export type TroubleAnswer =
  | { readonly kind: 'pause' }
  | { readonly kind: 'later'; readonly afterMs: number; readonly note: string | null };

/** A single answer that was lost is not worth an entry in a journal of weeks. */
const NOTED_TRIES = 2;
/** However long a machine was asleep between them. */
const FORGOTTEN_TIMES = 3;

/** Remembers how long a server has been in trouble, so that it is told once when it begins and once when it ends. */
export class TroubleWatch {
  #since: number | null = null;
  #tries = 0;
  #forgotten: { readonly since: number; times: number } | null = null;

  /** @param passes whether it is expected to pass by itself; what does not ends the patience of a running campaign */
  meet(
    error: OtaError,
    at: { now: number; random: number; passes: boolean; phase: CampaignState['phase'] },
  ): TroubleAnswer {
    this.#since ??= at.now;
    this.#tries += 1;
    if (error.code !== 'NOT_FOUND') this.#forgotten = null;
    else {
      this.#forgotten ??= { since: at.now, times: 0 };
      this.#forgotten.times += 1;
    }
    const lasts = this.#forgotten === null ? at.now - this.#since >= SERVER_PATIENCE_MS : this.hasForgotten(at.now);
    if (!at.passes && at.phase === 'running' && lasts) {
      this.end(at.now);
      return { kind: 'pause' };
    }
    const note = this.#tries === NOTED_TRIES ? `trouble with the server: ${error.message}` : null;
    return { kind: 'later', afterMs: troubleDelayMs(this.#tries, at.random), note };
  }

  /**
   * Whether the server has said for long enough that it knows nothing of what was asked for. Attack: a relay that is being
   * restarted says so once, and a stage of a hundred thousand devices is given up, which then cannot go back either.
   */
  hasForgotten(now: number): boolean {
    const forgotten = this.#forgotten;
    return forgotten !== null && forgotten.times >= FORGOTTEN_TIMES && now - forgotten.since >= SERVER_PATIENCE_MS;
  }

  /** @returns what is worth writing down; null: there was no trouble, or hardly any */
  end(now: number): string | null {
    const since = this.#tries < NOTED_TRIES ? null : this.#since;
    [this.#since, this.#tries, this.#forgotten] = [null, 0, null];
    return since === null ? null : `the server answers again after ${Math.round((now - since) / 1_000)} s`;
  }
}

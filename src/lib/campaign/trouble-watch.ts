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

/** Remembers how long a server has been in trouble, so that it is told once when it begins and once when it ends. */
export class TroubleWatch {
  #since: number | null = null;
  #tries = 0;

  /** @param passes whether it is expected to pass by itself; what does not ends the patience of a running campaign */
  meet(
    error: OtaError,
    at: { now: number; random: number; passes: boolean; phase: CampaignState['phase'] },
  ): TroubleAnswer {
    this.#since ??= at.now;
    this.#tries += 1;
    if (!at.passes && at.phase === 'running' && at.now - this.#since >= SERVER_PATIENCE_MS) {
      this.end(at.now);
      return { kind: 'pause' };
    }
    const note = this.#tries === NOTED_TRIES ? `trouble with the server: ${error.message}` : null;
    return { kind: 'later', afterMs: troubleDelayMs(this.#tries, at.random), note };
  }

  /** @returns what is worth writing down; null: there was no trouble, or hardly any */
  end(now: number): string | null {
    const since = this.#tries < NOTED_TRIES ? null : this.#since;
    [this.#since, this.#tries] = [null, 0];
    return since === null ? null : `the server answers again after ${Math.round((now - since) / 1_000)} s`;
  }
}

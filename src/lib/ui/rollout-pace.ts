import type { CampaignView } from '../rollout/campaign-view.js';

/** How far back is looked, milliseconds. */
const WINDOW_MS = 5 * 60_000;
/** Less tells nothing yet, milliseconds. */
const LEAST_MS = 5_000;

/** How fast devices end in the stage that is under way, by what was seen of it. */
export class RolloutPace {
  #stage = -1;
  #samples: { readonly atMs: number; readonly ended: number }[] = [];

  /** @param atMs milliseconds of a clock that never goes back */
  saw({ stage, stages, phase }: CampaignView, atMs: number): void {
    const figures = stages[stage]?.figures;
    if (stage !== this.#stage || phase !== 'running') this.#samples = [];
    this.#stage = stage;
    if (!figures || phase !== 'running') return;
    const ended = figures.installed + figures.failed + figures.canceled;
    this.#samples.push({ atMs, ended });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= atMs - WINDOW_MS) this.#samples.shift();
  }

  /** Devices a minute; undefined: it was not watched for long enough. */
  perMinute(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < LEAST_MS) return undefined;
    return ((last.ended - first.ended) / (last.atMs - first.atMs)) * 60_000;
  }
}

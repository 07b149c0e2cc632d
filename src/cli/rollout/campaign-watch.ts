import type { CampaignUpdate } from '../../lib/campaign/host.js';
import type { CampaignView } from '../../lib/rollout/campaign-view.js';
import type { Style } from '../../lib/ui/rollout-bar.js';
import { entryText } from '../../lib/ui/rollout-entry-text.js';
import { type LiveState, liveLines } from '../../lib/ui/rollout-live.js';
import { RolloutPace } from '../../lib/ui/rollout-pace.js';
import { doneText } from '../../lib/ui/rollout-text.js';
import type { BlockSize, StatusBlock } from '../../lib/ui/status-block.js';

/** Where what is seen of a campaign goes. */
export interface WatchOutput {
  /** A line that stays. */
  note(text: string): void;
  /** An event under `--json`. */
  event(type: string, fields: object): Promise<void>;
  /** Undefined where nothing is redrawn. */
  block(draw: (size: BlockSize) => readonly string[]): StatusBlock | undefined;
  paint(style: Style, text: string): string;
  /** Milliseconds that never go back. */
  monotonicMs(): number;
  /** Milliseconds since 1970. */
  nowMs(): number;
}

/** Figures change with each look; they are told so often, and the longer it takes the more seldom. Milliseconds. */
const FIGURES_EVERY_MS = 5_000;
const FIGURES_SHARE = 0.01;

/** Tells what happens in a campaign: lines and a live view on a terminal, lines in a log, events under `--json`. */
export class CampaignWatch {
  readonly #output: WatchOutput;
  readonly #pace = new RolloutPace();
  readonly #block: StatusBlock | undefined;
  readonly #beganMs: number;
  #view: CampaignView;
  #viewedMs: number;
  #toldMs: number;
  #told: string;

  constructor(view: CampaignView, hint: string, output: WatchOutput) {
    this.#output = output;
    this.#view = view;
    this.#beganMs = this.#viewedMs = this.#toldMs = output.monotonicMs();
    this.#told = figuresOf(view);
    this.#pace.saw(view, this.#viewedMs);
    this.#block = output.block((size) => liveLines(this.#state(hint), size, output.paint));
  }

  async update({ view, entries }: CampaignUpdate): Promise<void> {
    const now = this.#output.monotonicMs();
    this.#view = view;
    this.#viewedMs = now;
    this.#pace.saw(view, now);
    for (const entry of entries) {
      const { type, ...fields } = entry.event;
      const time = new Date(entry.time).toISOString();
      await this.#output.event(type, { time, campaign: view.name, seq: entry.seq, ...fields });
      const text = entryText(entry, view.stages);
      if (text !== undefined) this.#output.note(text);
    }
    await this.#tellFigures(now);
    this.#block?.redraw();
  }

  /** The lines that were drawn again and again are removed. */
  end(): void {
    this.#block?.done();
  }

  async #tellFigures(now: number): Promise<void> {
    const figures = figuresOf(this.#view);
    const every = Math.max(FIGURES_EVERY_MS, (now - this.#beganMs) * FIGURES_SHARE);
    if (figures === this.#told || now - this.#toldMs < every) return;
    this.#told = figures;
    this.#toldMs = now;
    const { name, stage, stages, phase, returning } = this.#view;
    const at = stages[stage];
    await this.#output.event('stage', {
      ...{ campaign: name, phase, stage, name: at?.name, figures: at?.figures, verdict: at?.verdict },
      ...{ waitsSeconds: at?.waitsSeconds, returning },
    });
    // On a terminal the live view has them.
    if (this.#block === undefined) this.#output.note(doneText(this.#view));
  }

  #state(hint: string): LiveState {
    const view = this.#view;
    return {
      ...{ view, hint, perMinute: this.#pace.perMinute() },
      ageMs: this.#output.monotonicMs() - this.#viewedMs,
      tookMs: Math.max(0, this.#output.nowMs() - Date.parse(view.openedAt)),
    };
  }
}

/** What has to differ before figures are told again. */
function figuresOf({ phase, stage, stages, returning }: CampaignView): string {
  const at = stages[stage];
  return JSON.stringify([phase, stage, at?.status, at?.figures, at?.verdict?.decision, returning]);
}

import type { PartitionedStore } from '../dedupe/partitioned-store.js';
import type { Source } from '../telemetry/source.js';
import type { PipelineCounts, PipelineEvent, WindowReport } from './events.js';
import { windowReport } from './window-report.js';

const INTERVAL_MS = 200;

/** The counts while they grow. */
export type Counting = { -readonly [name in keyof PipelineCounts]: number };

export function noCounts(): Counting {
  return {
    lines: 0,
    written: 0,
    duplicates: 0,
    conflicts: 0,
    rejects: 0,
    derivedIds: 0,
    inputBytes: 0,
    outputBytes: 0,
  };
}

/** Milliseconds that never go back: a clock that is set changes no figure. */
export interface MonotonicTime {
  monotonicMs(): number;
}

export interface ProgressOptions {
  readonly sources: readonly Source[];
  readonly store: Pick<PartitionedStore, 'stores'>;
  readonly counts: PipelineCounts;
  readonly minWindowMs?: number;
  readonly time: MonotonicTime;
  onEvent(event: PipelineEvent): void | Promise<void>;
}

/** Tells how far a run is, a few times a second, also while nothing comes in. */
export class Progress implements Disposable {
  readonly #options: ProgressOptions;
  readonly #startMs: number;
  readonly #timer: NodeJS.Timeout;
  #toldMs: number;
  #toldLines = 0;
  #telling: Promise<void> | undefined;
  #isWindowShort = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startMs = options.time.monotonicMs();
    this.#toldMs = this.#startMs;
    this.#timer = setInterval(() => this.tell().catch(() => {}), INTERVAL_MS); // the next batch meets the failure
    this.#timer.unref();
  }

  /** Since the start. */
  get seconds(): number {
    return (this.#options.time.monotonicMs() - this.#startMs) / 1000;
  }

  /** Called behind each batch; tells when it is time. Resolves when whoever listens has taken it. */
  async tell(): Promise<void> {
    const nowMs = this.#options.time.monotonicMs();
    if (this.#telling === undefined && nowMs - this.#toldMs >= INTERVAL_MS) this.#telling = this.#tell(nowMs);
    await this.#telling;
    this.#telling = undefined;
  }

  /** Once each time that the window becomes shorter than it has to be. */
  async warnOfShortWindow({ isFull, keys, spanMs }: WindowReport): Promise<void> {
    const { minWindowMs, onEvent } = this.#options;
    if (minWindowMs === undefined) return;
    const isShort = isFull && spanMs !== undefined && spanMs < minWindowMs;
    const isNew = isShort && !this.#isWindowShort;
    this.#isWindowShort = isShort;
    if (!isNew) return;
    const fact = `the ${keys} ids that the store remembers span ${Math.round(spanMs / 1000)} s`;
    const message = `${fact}, expected ${minWindowMs / 1000} s: what is repeated later comes out again`;
    await onEvent({ type: 'warning', code: 'WINDOW_SHORT', message });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #tell(nowMs: number): Promise<void> {
    const { counts, onEvent, sources, store } = this.#options;
    const messagesPerSecond = ((counts.lines - this.#toldLines) * 1000) / (nowMs - this.#toldMs);
    this.#toldMs = nowMs;
    this.#toldLines = counts.lines;
    const lag = totalLag(sources);
    const window = windowReport(store);
    await onEvent({ type: 'progress', counts: { ...counts }, messagesPerSecond, ...(lag && { lag }), window });
    await this.warnOfShortWindow(window);
  }
}

/** The sum, as long as all sources count in one unit. */
function totalLag(sources: readonly Source[]): ReturnType<Source['lag']> {
  const lags = sources.map((source) => source.lag()).filter((lag) => lag !== undefined);
  const [first] = lags;
  if (first === undefined || lags.some(({ unit }) => unit !== first.unit)) return undefined;
  return { amount: lags.reduce((sum, { amount }) => sum + amount, 0), unit: first.unit };
}

import type { PipelineCounts, PipelineEvent, WindowReport } from './events.js';
import { type Counting, noCounts } from './progress.js';

type ProgressEvent = Extract<PipelineEvent, { type: 'progress' }>;

/** Joins what the workers of several partitions tell into what one pipeline would tell. */
export class WorkerEvents {
  readonly #onEvent: (event: PipelineEvent) => void | Promise<void>;
  /** Of runs that have ended. */
  readonly #ended: Counting = noCounts();
  /** What each running worker told last. */
  readonly #running = new Map<number, ProgressEvent>();
  /** What the stores of the partitions that are here remember, whether their workers still run or not. */
  readonly #windows = new Map<number, WindowReport>();
  #isStarted = false;

  constructor(onEvent: (event: PipelineEvent) => void | Promise<void>) {
    this.#onEvent = onEvent;
  }

  async take(partition: number, event: PipelineEvent): Promise<void> {
    switch (event.type) {
      case 'started':
        if (this.#isStarted) return;
        this.#isStarted = true;
        return await this.#onEvent(event);
      case 'progress':
        this.#running.set(partition, event);
        this.#windows.set(partition, event.window);
        return await this.#onEvent(this.#together());
      case 'finished':
        this.#running.set(partition, { ...event, type: 'progress', messagesPerSecond: 0 });
        this.#windows.set(partition, event.window);
        return;
      default:
        return await this.#onEvent(event);
    }
  }

  /** The worker of a partition has ended, by whatever cause. */
  ended(partition: number): void {
    const last = this.#running.get(partition);
    if (last === undefined) return;
    this.#running.delete(partition);
    add(this.#ended, last.counts);
  }

  /** Another member of the group has the partition now, and tells what is remembered of it. */
  handedOver(partition: number): void {
    this.#windows.delete(partition);
  }

  /** As of the last event. */
  summary(): { counts: PipelineCounts; window: WindowReport } {
    const { counts, window } = this.#together();
    return { counts, window };
  }

  #together(): ProgressEvent {
    const counts = { ...this.#ended };
    let messagesPerSecond = 0;
    let lag: number | undefined;
    for (const each of this.#running.values()) {
      add(counts, each.counts);
      messagesPerSecond += each.messagesPerSecond;
      if (each.lag !== undefined) lag = (lag ?? 0) + each.lag.amount;
    }
    const window = [...this.#windows.values()].reduce(bothWindows, { keys: 0, isFull: false });
    const unit = 'messages';
    return {
      type: 'progress',
      counts,
      messagesPerSecond,
      ...(lag !== undefined && { lag: { amount: lag, unit } }),
      window,
    };
  }
}

function add(sum: Counting, counts: PipelineCounts): void {
  for (const name of Object.keys(sum) as (keyof Counting)[]) sum[name] += counts[name];
}

function bothWindows(one: WindowReport, other: WindowReport): WindowReport {
  const spans = [one.spanMs, other.spanMs].filter((span) => span !== undefined);
  return {
    keys: one.keys + other.keys,
    isFull: one.isFull || other.isFull,
    ...(spans.length > 0 && { spanMs: Math.min(...spans) }),
  };
}

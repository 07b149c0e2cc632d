import type { Pacing } from '../net/pacing.js';

export interface LingerTimes {
  /** Longest wait of the first message of a batch, milliseconds. */
  longestMs: number;
  /**
   * A pause after which nothing more is to be expected, milliseconds: brokers send no more than a few messages ahead
   * of the acknowledgements, which only follow the commit of a batch.
   */
  pauseMs: number;
}

/** Decides when a batch of messages that arrive one by one has waited for long enough. */
export class Linger {
  readonly #times: LingerTimes;
  readonly #pacing: Pick<Pacing, 'monotonicMs'>;
  readonly #onDue: () => void;
  #timer: NodeJS.Timeout | undefined;
  #firstMs: number | undefined;

  constructor(times: LingerTimes, pacing: Pick<Pacing, 'monotonicMs'>, onDue: () => void) {
    this.#times = times;
    this.#pacing = pacing;
    this.#onDue = onDue;
  }

  /** A message has been added to the batch. */
  touch(): void {
    const nowMs = this.#pacing.monotonicMs();
    this.#firstMs ??= nowMs;
    if (nowMs - this.#firstMs >= this.#times.longestMs) this.#onDue();
    else if (this.#timer === undefined) this.#timer = setTimeout(this.#onDue, this.#times.pauseMs);
    else this.#timer.refresh();
  }

  /** The batch has been taken. */
  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#firstMs = undefined;
  }
}

import { isInterruption } from '../../lib/core/abort.js';
import type { OtaError } from '../../lib/core/errors.js';
import type { Predicate } from '../../lib/query/predicate.js';
import { type PredicateFigures, PredicateState } from '../../lib/query/predicate-state.js';
import type { DeviceScope } from './device-scope.js';
import type { Feed, TailEvent, TailItem } from './feed.js';

export interface TailRequest {
  readonly feed: Feed;
  /** What is waited for. `scope`: of which devices; a broker knows none. */
  readonly until?: { readonly predicate: Predicate; readonly scope: DeviceScope | undefined } | undefined;
  /** Events to show at most. */
  readonly max?: number | undefined;
  /** Raised when the time is over. */
  readonly timeout?: AbortSignal | undefined;
  readonly signal: AbortSignal;
  /** @returns false once nobody reads any more */
  print(items: readonly TailItem[]): Promise<boolean>;
  /** Told when the figures of the predicate have changed. */
  onFigures?(figures: PredicateFigures): void;
}

export interface TailResult {
  /** `met`: what was waited for; `max`, `timeout`: as asked; `closed`: nobody reads any more; `interrupted`: by a signal. */
  readonly reason: 'met' | 'max' | 'timeout' | 'closed' | 'interrupted';
  readonly events: number;
  readonly gaps: number;
  readonly cursor?: string;
  readonly figures?: PredicateFigures;
}

/**
 * Shows what a feed brings until something ends it.
 *
 * @throws OtaError as the feed, and as PredicateState
 */
export async function runTail(request: TailRequest): Promise<TailResult> {
  const { feed, until, max = Number.POSITIVE_INFINITY, timeout, signal, print } = request;
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal, ...(timeout === undefined ? [] : [timeout])]);
  const watch = until && new PredicateWatch(until.predicate, until.scope, request.onFigures);
  let [events, gaps] = [0, 0];
  let cursor: string | undefined;
  const result = (reason: TailResult['reason']): TailResult => ({
    reason,
    events,
    gaps,
    ...(cursor !== undefined && { cursor }),
    ...(watch && { figures: watch.figures }),
  });
  const connected = Promise.withResolvers<void>();
  const following = feed.follow(stop, connected.resolve)[Symbol.asyncIterator]();
  try {
    let next = following.next();
    if (watch !== undefined) {
      // What is so already is asked for once nothing is missed any more: in between, a device could get there unseen.
      await Promise.race([connected.promise, next]);
      if (await watch.begin()) return result('met');
    }
    for (;;) {
      const { value: came, done } = await next;
      if (done) break;
      let isMet = false;
      let shown = 0;
      for (const { event } of came) {
        shown++;
        if (event.type === 'gap') gaps++;
        else isMet = (await watch?.observe(event)) ?? false;
        if (isMet || events + shown >= max) break;
      }
      const items = came.slice(0, shown);
      const isRead = await print(items);
      events += shown;
      cursor = items.at(-1)?.cursor ?? cursor;
      if (isMet) return result('met');
      if (events >= max) return result('max');
      if (!isRead) return result('closed');
      next = following.next();
    }
  } catch (error) {
    if (!stop.aborted && !isInterruption(error, signal)) throw error as OtaError;
  } finally {
    ended.abort();
    await following.return?.(undefined).catch(() => undefined); // closes the connection; how that went matters to nobody
  }
  return result(signal.aborted ? 'interrupted' : 'timeout');
}

/** Counts on how many devices a predicate holds. */
class PredicateWatch {
  readonly #state: PredicateState;
  readonly #scope: DeviceScope | undefined;
  readonly #onFigures: ((figures: PredicateFigures) => void) | undefined;
  #devices = 0;
  figures: PredicateFigures;

  constructor(predicate: Predicate, scope: DeviceScope | undefined, onFigures?: (figures: PredicateFigures) => void) {
    this.#state = new PredicateState(predicate);
    this.#scope = scope;
    this.#onFigures = onFigures;
    this.figures = this.#state.figures(0);
  }

  /** @returns whether it is met already */
  async begin(): Promise<boolean> {
    if (this.#scope === undefined) return false;
    for await (const event of this.#scope.present()) this.#state.observe(event);
    return await this.#isMetNow();
  }

  async observe(event: Exclude<TailEvent, { type: 'gap' }>): Promise<boolean> {
    if (event.type === 'status' && event.device !== undefined && event.body.event === 'removed') {
      this.#state.forget(event.device);
    }
    this.#state.observe(event);
    this.#update();
    return this.figures.met && (await this.#isMetNow());
  }

  /** Devices come and go, so they are counted again before anybody believes that all of them are done. */
  async #isMetNow(): Promise<boolean> {
    if (this.#scope !== undefined) this.#devices = await this.#scope.count();
    this.#update();
    return this.figures.met;
  }

  #update(): void {
    const figures = this.#state.figures(this.#devices);
    const { matched, devices } = this.figures;
    this.figures = figures;
    if (figures.matched !== matched || figures.devices !== devices) this.#onFigures?.(figures);
  }
}

import { OtaError } from './errors.js';

/**
 * The error an aborted signal stands for. Ctrl-C and SIGTERM put an OtaError there; any
 * other reason (a library's AbortError, a timeout) counts as an interruption.
 */
export function abortError(signal: AbortSignal): OtaError {
  if (signal.reason instanceof OtaError) return signal.reason;
  return new OtaError('INTERRUPTED', 'Interrupted before it was done', [], { cause: signal.reason });
}

/** Whether something ended because the signal was raised, and for no reason of its own. */
export function isInterruption(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof OtaError && (error.code === 'INTERRUPTED' || error.code === 'TERMINATED');
}

/** @throws OtaError INTERRUPTED or TERMINATED once the signal was raised */
export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) throw abortError(signal);
}

/**
 * Lets what waits for its turn happen, a signal above all: for loops that would run on without one.
 *
 * @throws OtaError INTERRUPTED or TERMINATED once the signal was raised
 */
export async function turnForSignals(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  throwIfAborted(signal);
}

/**
 * Passes a source through until the signal is raised, also while the source is silent
 * (a pipe nobody writes to). The source is then told to end, but not waited for.
 *
 * @throws OtaError INTERRUPTED or TERMINATED
 */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal?: AbortSignal): AsyncGenerator<T> {
  if (signal === undefined) {
    yield* source;
    return;
  }
  throwIfAborted(signal);
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {}); // raised after the last race: nobody listens, and nobody needs to
  const onAbort = () => aborted.reject(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (true) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (next.done) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (!ended) {
      const closing = Promise.resolve(iterator.return?.()).catch(() => {});
      if (!signal.aborted) await closing;
    }
  }
}

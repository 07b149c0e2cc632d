import { tooMany } from '../access/too-many.js';

/** Of a tenant: as many as all of its campaigns can want at once, and some for its people. */
const MAX_WAITING = 32;
/** About as long one takes at most, milliseconds. */
const TURN_MS = 10_000;

interface Queue {
  waiting: number;
  last: Promise<unknown>;
}

/**
 * One measurement of a tenant at a time: each reads up to a hundred thousand messages. Attack: a viewer of one tenant asks
 * for many at once, and devices that poll, and gates of other tenants, wait for all of them.
 */
export class MeasurementTurns {
  readonly #queues = new Map<number, Queue>();

  /**
   * Does work when those before it of the same tenant have ended.
   *
   * @param signal of whoever waits: who has gone has nothing done
   * @throws ServerFailure 429; what the work throws
   */
  async inTurn<T>(tenantId: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(tenantId) ?? { waiting: 0, last: Promise.resolve() };
    if (queue.waiting >= MAX_WAITING) throw tooMany('measurements', TURN_MS);
    this.#queues.set(tenantId, queue);
    queue.waiting++;
    const turn = queue.last.then(() => {
      signal.throwIfAborted();
      return work();
    });
    queue.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      queue.waiting--;
      if (queue.waiting === 0) this.#queues.delete(tenantId);
    }
  }
}

import { ServerFailure } from '../http/server-failure.js';

const DEFAULT_MAX_STREAMS = 100;

/** How many event streams each tenant has open: a stream costs a connection and work for each event. */
export class StreamSlots {
  readonly #most: number;
  readonly #open = new Map<number, number>();

  constructor(most = DEFAULT_MAX_STREAMS) {
    this.#most = most;
  }

  /** @throws ServerFailure 429 */
  take(tenantId: number): Disposable {
    const open = this.#open.get(tenantId) ?? 0;
    if (open >= this.#most) {
      const message = `the tenant has ${open} event streams open, which is as many as it may`;
      throw new ServerFailure(429, 'TOO_MANY_STREAMS', message, { headers: { 'retry-after': '5' } });
    }
    this.#open.set(tenantId, open + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.#open.get(tenantId)! - 1;
        if (left === 0) this.#open.delete(tenantId);
        else this.#open.set(tenantId, left);
      },
    };
  }
}

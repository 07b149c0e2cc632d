import { PLAN_MAX_BYTES } from '../../rollout/plan.js';
import { tooMany } from '../access/too-many.js';

/** Of plans that a tenant may hand over at once, and then for ever. A megabyte takes about half a second to be read. */
const BURST_BYTES = 4 * 1024 ** 2;
const BYTES_PER_SECOND = 128 * 1024;
/** About as long one takes to arrive. */
const ARRIVES_MS = 5_000;

/**
 * How much of plans is read for each tenant, so that a process has most of its time for everybody else. Attack: half a
 * million devices that do not exist, again and again; devices that poll would wait seconds for each.
 */
export class PlanPace {
  /** Bytes that were read and not made up for, by tenant. */
  readonly #levels = new Map<number, { bytes: number; at: number }>();
  /** Bytes that are on their way, by tenant. */
  readonly #open = new Map<number, number>();

  /**
   * Keeps room for a plan while it arrives and is read: whoever sends a hundred at once does not fill the memory.
   *
   * @param declared as the request says; undefined: it does not
   * @throws ServerFailure 429
   */
  reserve(tenantId: number, declared: number | undefined): Disposable {
    const bytes = Math.min(declared ?? PLAN_MAX_BYTES, PLAN_MAX_BYTES);
    const open = this.#open.get(tenantId) ?? 0;
    if (open + bytes > PLAN_MAX_BYTES) throw tooMany('plans', ARRIVES_MS);
    this.#open.set(tenantId, open + bytes);
    return {
      [Symbol.dispose]: () => {
        const left = this.#open.get(tenantId)! - bytes;
        if (left > 0) this.#open.set(tenantId, left);
        else this.#open.delete(tenantId);
      },
    };
  }

  /**
   * Counts a plan that is about to be read. A large one is let in, too, and is made up for afterwards.
   *
   * @param now milliseconds since 1970
   * @throws ServerFailure 429; then nothing was counted
   */
  take(tenantId: number, bytes: number, now: number): void {
    const { bytes: before, at } = this.#levels.get(tenantId) ?? { bytes: 0, at: now };
    const level = Math.max(0, before - (Math.max(0, now - at) / 1_000) * BYTES_PER_SECOND);
    if (level > BURST_BYTES) throw tooMany('plans', ((level - BURST_BYTES) / BYTES_PER_SECOND) * 1_000);
    this.#levels.set(tenantId, { bytes: level + bytes, at: now });
  }
}

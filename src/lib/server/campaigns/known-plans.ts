import type { RolloutPlan } from '../../rollout/plan.js';
import type { Queryable } from '../database/database.js';
import { notFound } from '../http/server-failure.js';

/** JSON of the plans that are kept read, characters; the newest one is kept whatever its size. */
const MAX_LENGTH = 64 * 1024 ** 2;

interface Known {
  readonly plan: RolloutPlan;
  readonly length: number;
}

/** Plans by their digest: one of a hundred thousand devices takes too long to be read at each step. */
export class KnownPlans {
  /** The first one was not used for the longest time. */
  readonly #known = new Map<string, Known>();
  #length = 0;

  /** @param campaignId of a campaign with this plan, whose text was checked when it came */
  async of(db: Queryable, digest: string, campaignId: number): Promise<RolloutPlan> {
    const known = this.#known.get(digest);
    if (known !== undefined) {
      this.#known.delete(digest);
      this.#known.set(digest, known);
      return known.plan;
    }
    const row = await db.selectFrom('campaign').select('plan').where('id', '=', campaignId).executeTakeFirst();
    if (row === undefined) throw notFound('such campaign');
    const plan = JSON.parse(row.plan) as RolloutPlan;
    this.#keep(digest, { plan, length: row.plan.length });
    return plan;
  }

  #keep(digest: string, known: Known): void {
    if (this.#known.has(digest)) return;
    this.#known.set(digest, known);
    this.#length += known.length;
    for (const [oldest, { length }] of this.#known) {
      if (this.#length <= MAX_LENGTH || this.#known.size === 1) return;
      this.#known.delete(oldest);
      this.#length -= length;
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { type Pacing, systemPacing } from '../../net/pacing.js';
import type { ServerContext } from '../context.js';
import { type CampaignRow, campaignRows } from './campaign-row.js';
import { DrivenCampaign } from './driven-campaign.js';
import { KnownPlans } from './known-plans.js';
import { forgetRequests } from './pending-requests.js';
import { PlanPace } from './plan-pace.js';

/** Other jobs wait no longer for campaigns than that: a probe may take minutes. Milliseconds. */
const PATIENCE_MS = 250;

/** The campaigns that this process drives. */
export class Campaigns implements AsyncDisposable {
  /** Without it they are driven by `runJobs` alone, and nobody waits for them: in tests, which know when. */
  readonly isTimed: boolean;
  readonly plans = new KnownPlans();
  readonly pace = new PlanPace();
  readonly #driven = new Map<number, DrivenCampaign>();
  readonly #turns = new Map<number, Promise<void>>();

  constructor({ isTimed }: { isTimed: boolean }) {
    this.isTimed = isTimed;
  }

  /** Takes every campaign further that is due. One that is slow goes on behind, and holds no other one up. */
  async takeFurther(server: ServerContext): Promise<void> {
    const { sql } = server.database;
    await forgetRequests(sql, server.clock.now().getTime());
    const asked = new Set(
      (await sql.selectFrom('campaign_request').select('campaign_id').where('done_at', 'is', null).execute()).map(
        ({ campaign_id }) => campaign_id,
      ),
    );
    const rows = await campaignRows(sql)
      .where((eb) =>
        eb.or([eb('ended_at', 'is', null), ...(asked.size > 0 ? [eb('campaign.id', 'in', [...asked])] : [])]),
      )
      .orderBy('id')
      .execute();
    const open = new Set(rows.map(({ id }) => id));
    for (const id of this.#driven.keys()) if (!open.has(id)) this.#driven.delete(id);
    const turns = rows.map((row) => this.#turn(server, row, asked.has(row.id)));
    const all = Promise.all(turns);
    const end = new AbortController();
    await (this.isTimed
      ? Promise.race([all, delay(PATIENCE_MS, undefined, { signal: end.signal }).catch(() => undefined)])
      : all);
    end.abort();
  }

  #turn(server: ServerContext, row: CampaignRow, hasRequests: boolean): Promise<void> {
    let campaign = this.#driven.get(row.id);
    if (this.#turns.has(row.id)) {
      if (hasRequests) campaign?.interrupt();
      return Promise.resolve();
    }
    if (campaign === undefined) {
      campaign = new DrivenCampaign(server, pacingOf(server));
      this.#driven.set(row.id, campaign);
    }
    if (!hasRequests && !campaign.isDue) return Promise.resolve();
    const turn = campaign.turn(row, { hasRequests }).finally(() => this.#turns.delete(row.id));
    this.#turns.set(row.id, turn);
    return turn;
  }

  /** Waits for what is under way; the server's signal has told it to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#turns.values());
  }
}

/** The server's clock. Where that is set by hand, monotonic time goes along: nobody has set the clock of the machine. */
function pacingOf({ clock, campaigns }: ServerContext): Pacing {
  const now = () => clock.now();
  return { ...systemPacing, now, ...(!campaigns.isTimed && { monotonicMs: () => now().getTime() }) };
}

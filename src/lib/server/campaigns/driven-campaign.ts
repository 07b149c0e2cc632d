import { setImmediate } from 'node:timers/promises';
import { CampaignRunner } from '../../campaign/runner.js';
import { OtaError } from '../../core/errors.js';
import { openFleetDriver } from '../../fleet-api/fleet-driver.js';
import type { Pacing } from '../../net/pacing.js';
import type { CampaignView } from '../../rollout/campaign-view.js';
import type { RolloutPlan } from '../../rollout/plan.js';
import type { Holder } from '../access/campaign-grants.js';
import type { ServerContext } from '../context.js';
import { lostAuthority } from './authority.js';
import { campaignGauges } from './campaign-gauges.js';
import { type CampaignRow, isAtRest } from './campaign-row.js';
import { egressRefusal } from './egress.js';
import { holderOf } from './holder.js';
import { OwnClient } from './own-client.js';
import { markDone, markRefused, type PendingRequest, pendingRequests } from './pending-requests.js';
import { lastSeq, TableJournal } from './table-journal.js';
import { tellView } from './tell-view.js';

/** Steps of one campaign before others have their turn. */
const STEPS_IN_A_ROW = 50;
/** How long a campaign is left alone that cannot go on. Milliseconds. */
const SET_ASIDE_MS = 10_000;
/** What fails for no reason that is known is tried again so often, then it stands still and says so. */
const MAX_FAILURES = 3;

interface Opened {
  readonly plan: RolloutPlan;
  readonly journal: TableJournal;
  readonly runner: CampaignRunner;
}

/** A campaign that this process drives. */
export class DrivenCampaign {
  readonly #server: ServerContext;
  readonly #pacing: Pacing;
  /** While it moves: a plan is large. */
  #opened: Opened | undefined;
  /** Of the step that is under way. */
  #authorization = '';
  #dueAt = 0;
  #failures = 0;
  #told = '';
  #interruption = new AbortController();

  constructor(server: ServerContext, pacing: Pacing) {
    this.#server = server;
    this.#pacing = pacing;
  }

  get isDue(): boolean {
    return this.#now() >= this.#dueAt;
  }

  /** Ends the step that is under way, as a crash would: somebody wants something, and a probe may take minutes. */
  interrupt(): void {
    this.#interruption.abort();
  }

  /** Takes it as far as it goes now. Never fails: what is wrong with it is told where it is looked at, and to the log. */
  async turn(row: CampaignRow, { hasRequests }: { hasRequests: boolean }): Promise<void> {
    this.#interruption = new AbortController();
    try {
      const opened = await this.#open(row);
      if (hasRequests) await this.#answer(row, opened);
      const waitsFor = await this.#advance(row, opened);
      const view = opened.runner.view({ isDriven: true });
      await this.#tell(row, waitsFor === undefined ? view : { ...view, reason: waitsFor });
      this.#failures = 0;
      if (isAtRest(opened.runner.state.phase)) this.#opened = undefined;
    } catch (error) {
      await this.#fail(row, error);
    }
  }

  async #open(row: CampaignRow): Promise<Opened> {
    const server = this.#server;
    const known = this.#opened;
    if (known !== undefined) {
      const head = await lastSeq(server.database.sql, row.id);
      if (head === known.runner.view({ isDriven: true }).head.seq) return known;
    }
    const pacing = this.#pacing;
    const plan = await server.campaigns.plans.of(server.database.sql, row.plan_digest, row.id);
    const journal = new TableJournal(server, { tenantId: row.tenant_id, campaignId: row.id, campaign: row.name });
    const client = new OwnClient(server.ownRequests, () => this.#authorization);
    const driver = openFleetDriver(client, { address: plan.server.address, pacing });
    const gauges = campaignGauges(server.settings, { planDigest: row.plan_digest, pacing });
    const runner = await CampaignRunner.open({ plan, journal, driver, pacing, gauges });
    this.#opened = { plan, journal, runner };
    return this.#opened;
  }

  async #answer(row: CampaignRow, { runner, journal }: Opened): Promise<void> {
    const { database, stopping } = this.#server;
    for (const pending of await pendingRequests(database.sql, row.id)) {
      try {
        await this.#requireAuthority(row, pending);
        await journal.along(
          (tx) => markDone(tx, row.id, pending, this.#now()),
          () => this.#do(row, runner, pending),
        );
      } catch (error) {
        if (stopping.aborted || journal.isOutrun) throw error;
        await markRefused(database.sql, pending.id, error, this.#now());
      }
    }
    // Whoever asked waits for it.
    await this.#tell(row, runner.view({ isDriven: true }));
    this.#dueAt = 0;
  }

  async #do(row: CampaignRow, runner: CampaignRunner, pending: PendingRequest): Promise<void> {
    const { database, stopping } = this.#server;
    const { request, by, holder } = pending;
    const { phase } = runner.state;
    if (request.verb === 'resume' && (phase === 'aborting' || phase === 'rolling-back')) {
      // Nothing in the campaign changes but whom it acts for.
      await database.transaction((tx) => markDone(tx, row.id, pending, this.#now()));
    } else await this.#as(row, holder, () => runner.request(request, by, stopping));
  }

  /** @throws OtaError PERMISSION_DENIED: they asked while they still might */
  async #requireAuthority(row: CampaignRow, { holder, by }: PendingRequest): Promise<void> {
    const lost = await lostAuthority(this.#server.database, { tenantId: row.tenant_id, holder, by }, this.#now());
    if (lost !== undefined) throw new OtaError('PERMISSION_DENIED', lost);
  }

  /** @returns what it cannot go on for, though it neither stands still nor has ended */
  async #advance(row: CampaignRow, { plan, runner }: Opened): Promise<string | undefined> {
    const signal = AbortSignal.any([this.#server.stopping, this.#interruption.signal]);
    for (let step = 0; step < STEPS_IN_A_ROW && this.isDue && !signal.aborted; step++) {
      const actor = await this.#actor(row.id);
      const obstacle = await this.#obstacle(row, plan, actor);
      if (obstacle !== undefined) return this.#stand(runner, obstacle);
      const { next } = await this.#as(row, actor.holder, () => runner.step(signal));
      if (next.kind === 'later') this.#dueAt = this.#now() + next.afterMs;
      if (next.kind === 'rest' || next.kind === 'over') this.#dueAt = Number.POSITIVE_INFINITY;
      // The embedded database answers within the same turn of the event loop: let polls come in between.
      await setImmediate();
    }
    return undefined;
  }

  /** For whom it acts now: a request may have changed that. */
  async #actor(campaignId: number): Promise<{ readonly holder: Holder; readonly by: string }> {
    const row = await this.#server.database.sql
      .selectFrom('campaign')
      .select(['run_by', 'run_operator_id', 'run_token_id'])
      .where('id', '=', campaignId)
      .executeTakeFirstOrThrow();
    return { holder: holderOf(row), by: row.run_by };
  }

  /** Why it must not go on, one sentence. Servers are started anew with fewer origins, and people leave. */
  async #obstacle(
    row: CampaignRow,
    plan: RolloutPlan,
    actor: { readonly holder: Holder; readonly by: string },
  ): Promise<string | undefined> {
    const { database, settings } = this.#server;
    const lost = await lostAuthority(database, { tenantId: row.tenant_id, ...actor }, this.#now());
    return lost ?? egressRefusal(plan, settings.egressOrigins ?? [])?.message;
  }

  async #stand(runner: CampaignRunner, reason: string): Promise<string | undefined> {
    await runner.stand(reason);
    const isResting = isAtRest(runner.state.phase);
    // What is being ended cannot be paused: it waits until somebody else takes it on.
    this.#dueAt = isResting ? Number.POSITIVE_INFINITY : this.#now() + SET_ASIDE_MS;
    return isResting ? undefined : reason;
  }

  async #fail(row: CampaignRow, error: unknown): Promise<void> {
    const { log, stopping } = this.#server;
    if (stopping.aborted || this.#interruption.signal.aborted) return;
    const opened = this.#opened;
    this.#opened = undefined; // what it holds may no longer be what is written
    if (opened?.journal.isOutrun) return; // another process has taken it further
    log.warn(`campaign ${row.name} cannot go on`, { error: (error as Error).stack });
    const reason = error instanceof OtaError ? error.message : 'the server failed; its log has the reason';
    this.#failures++;
    this.#dueAt = this.#now() + SET_ASIDE_MS;
    try {
      if (this.#failures >= MAX_FAILURES && opened?.runner.state.phase === 'running') {
        await opened.runner.stand(reason);
        await this.#tell(row, opened.runner.view({ isDriven: false }));
      } else await this.#tell(row, { ...(JSON.parse(row.view) as CampaignView), reason });
    } catch (second) {
      log.error(`campaign ${row.name} cannot be set aside`, { error: (second as Error).stack });
    }
  }

  async #tell(row: CampaignRow, view: CampaignView): Promise<void> {
    const told = JSON.stringify({ ...view, stages: view.stages.map((stage) => ({ ...stage, waitsSeconds: null })) });
    if (told === this.#told) return;
    await tellView(this.#server.database.sql, row.id, view, this.#now());
    this.#told = told;
  }

  /** Does something with the rights of somebody, which end with it. */
  async #as<T>(row: CampaignRow, holder: Holder, work: () => Promise<T>): Promise<T> {
    const { grants } = this.#server.access;
    using grant = grants.issue({ tenantId: row.tenant_id, campaign: row.name, holder });
    this.#authorization = grant.authorization;
    try {
      return await work();
    } finally {
      this.#authorization = '';
    }
  }

  #now(): number {
    return this.#server.clock.now().getTime();
  }
}

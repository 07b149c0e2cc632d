import * as z from 'zod/mini';
import { OtaError } from '../core/errors.js';
import type { FleetClient } from '../fleet-api/fleet-client.js';
import { type Pacing, systemPacing } from '../net/pacing.js';
import { type JournalEntry, journalEntry } from '../rollout/campaign-event.js';
import { type CampaignRequest, type CampaignView, campaignView } from '../rollout/campaign-view.js';
import { type RolloutPlan, rolloutPlan } from '../rollout/plan.js';
import type { CampaignHost, CampaignUpdate } from './host.js';

const CAMPAIGNS = '/api/v1/campaigns';
/** Entries of one request: some of them list many devices. */
const PAGE = 100;
/** How long after a look the next one comes: soon where something happens, milliseconds. */
const LEAST_DELAY_MS = 250;
const MOST_DELAY_MS = 2_000;
/** As long may a server be away, for a newer release for example, milliseconds. */
const LOST_AFTER_MS = 600_000;

export interface ServerHostOptions {
  readonly pacing?: Pacing;
  /** Whoever watches has lost the server, and why; undefined: it is back. */
  readonly onLost?: ((reason: OtaError | undefined) => void) | undefined;
}

/** Campaigns that a fleet server runs itself. The client is the caller's to end. */
export function openServerHost(
  client: FleetClient,
  { pacing = systemPacing, onLost }: ServerHostOptions = {},
): CampaignHost {
  return new ServerHost(client, pacing, onLost);
}

class ServerHost implements CampaignHost {
  readonly isDetached = true;
  readonly #client: FleetClient;
  readonly #pacing: Pacing;
  readonly #onLost: ServerHostOptions['onLost'];
  /** How far the journal of a campaign was known when it was looked at first: what is watched is what comes behind. */
  readonly #known = new Map<string, number>();

  constructor(client: FleetClient, pacing: Pacing, onLost: ServerHostOptions['onLost']) {
    this.#client = client;
    this.#pacing = pacing;
    this.#onLost = onLost;
  }

  async open(plan: RolloutPlan, { signal }: { signal?: AbortSignal }): Promise<CampaignView> {
    const request = { json: plan, answer: campaignView, isIdempotent: true, signal };
    return this.#looked(await this.#client.call('POST', CAMPAIGNS, request));
  }

  async list(signal?: AbortSignal): Promise<readonly CampaignView[]> {
    const answer = z.object({ items: z.array(campaignView) });
    return (await this.#client.call('GET', CAMPAIGNS, { answer, signal })).items;
  }

  async view(name: string, signal?: AbortSignal): Promise<CampaignView> {
    return this.#looked(await this.#client.call('GET', pathOf(name), { answer: campaignView, signal }));
  }

  plan(name: string, signal?: AbortSignal): Promise<RolloutPlan> {
    return this.#client.call('GET', `${pathOf(name)}/plan`, { answer: rolloutPlan, signal });
  }

  async *journal(name: string, after: number, signal?: AbortSignal): AsyncGenerator<readonly JournalEntry[]> {
    const answer = z.object({ items: z.array(journalEntry) });
    for (let from = after; ; ) {
      const query = { after: from, limit: PAGE };
      const { items } = await this.#client.call('GET', `${pathOf(name)}/journal`, { query, answer, signal });
      const last = items.at(-1);
      if (last === undefined) return;
      yield items;
      from = last.seq;
    }
  }

  async request(name: string, request: CampaignRequest, { signal }: { signal?: AbortSignal }): Promise<CampaignView> {
    const path = `${pathOf(name)}/requests`;
    return this.#looked(await this.#client.call('POST', path, { json: request, answer: campaignView, signal }));
  }

  /** It goes on by itself. */
  drive(name: string, signal: AbortSignal): AsyncIterable<CampaignUpdate> {
    return this.watch(name, signal);
  }

  async *watch(name: string, signal: AbortSignal): AsyncGenerator<CampaignUpdate> {
    let seen = this.#known.get(name);
    let told = '';
    let delayMs = LEAST_DELAY_MS;
    let lostSinceMs: number | undefined;
    while (!signal.aborted) {
      try {
        const update = await this.#look(name, seen, signal);
        if (lostSinceMs !== undefined) this.#onLost?.(undefined);
        lostSinceMs = undefined;
        seen = update.view.head.seq;
        const now = JSON.stringify(update.view);
        if (now !== told) yield update;
        delayMs = now === told ? Math.min(2 * delayMs, MOST_DELAY_MS) : LEAST_DELAY_MS;
        told = now;
        if (!isUnderWay(update.view)) return;
      } catch (error) {
        if (signal.aborted) return;
        const nowMs = this.#pacing.monotonicMs();
        if (!isLoss(error) || nowMs - (lostSinceMs ?? nowMs) >= LOST_AFTER_MS) throw error;
        if (lostSinceMs === undefined) this.#onLost?.(error);
        lostSinceMs ??= nowMs;
        delayMs = MOST_DELAY_MS;
      }
      await this.#pacing.delay(delayMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  /** @param seen how far the journal was told; undefined: all of it is old */
  async #look(name: string, seen: number | undefined, signal: AbortSignal): Promise<CampaignUpdate> {
    const view = await this.view(name, signal);
    const entries: JournalEntry[] = [];
    const { seq } = view.head;
    if (seen === undefined || seen >= seq) return { view, entries };
    for await (const page of this.journal(name, seen, signal)) {
      // What came behind the view is told with the next one.
      entries.push(...page.filter((entry) => entry.seq <= seq));
      if (page.at(-1)!.seq >= seq) break;
    }
    return { view, entries };
  }

  #looked(view: CampaignView): CampaignView {
    if (!this.#known.has(view.name)) this.#known.set(view.name, view.head.seq);
    return view;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function pathOf(name: string): string {
  return `${CAMPAIGNS}/${encodeURIComponent(name)}`;
}

function isUnderWay({ phase }: CampaignView): boolean {
  return phase === 'running' || phase === 'aborting' || phase === 'rolling-back';
}

/** Whether another try may find the server again. */
function isLoss(error: unknown): error is OtaError {
  return error instanceof OtaError && (error.code === 'NETWORK_FAILED' || error.code === 'HTTP_STATUS');
}

import type { CampaignHost, CampaignUpdate } from '../../src/lib/campaign/host.js';
import { OtaError } from '../../src/lib/core/errors.js';
import { type CampaignEvent, JOURNAL_GENESIS, type JournalEntry } from '../../src/lib/rollout/campaign-event.js';
import type { CampaignRequest, CampaignView, StageView } from '../../src/lib/rollout/campaign-view.js';
import type { StageFigures, StageVerdict } from '../../src/lib/rollout/observation.js';
import type { RolloutPlan } from '../../src/lib/rollout/plan.js';

const BEGAN = Date.parse('2026-01-05T06:00:00Z');

export function figures(given: Partial<StageFigures>): StageFigures {
  const rest = { running: 0, stuck: 0, installed: 0, failed: 0, canceled: 0, already: 0, gone: 0, ...given };
  const { running, stuck, installed, failed, canceled, already, gone } = rest;
  const ended = running + stuck + installed + failed + canceled + already + gone;
  const total = given.total ?? ended + (given.waiting ?? 0);
  return { ...rest, total, waiting: total - ended };
}

export function verdict(decision: StageVerdict['decision'], reason: string): StageVerdict {
  return { decision, reason, gates: [{ gate: 0, type: 'success', decision, reason }] };
}

export function stageOf(name: string, devices: number, given: Partial<StageView> = {}): StageView {
  const rest = { startedAt: null, passedAt: null, figures: null, verdict: null, approvedBy: null, waitsSeconds: null };
  return { name, devices, status: 'waiting', ...rest, ...given };
}

/** A campaign of three stages whose first one is under way. */
export function viewOfCampaign(given: Partial<CampaignView> = {}): CampaignView {
  return {
    ...{
      name: 'meter-2.1.0',
      planDigest: 'a'.repeat(64),
      product: 'meter',
      version: '2.1.0',
      phase: 'running',
      stage: 0,
    },
    stages: [
      stageOf('pilot', 10, { status: 'running', figures: figures({ total: 10, running: 10 }) }),
      stageOf('early', 90),
      stageOf('rest', 900),
    ],
    ...{ reason: null, returning: null, openedBy: 'ann', openedAt: new Date(BEGAN).toISOString(), endedAt: null },
    ...{ isDriven: true, head: { seq: 1, hash: JOURNAL_GENESIS } },
    ...given,
  };
}

/** Campaigns whose course a test decides: each update is told when the one before has been taken. */
export class MemoryCampaigns implements CampaignHost {
  readonly isDetached: boolean;
  /** What was asked for, and who was told of what. */
  readonly asked: { name: string; request: CampaignRequest; by: string }[] = [];
  readonly followed: ('drive' | 'watch')[] = [];
  /** Another process drives them. */
  isTaken = false;
  #seq = 0;
  readonly #views: Map<string, CampaignView>;
  readonly #course: (CampaignUpdate | ((signal: AbortSignal) => void | Promise<void>))[] = [];

  constructor(views: readonly CampaignView[], { isDetached = true } = {}) {
    this.#views = new Map(views.map((view) => [view.name, view]));
    this.isDetached = isDetached;
  }

  /** What happens next, as soon as somebody follows; a function is called instead. */
  next(
    step: { view: CampaignView; events?: readonly CampaignEvent[] } | ((signal: AbortSignal) => void | Promise<void>),
  ): this {
    if (typeof step === 'function') this.#course.push(step);
    else this.#course.push({ view: step.view, entries: (step.events ?? []).map((event) => this.#entry(event)) });
    return this;
  }

  #entry(event: CampaignEvent): JournalEntry {
    this.#seq += 1;
    const [previousHash, hash] = [JOURNAL_GENESIS, 'b'.repeat(64)];
    return { seq: this.#seq, time: BEGAN + this.#seq * 1000, event, previousHash, hash };
  }

  async open(_plan: RolloutPlan): Promise<CampaignView> {
    throw new OtaError('CONFLICT', 'campaigns of this host are there already');
  }

  async list(): Promise<readonly CampaignView[]> {
    return [...this.#views.values()];
  }

  async view(name: string): Promise<CampaignView> {
    const view = this.#views.get(name);
    if (view === undefined) throw new OtaError('NOT_FOUND', `there is no campaign ${name}`);
    return view;
  }

  async plan(name: string): Promise<RolloutPlan> {
    throw new OtaError('NOT_FOUND', `${name} has no plan`);
  }

  async *journal(): AsyncGenerator<readonly JournalEntry[]> {}

  async request(name: string, request: CampaignRequest, { by }: { by: string }): Promise<CampaignView> {
    this.asked.push({ name, request, by });
    return await this.view(name);
  }

  async *drive(name: string, signal: AbortSignal): AsyncGenerator<CampaignUpdate> {
    this.followed.push('drive');
    if (this.isTaken) throw new OtaError('LOCKED', `${name} is driven by process 4711`);
    yield* this.#follow(name, signal);
  }

  async *watch(name: string, signal: AbortSignal): AsyncGenerator<CampaignUpdate> {
    this.followed.push('watch');
    yield* this.#follow(name, signal);
  }

  async *#follow(name: string, signal: AbortSignal): AsyncGenerator<CampaignUpdate> {
    while (!signal.aborted) {
      const step = this.#course.shift();
      if (step === undefined) throw new Error(`${name}: nothing further happens, and somebody waits`);
      if (typeof step === 'function') await step(signal);
      else {
        this.#views.set(name, step.view);
        yield step;
        if (step.view.phase !== 'running' && step.view.phase !== 'aborting' && step.view.phase !== 'rolling-back')
          return;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

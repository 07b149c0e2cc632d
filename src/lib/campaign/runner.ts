import { abortError, throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { answerRequest, refusalOf } from '../rollout/answer-request.js';
import type { CampaignEvent, JournalEntry } from '../rollout/campaign-event.js';
import type { CampaignState, PortionState } from '../rollout/campaign-state.js';
import type { CampaignRequest, CampaignView } from '../rollout/campaign-view.js';
import { viewOf } from '../rollout/campaign-view-of.js';
import { nextStep } from '../rollout/next-step.js';
import { returnEvents } from '../rollout/plan-return.js';
import { SERVER_PATIENCE_MS, type StageSeen, type Step } from '../rollout/step.js';
import { CampaignClock } from './campaign-clock.js';
import { CampaignRecord } from './campaign-record.js';
import { GaugeReader } from './gauges.js';
import { type LostStep, lookAround } from './look-around.js';
import { type DeviceQuestion, endedBadly, failuresOf, returnCandidates } from './portion-devices.js';
import { type Effect, PortionEffects } from './portion-effects.js';
import { again, type RunnerOptions, type RunnerStep, told } from './runner-step.js';
import { serverTrouble } from './server-trouble.js';
import { SoakWatch } from './soak-watch.js';
import { TroubleWatch } from './trouble-watch.js';

export type { RunnerOptions, RunnerStep };

const DEFAULT_POLL_MS = 2_000;

/**
 * Takes one campaign on, step by step: what is about to be done is written into the journal, then done, then confirmed
 * there. Where it is cut in between, the next runner does it again, which drivers make once. One process at a time; its
 * calls wait for each other.
 */
export class CampaignRunner {
  readonly #options: RunnerOptions;
  readonly #record: CampaignRecord;
  readonly #clock: CampaignClock;
  readonly #effects: PortionEffects;
  readonly #gauges: GaugeReader;
  #seen: StageSeen | undefined;
  #misreportedSince: number | null = null;
  readonly #trouble = new TroubleWatch();
  readonly #soak: SoakWatch;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: RunnerOptions, record: CampaignRecord) {
    this.#options = options;
    this.#record = record;
    this.#clock = new CampaignClock(options.pacing, record.head.time);
    this.#soak = new SoakWatch(record.state, record.head.time);
    this.#effects = new PortionEffects(options.plan, options.driver);
    this.#gauges = new GaugeReader(options.plan, options.driver, options.gauges ?? {});
  }

  /** @throws OtaError STORE_DAMAGED: its journal was changed, or does not belong to the plan; NOT_FOUND: it is empty */
  static async open(options: RunnerOptions): Promise<CampaignRunner> {
    return new CampaignRunner(options, await CampaignRecord.read(options.plan, options.journal));
  }

  get state(): CampaignState {
    return this.#record.state;
  }

  view({ isDriven }: { isDriven: boolean }): CampaignView {
    const { state, head } = this.#record;
    return viewOf(this.#options.plan, state, { now: this.#clock.now(), isDriven, head, ...this.#seen });
  }

  /**
   * Does one thing, or finds that there is nothing to do yet. A server that cannot be reached, or tells what cannot be, is
   * no failure: it is written down and asked again later.
   *
   * @throws OtaError AUTHENTICATION_FAILED, PERMISSION_DENIED: log in and go on; INTERRUPTED, TERMINATED; those of the
   *   journal, after which it has to be opened anew
   */
  step(signal: AbortSignal): Promise<RunnerStep> {
    return this.#inTurn(() => this.#step(signal));
  }

  /**
   * Does what somebody wants.
   * @throws OtaError CONFLICT: it is in no phase for that, or there is nothing to try again; those of the driver
   */
  request(request: CampaignRequest, by: string, signal: AbortSignal): Promise<readonly JournalEntry[]> {
    return this.#inTurn(async () => {
      const { plan } = this.#options;
      const refusal = refusalOf(plan, this.state, request);
      if (refusal !== undefined) throw new OtaError('CONFLICT', refusal, ['See `ota rollout status`.']);
      const ended = request.verb === 'retry-failed' ? await endedBadly(this.#question(signal)) : undefined;
      const events = answerRequest(plan, this.state, request, by, ended);
      if (events.length > 0) return await this.#write(events);
      if (request.verb === 'stop') return [];
      throw new OtaError('CONFLICT', `no device of ${plan.name} has failed in this stage`);
    });
  }

  /** Has a campaign that is running stand still, for a reason that lies outside of it. */
  async stand(reason: string): Promise<void> {
    await this.#inTurn(async () => {
      if (this.state.phase === 'running') await this.#pause(reason);
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return await turn;
  }

  async #step(signal: AbortSignal): Promise<RunnerStep> {
    throwIfAborted(signal);
    const entries: JournalEntry[] = [...(await this.#noteLeap())];
    try {
      const { step, now } = await this.#decide(signal);
      const done =
        step.kind === 'lost' ? await this.#lose(step.portion, step.error) : await this.#do(step, now, signal);
      entries.push(...done.entries, ...(await this.#note(this.#trouble.end(this.#clock.now()))));
      return { ...done, entries };
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      const trouble = serverTrouble(error);
      if (trouble === undefined || this.#record.isBroken) throw error;
      const after = await this.#waitOut(error as OtaError, trouble === 'passes');
      return { ...after, entries: [...entries, ...after.entries] };
    }
  }

  /** Looks where something has to be seen first. */
  async #decide(signal: AbortSignal): Promise<{ step: Step | LostStep; now: number }> {
    const { plan } = this.#options;
    const now = this.#clock.now();
    const context = { now, misreportedSince: this.#misreportedSince, forgetsSoak: this.#soak.forgets };
    const step = nextStep(plan, this.state, context);
    if (step.kind !== 'observe') return { step, now };
    const at = { plan, state: this.state, effects: this.#effects, gauges: this.#gauges, now, signal };
    const seen = await lookAround(step, at);
    if (step.measures && !('kind' in seen)) this.#soak.looked(now);
    return { step: 'kind' in seen ? seen : nextStep(plan, this.state, { ...context, seen }), now };
  }

  async #do(step: Step, now: number, signal: AbortSignal): Promise<RunnerStep> {
    if ('seen' in step) this.#seen = step.seen;
    this.#misreportedSince = step.kind === 'wait' && step.isMisreport ? (this.#misreportedSince ?? now) : null;
    switch (step.kind) {
      case 'write':
        return again(await this.#writeAndTell(step.events, signal));
      case 'prepare':
      case 'start':
      case 'hold':
      case 'continue':
      case 'stop':
        return await this.#carryOut(step.kind, step.portion, signal);
      case 'name-failures': {
        const figures = step.stage === null ? this.state.rollback!.figures! : this.state.stages[step.stage]!.figures!;
        const named = await failuresOf(this.#question(signal), step.stage, figures);
        return again(await this.#write([{ type: 'failures', stage: step.stage, ...named }]));
      }
      case 'gather': {
        const candidates = await returnCandidates(this.#question(signal));
        this.#seen = undefined;
        return again(await this.#write(returnEvents(this.#options.plan, candidates, this.state.abort!.by)));
      }
      case 'wait': {
        const pollMs = this.#options.pollMs ?? DEFAULT_POLL_MS;
        const afterMs = step.untilMs === null ? pollMs : Math.max(1, Math.min(pollMs, step.untilMs - now));
        return { entries: [], next: { kind: 'later', afterMs, reason: step.reason } };
      }
      case 'rest':
      case 'over':
        return { entries: [], next: { kind: step.kind } };
      default:
        throw new Error(`a campaign has looked and wants to ${step.kind} again`);
    }
  }

  async #carryOut(effect: Effect, portion: PortionState, signal: AbortSignal): Promise<RunnerStep> {
    let confirmation: CampaignEvent;
    try {
      confirmation = await this.#effects.carryOut(effect, portion, signal);
    } catch (error) {
      const trouble = signal.aborted ? undefined : serverTrouble(error);
      if (trouble !== 'forgotten' && trouble !== 'refuses') throw error;
      if (this.state.phase === 'running') {
        // What was not made yet is made once a person has mended it; what was made and is forgotten cannot be asked for.
        const isLost = trouble === 'forgotten' && effect !== 'prepare';
        return isLost ? await this.#lose(portion, error as OtaError) : await this.#pause((error as OtaError).message);
      }
      if (trouble === 'refuses' && this.#clock.now() - portion.changedAt < SERVER_PATIENCE_MS) throw error;
      return await this.#lose(portion, error as OtaError);
    }
    return again(await this.#write([confirmation]));
  }

  async #lose({ name }: PortionState, error: OtaError): Promise<RunnerStep> {
    if (serverTrouble(error) === 'forgotten' && !this.#trouble.hasForgotten(this.#clock.now())) throw error;
    return again(await this.#write([{ type: 'lost', portion: name, reason: told(error.message) }]));
  }

  async #pause(reason: string): Promise<RunnerStep> {
    return again(await this.#write([{ type: 'paused', by: 'server', cause: 'server', reason: told(reason) }]));
  }

  async #waitOut(error: OtaError, passes: boolean): Promise<RunnerStep> {
    const random = this.#options.pacing.random();
    const answer = this.#trouble.meet(error, { now: this.#clock.now(), random, passes, phase: this.state.phase });
    if (answer.kind === 'pause') return await this.#pause(error.message);
    const { afterMs, note } = answer;
    return { entries: await this.#note(note), next: { kind: 'later', afterMs, reason: error.message } };
  }

  async #note(text: string | null): Promise<readonly JournalEntry[]> {
    return text === null ? [] : await this.#write([{ type: 'noted', text: told(text) }]);
  }

  async #noteLeap(): Promise<readonly JournalEntry[]> {
    const now = this.#clock.now();
    const leap = this.#clock.takeLeap();
    if (leap?.isAhead) this.#soak.forget();
    return await this.#note(leap?.told ?? this.#soak.begin(this.state, now));
  }

  /** Tells of each decision that says something new; whoever does not take it does not stop the campaign. */
  async #writeAndTell(events: readonly CampaignEvent[], signal: AbortSignal): Promise<readonly JournalEntry[]> {
    const { stages } = this.state;
    const entries = [...(await this.#write(events))];
    const { plan, gauges } = this.#options;
    for (const entry of [...entries]) {
      const { event } = entry;
      if (event.type !== 'judged') continue;
      this.#soak.judged();
      if (stages[event.stage]!.verdict?.decision === event.verdict.decision) continue;
      try {
        await gauges?.tell?.(entry, plan, signal);
      } catch (error) {
        if (signal.aborted) throw abortError(signal);
        if (!(error instanceof OtaError)) throw error;
        entries.push(...(await this.#note(`a decision could not be told: ${error.message}`)));
      }
    }
    return entries;
  }

  async #write(events: readonly CampaignEvent[]): Promise<readonly JournalEntry[]> {
    const entries = await this.#record.write(events, this.#clock.now());
    if (events.some(({ type }) => type === 'passed' || type === 'retrying')) this.#seen = undefined;
    return entries;
  }

  #question(signal: AbortSignal): DeviceQuestion {
    const { plan, driver } = this.#options;
    return { plan, state: this.state, driver, now: this.#clock.now(), signal };
  }
}

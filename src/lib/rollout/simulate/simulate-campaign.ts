import { applyEvent } from '../apply-event.js';
import type { CampaignEvent } from '../campaign-event.js';
import type { CampaignState, PortionState } from '../campaign-state.js';
import { nextStep } from '../next-step.js';
import type { StageVerdict } from '../observation.js';
import type { RolloutPlan } from '../plan.js';
import { devicesIn, type PortionSight, type Sighting } from '../sighting.js';
import type { Step } from '../step.js';
import type { FleetModel } from './fleet-model.js';
import { HealthGates } from './health-gates.js';
import type { OnMoment, SimulatedEnd, SimulatedOutcome } from './outcome.js';
import { observedAt } from './time-grid.js';
import { VirtualFleet } from './virtual-fleet.js';

/** Nobody waits longer for a campaign. */
const MAX_CAMPAIGN_MS = 366 * 86_400_000;
const SIMULATION = 'simulation';
/** Without a halt. */
const STEPS_AT_ONCE = 500;

/**
 * A whole campaign against a virtual fleet, decided by the machine that decides real ones (`applyEvent`, `nextStep`), with a
 * server that does everything at once. It ends when the campaign does, or is paused. Probes and commands are good; devices
 * that have failed are not tried again.
 *
 * @throws OtaError CONFIG_INVALID: a gate asks for a metric that the model does not have
 */
export function simulateCampaign(
  plan: RolloutPlan,
  model: FleetModel,
  seed: number,
  onMoment: OnMoment = () => {},
): SimulatedOutcome {
  const looks = campaignLooks(plan, model, seed, onMoment);
  for (;;) {
    const next = looks.next();
    if (next.done) return next.value;
  }
}

/** As {@link simulateCampaign}, and halts now and then, so that whoever waits can do something in between. */
export function campaignLooks(
  plan: RolloutPlan,
  model: FleetModel,
  seed: number,
  onMoment: OnMoment = () => {},
): Generator<void, SimulatedOutcome> {
  return new SimulatedCampaign(plan, model, seed, onMoment).run();
}

class SimulatedCampaign {
  readonly #plan: RolloutPlan;
  readonly #model: FleetModel;
  readonly #seed: number;
  readonly #onMoment: OnMoment;
  readonly #startedAt: number;
  readonly #fleet: VirtualFleet;
  readonly #health: HealthGates;
  /** What the server tells of portions; the fleet goes on counting in those that were given. */
  readonly #sights = new Map<string, PortionSight>();
  #now: number;
  #state: CampaignState;
  #seen: Sighting | undefined;
  /** When somebody approves the stage; undefined: it does not wait for that alone. */
  #approvedAt: number | undefined;

  constructor(plan: RolloutPlan, model: FleetModel, seed: number, onMoment: OnMoment) {
    this.#plan = plan;
    this.#model = model;
    this.#seed = seed;
    this.#onMoment = onMoment;
    this.#startedAt = Date.parse(plan.createdAt);
    this.#now = this.#startedAt;
    this.#fleet = new VirtualFleet(plan, model, seed, this.#startedAt);
    this.#health = new HealthGates(plan, model, seed);
    const digests = { planDigest: '', planned: '' };
    const event: CampaignEvent = { type: 'opened', by: SIMULATION, name: plan.name, ...digests };
    this.#state = applyEvent(undefined, { time: this.#now, event }, plan);
  }

  *run(): Generator<void, SimulatedOutcome> {
    for (let steps = 1; ; steps++) {
      if (steps % STEPS_AT_ONCE === 0) yield;
      const context = { now: this.#now, misreportedSince: null, ...(this.#seen && { seen: this.#seen }) };
      const step = nextStep(this.#plan, this.#state, context);
      const end = this.#take(step);
      if (end !== undefined) return this.#outcome(...end);
    }
  }

  /** @returns how it ends, and why; undefined: it goes on */
  #take(step: Step): [SimulatedEnd, string] | undefined {
    switch (step.kind) {
      case 'write':
        for (const event of step.events) this.#write(event);
        return undefined;
      case 'prepare':
        this.#prepare(step.portion);
        return undefined;
      case 'start':
        this.#start(step.portion);
        return undefined;
      case 'continue':
        this.#write({ type: 'started', portion: step.portion.name });
        return undefined;
      case 'hold':
        this.#write({ type: 'held', portion: step.portion.name });
        return undefined;
      case 'stop':
        this.#write({ type: 'stopped', portion: step.portion.name });
        return undefined;
      case 'observe':
        this.#observe();
        return undefined;
      case 'name-failures':
        this.#write({ type: 'failures', stage: step.stage, devices: [], more: 0 });
        return undefined;
      case 'wait':
        return this.#wait(step);
      case 'rest':
        return ['paused', this.#state.pause!.reason];
      case 'gather':
        return ['aborted', this.#state.abort!.reason];
      case 'over':
        return [this.#state.phase === 'finished' ? 'finished' : 'aborted', this.#state.endReason!];
    }
  }

  #write(event: CampaignEvent): void {
    this.#state = applyEvent(this.#state, { time: this.#now, event }, this.#plan);
  }

  #prepare(portion: PortionState): void {
    const total = devicesIn(portion);
    const counts = { waiting: total, running: 0, stuck: 0, installed: 0, failed: 0, canceled: 0, already: 0, gone: 0 };
    this.#sights.set(portion.name, { status: 'prepared', total, counts });
    this.#write({ type: 'prepared', portion: portion.name, ref: portion.name });
  }

  #start({ name, stage, range }: PortionState): void {
    // Retries and ways back are asked for by people, of whom there are none here.
    const given = this.#fleet.give(stage!, ...range!, this.#now);
    this.#sights.set(name, { status: 'running', ...given });
    this.#write({ type: 'started', portion: name });
  }

  #observe(): void {
    const { stage } = this.#state;
    const { measurements, probes } = this.#health.look(stage, this.#fleet.stage(stage), this.#now);
    this.#seen = { portions: this.#sights, measurements, probes };
    this.#onMoment({ seconds: (this.#now - this.#startedAt) / 1000, stage, ...this.#fleet.count() });
  }

  #wait({ untilMs, reason, seen }: Extract<Step, { kind: 'wait' }>): [SimulatedEnd, string] | undefined {
    const { stage, stages } = this.#state;
    if (this.#isApproved(seen?.verdict)) {
      this.#approvedAt = undefined;
      this.#write({ type: 'approved', stage, by: SIMULATION, remark: '' });
      return undefined;
    }
    const { observe } = this.#model;
    const soaked = soakedAt(this.#plan, stage, stages[stage]!.goodSince);
    const looks = this.#health.isAsked(stage) ? this.#now + observe * 1000 : Number.POSITIVE_INFINITY;
    const soon = this.#now + 1;
    const event = Math.min(
      this.#fleet.nextAt,
      soaked > this.#now ? soaked : Infinity,
      this.#approvedAt ?? Infinity,
      looks,
    );
    const next = Math.min(
      observedAt(Math.max(event, soon), this.#startedAt, observe),
      Math.max(untilMs ?? Infinity, soon),
    );
    if (!(next <= this.#startedAt + MAX_CAMPAIGN_MS)) return ['unfinished', reason];
    this.#now = next;
    this.#fleet.advance(next);
    this.#seen = undefined;
    return undefined;
  }

  /** Somebody approves it some time after it waits for nothing else. */
  #isApproved(verdict: StageVerdict | undefined): boolean {
    const open = verdict?.gates.filter(({ decision }) => decision !== 'advance') ?? [];
    const waitsForIt = open.length > 0 && open.every(({ type }) => type === 'approval');
    if (!waitsForIt) this.#approvedAt = undefined;
    else this.#approvedAt ??= this.#now + this.#model.approval * 1000;
    return this.#approvedAt !== undefined && this.#now >= this.#approvedAt;
  }

  #outcome(end: SimulatedEnd, reason: string): SimulatedOutcome {
    const seconds = (this.#now - this.#startedAt) / 1000;
    return { seed: this.#seed, end, stage: this.#state.stage, seconds, reason, count: this.#fleet.count() };
  }
}

/** When its soak time is over; Infinity: it is not running. */
function soakedAt(plan: RolloutPlan, stage: number, goodSince: number | null): number {
  const seconds = plan.stages[stage]!.gates.map((gate) => (gate.type === 'soak' ? gate.seconds : 0));
  return goodSince === null ? Number.POSITIVE_INFINITY : goodSince + Math.max(0, ...seconds) * 1000;
}

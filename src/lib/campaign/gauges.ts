import { clipText } from '../core/text.js';
import type { FleetDriver } from '../fleet-api/driver.js';
import type { JournalEntry } from '../rollout/campaign-event.js';
import type { CampaignState, PortionState } from '../rollout/campaign-state.js';
import type { GateOf } from '../rollout/gate-spec.js';
import { parseHealthRule } from '../rollout/health-rule.js';
import type { Measurement, ProbeResult, StageFigures } from '../rollout/observation.js';
import type { RolloutPlan } from '../rollout/plan.js';

/** What reaches outside of the campaign's own server: given by whoever drives it, who decides what may be reached. */
export interface CampaignGauges {
  /** @throws nothing but OtaError INTERRUPTED, TERMINATED */
  probe?(gate: GateOf<'probe'>, signal: AbortSignal): Promise<ProbeResult>;
  /** Absent: commands are not run here. */
  command?(
    gate: GateOf<'command'>,
    subject: { campaign: string; stage: string; figures: StageFigures },
    signal: AbortSignal,
  ): Promise<ProbeResult>;
  /** Tells of a decision; what it throws is written down and forgotten. The entry is a `judged` that says something new. */
  tell?(entry: JournalEntry, plan: RolloutPlan, signal: AbortSignal): Promise<void>;
}

export interface Gauged {
  readonly measurements: ReadonlyMap<number, Measurement>;
  readonly probes: ReadonlyMap<number, ProbeResult>;
}

/** Telemetry is not asked for at every look. */
const MEASURE_EVERY_MS = 10_000;

interface Known {
  readonly at: number;
  readonly figures: StageFigures;
  readonly measurement?: Measurement | undefined;
  readonly probe?: ProbeResult;
}

/** Asks what the gates of a stage want to know, each as often as it is due. */
export class GaugeReader {
  readonly #plan: RolloutPlan;
  readonly #driver: FleetDriver;
  readonly #gauges: CampaignGauges;
  readonly #known = new Map<string, Known>();

  constructor(plan: RolloutPlan, driver: FleetDriver, gauges: CampaignGauges) {
    this.#plan = plan;
    this.#driver = driver;
    this.#gauges = gauges;
  }

  async read(
    state: CampaignState,
    { now, figures, portions }: { now: number; figures: StageFigures; portions: readonly PortionState[] },
    signal: AbortSignal,
  ): Promise<Gauged> {
    const { name, gates } = this.#plan.stages[state.stage]!;
    const measurements = new Map<number, Measurement>();
    const probes = new Map<number, ProbeResult>();
    for (const [place, gate] of gates.entries()) {
      if (gate.type !== 'health' && gate.type !== 'probe' && gate.type !== 'command') continue;
      const everyMs = gate.type === 'health' ? MEASURE_EVERY_MS : gate.everySeconds * 1_000;
      const key = `${state.stage}.${place}`;
      let known = this.#known.get(key);
      if (known === undefined || now - known.at >= everyMs || isOutdated(known.figures, figures)) {
        known =
          gate.type === 'health'
            ? { at: now, figures, measurement: await this.#measure(gate, { now, portions, state }, signal) }
            : {
                at: now,
                figures,
                probe: await this.#ask(gate, { campaign: state.name, stage: name, figures }, signal),
              };
        this.#known.set(key, known);
      }
      if (known.measurement !== undefined) measurements.set(place, known.measurement);
      if (known.probe !== undefined) probes.set(place, known.probe);
    }
    return { measurements, probes };
  }

  async #ask(
    gate: GateOf<'probe'> | GateOf<'command'>,
    subject: { campaign: string; stage: string; figures: StageFigures },
    signal: AbortSignal,
  ): Promise<ProbeResult> {
    const asked =
      gate.type === 'probe' ? this.#gauges.probe?.(gate, signal) : this.#gauges.command?.(gate, subject, signal);
    const result = (await asked) ?? { outcome: 'failed' as const, said: `a ${gate.type} is not asked here` };
    return { ...result, said: clipText(result.said, 1_000) };
  }

  /** Devices that have the update, from when it was given to the first of them; never what they told before. */
  async #measure(
    gate: GateOf<'health'>,
    { now, portions, state }: { now: number; portions: readonly PortionState[]; state: CampaignState },
    signal: AbortSignal,
  ): Promise<Measurement | undefined> {
    const { of, comparedTo } = parseHealthRule(gate.rule);
    const refs = portions.flatMap(({ ref }) => ref ?? []);
    if (this.#driver.measure === undefined || refs.length === 0) return undefined;
    const since = Math.max(now - gate.windowSeconds * 1_000, state.stages[state.stage]!.startedAt ?? now);
    const measured = await this.#driver.measure({ refs, of, since }, signal);
    if (measured === undefined || comparedTo === 'value') return measured;
    // All devices that the campaign has touched are outside of the control group, those of earlier stages too.
    const touched = state.portions.flatMap(({ ref, status }) => (status === 'lost' ? [] : (ref ?? [])));
    const outsideOf = this.#plan.target.where;
    const control = await this.#driver.measure({ refs: touched, outsideOf, of, since }, signal);
    return control === undefined ? measured : { ...measured, control: control.value };
  }
}

/**
 * Whether an answer is of another stage than this: not half as many devices had ended, or all have since. Attack: a probe
 * that is asked once an hour says before the first device has the update that all is well, and the stage passes on that.
 */
function isOutdated(then: StageFigures, now: StageFigures): boolean {
  if (endedOf(now) === 0) return false;
  const isOver = now.waiting + now.running === 0 && then.waiting + then.running > 0;
  return isOver || endedOf(now) >= 2 * endedOf(then);
}

function endedOf({ installed, failed, stuck, canceled }: StageFigures): number {
  return installed + failed + stuck + canceled;
}

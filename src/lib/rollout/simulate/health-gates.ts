import { OtaError } from '../../core/errors.js';
import { type HealthRule, parseHealthRule } from '../health-rule.js';
import type { Measurement, ProbeResult } from '../observation.js';
import type { RolloutPlan } from '../plan.js';
import type { FleetModel } from './fleet-model.js';
import { metricOf, StageHealth } from './stage-health.js';
import type { FleetCount } from './virtual-fleet.js';

/** What the gates of a stage are told, by their place in it. */
export interface HealthLook {
  readonly measurements: ReadonlyMap<number, Measurement>;
  readonly probes: ReadonlyMap<number, ProbeResult>;
}

interface StageGates {
  readonly rules: readonly { readonly gate: number; readonly rule: HealthRule; readonly windowSeconds: number }[];
  readonly probes: ReadonlyMap<number, ProbeResult>;
  readonly health: StageHealth;
}

const GOOD: ProbeResult = { outcome: 'good', said: 'a simulation asks nobody' };

/** Answers health gates by a model, and probes and commands with yes. */
export class HealthGates {
  readonly #stages: readonly StageGates[];

  /** @throws OtaError CONFIG_INVALID: a rule is about a metric that the model does not have; USAGE: it is no rule */
  constructor(plan: Pick<RolloutPlan, 'stages'>, model: FleetModel, seed: number) {
    this.#stages = plan.stages.map(({ gates, name }, index) => {
      const rules = [...gates.entries()].flatMap(([gate, spec]) => {
        if (spec.type !== 'health') return [];
        const rule = parseHealthRule(spec.rule);
        requireMetric(rule, model, `stage ${name}: ${spec.rule}`);
        return [{ gate, rule, windowSeconds: spec.windowSeconds }];
      });
      const asked = [...gates.entries()].filter(([, { type }]) => type === 'probe' || type === 'command');
      const probes = new Map(asked.map(([gate]) => [gate, GOOD]));
      return { rules, probes, health: new StageHealth(model, seed * 1009 + index) };
    });
  }

  /** Whether a stage has to be looked at although nothing happens to its devices. */
  isAsked(stage: number): boolean {
    return this.#stages[stage]!.rules.length > 0;
  }

  look(stage: number, count: FleetCount, now: number): HealthLook {
    const { rules, probes, health } = this.#stages[stage]!;
    if (rules.length === 0) return { measurements: new Map(), probes };
    health.observe(now, count);
    const measured = rules.flatMap(({ gate, rule, windowSeconds }) => {
      const measurement = health.measure(rule, windowSeconds);
      return measurement === undefined ? [] : [[gate, measurement] as const];
    });
    return { measurements: new Map(measured), probes };
  }
}

function requireMetric({ of }: HealthRule, model: FleetModel, where: string): void {
  if (of.kind !== 'metric' || metricOf(model, of) !== undefined) return;
  throw new OtaError('CONFIG_INVALID', `${where}: the model says nothing of ${of.path.join('.')}`, [
    `Say what it is on devices without and with the update: telemetry.metrics.${of.path.join('.')}.`,
  ]);
}

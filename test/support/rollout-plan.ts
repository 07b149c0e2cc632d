import { hash } from 'node:crypto';
import { deviceListHash } from '../../src/lib/rollout/device-list-hash.js';
import type { GateSpec } from '../../src/lib/rollout/gate-spec.js';
import { type Cohort, PLAN_SPEC, type PlanStage, type RolloutPlan } from '../../src/lib/rollout/plan.js';

/** A stage of a plan for a test: how many devices, or which (name, or name and cohort); and what it shall have otherwise. */
export type SomeStage = number | (Partial<Omit<PlanStage, 'devices'>> & { devices: number | readonly SomeDevice[] });
export type SomeDevice = string | readonly [string, number];

export interface SomePlan extends Partial<Omit<RolloutPlan, 'stages' | 'cohorts'>> {
  /** Sizes, or whole stages; by default one device, then the others of `devices`. Stages of sizes take d0001, d0002, …. */
  stages?: readonly SomeStage[];
  /** How many devices, where stages are not given; by default 10. */
  devices?: number;
  /** `devices` is counted. By default one, on version 1.0.0, that downloads a full image of 1,000 bytes. */
  cohorts?: readonly Partial<Omit<Cohort, 'devices'>>[];
  /** Of stages that say none themselves; by default none. */
  gates?: readonly GateSpec[];
}

/** A small plan that is valid: counts and hashes are made to fit what is asked for. */
export function somePlan(changes: SomePlan = {}): RolloutPlan {
  const { stages: someStages, devices = 10, cohorts: someCohorts = [{}], gates = [], ...rest } = changes;
  const names = deviceNames();
  const stages = (someStages ?? [1, devices - 1]).map((stage, at) => stageOf(stage, at, { names, gates }));
  const all = stages.flatMap((stage) => stage.devices);
  const cohorts = someCohorts.map((cohort, at) => cohortOf(cohort, all.filter(([, own]) => own === at).length));
  return {
    spec: PLAN_SPEC,
    name: 'meter-2.0.0',
    createdAt: '2026-01-05T06:00:00.000Z',
    server: { driver: 'fleet', address: 'https://fleet.example.com' },
    package: {
      digest: hash('sha256', 'meter 2.0.0'),
      product: 'meter',
      version: '2.0.0',
      sequence: 2,
      securityCounter: 1,
      filename: 'meter-2.0.0.ota',
      bytes: 4096,
      expiresAt: null,
    },
    seed: 1,
    leftOut: [],
    onAbort: 'stop',
    allowedDriftPercent: 1,
    webhook: null,
    notes: [],
    ...rest,
    target: {
      where: '',
      exclude: null,
      ...rest.target,
      devicesSha256: rest.target?.devicesSha256 ?? deviceListHash(all.map(([device]) => device)),
    },
    forecast: {
      downloadBytes: cohorts.reduce((sum, { bytes, devices: count }) => sum + bytes * count, 0),
      seconds: 0,
      ...rest.forecast,
    },
    cohorts,
    stages,
  };
}

function stageOf(
  stage: SomeStage,
  at: number,
  { names, gates }: { names: Iterator<string, never>; gates: readonly GateSpec[] },
): PlanStage {
  const { devices, ...rest } = typeof stage === 'number' ? { devices: stage } : stage;
  const list: readonly SomeDevice[] =
    typeof devices === 'number' ? Array.from({ length: devices }, () => names.next().value) : devices;
  return {
    name: `stage ${at + 1}`,
    startAt: null,
    window: null,
    rate: null,
    gates: [...gates],
    errorThresholdPercent: 5,
    ...rest,
    devices: list.map((device) => (typeof device === 'string' ? [device, 0] : [device[0], device[1]])),
  };
}

function cohortOf(cohort: Partial<Omit<Cohort, 'devices'>>, devices: number): Cohort {
  const previous =
    cohort.previous === undefined
      ? { id: '1', name: 'meter', version: '1.0.0', digest: hash('sha256', 'meter 1.0.0') }
      : cohort.previous;
  return {
    model: 'M100',
    version: '1.0.0',
    cannotReturn: previous === null ? 'the server does not know what they run' : null,
    delivery: 'full',
    bytes: 1_000,
    ...cohort,
    previous,
    devices,
  };
}

/** d0001, d0002, … */
function* deviceNames(): Generator<string, never> {
  for (let number = 1; ; number++) yield `d${String(number).padStart(4, '0')}`;
}

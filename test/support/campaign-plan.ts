import { deviceListHash } from '../../src/lib/rollout/device-list-hash.js';
import type { GateSpec } from '../../src/lib/rollout/gate-spec.js';
import type { Cohort, PlanStage, RolloutPlan } from '../../src/lib/rollout/plan.js';

/** When plans of tests are made. */
export const PLANNED_AT = Date.UTC(2026, 10, 29, 12);

export const PREVIOUS = { id: '1', name: 'hub', version: '1.0.0', digest: null };

const COHORT: Cohort = {
  model: 'hub-1',
  version: '1.0.0',
  previous: PREVIOUS,
  cannotReturn: null,
  delivery: 'full',
  bytes: 1_000,
  devices: 0,
};

/** Gates that are met when all devices have the update, and stop a stage with more than a tenth failed. */
export const STRICT_GATES: GateSpec[] = [
  { type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent: 100 },
  { type: 'failure', atMostPercent: 10, confidencePercent: 50, minimumSample: 1, otherwise: 'pause' },
];

export interface PlanOptions extends Partial<Omit<RolloutPlan, 'stages' | 'cohorts'>> {
  /** Devices of each stage; they are named `s1-0000`, … */
  readonly sizes?: readonly number[];
  readonly stage?: Partial<PlanStage>;
  readonly stages?: readonly Partial<PlanStage>[];
  readonly cohorts?: readonly Partial<Cohort>[];
}

/** A plan for tests; devices are spread over its cohorts in turn. */
export function campaignPlan({
  sizes = [2, 4],
  stage,
  stages,
  cohorts = [{}],
  ...rest
}: PlanOptions = {}): RolloutPlan {
  const planned = sizes.map((size, at) => ({
    name: `stage ${at + 1}`,
    startAt: null,
    window: null,
    rate: null,
    gates: STRICT_GATES,
    errorThresholdPercent: 50,
    devices: Array.from({ length: size }, (_, device): [string, number] => [
      `s${at + 1}-${String(device).padStart(4, '0')}`,
      device % cohorts.length,
    ]),
    ...stage,
    ...stages?.[at],
  }));
  const all = planned.flatMap(({ devices }) => devices);
  return {
    spec: 'ota-rollout/1',
    name: 'spring',
    createdAt: new Date(PLANNED_AT).toISOString(),
    server: { driver: 'hawkbit', address: 'http://127.0.0.1:1' },
    package: {
      digest: 'a'.repeat(64),
      product: 'hub',
      version: '2.0.0',
      sequence: 2,
      securityCounter: 0,
      filename: 'hub-2.0.0.ota',
      bytes: 1_000,
      expiresAt: null,
    },
    target: { where: '', exclude: null, devicesSha256: deviceListHash(all.map(([name]) => name)) },
    seed: 1,
    cohorts: cohorts.map((cohort, place) => ({
      ...COHORT,
      ...cohort,
      devices: all.filter(([, at]) => at === place).length,
    })),
    stages: planned,
    leftOut: [],
    onAbort: 'stop',
    allowedDriftPercent: 0,
    webhook: null,
    notes: [],
    forecast: { downloadBytes: all.reduce((sum, [, at]) => sum + { ...COHORT, ...cohorts[at] }.bytes, 0), seconds: 0 },
    ...rest,
  };
}

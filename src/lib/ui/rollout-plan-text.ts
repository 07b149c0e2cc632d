import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { StageForecast } from '../rollout/forecast.js';
import type { GateSpec } from '../rollout/gate-spec.js';
import type { Cohort, LeftOut, MaintenanceWindow, PlanStage, RolloutPlan } from '../rollout/plan.js';
import { devicesCount } from './devices-text.js';
import { gateText } from './gate-text.js';
import { factsText, gridText } from './table.js';
import { countText, spanText } from './telemetry-text.js';

/** What `ota rollout plan --json` prints: a plan without the names of its devices. */
export interface PlanSummary {
  /** Where it was written; null: nowhere. */
  readonly path: string | null;
  /** SHA-256 of the plan's canonical JSON: what a campaign knows it by. */
  readonly planDigest: string;
  readonly name: string;
  readonly server: RolloutPlan['server'];
  readonly package: RolloutPlan['package'];
  readonly target: RolloutPlan['target'];
  readonly seed: number;
  /** In all stages. */
  readonly devices: number;
  readonly stages: readonly (Omit<PlanStage, 'devices'> & {
    readonly devices: number;
    /** How many of each model; of those that tell none, as an empty text. */
    readonly models: Readonly<Record<string, number>>;
    readonly downloadBytes: number;
    /** After the start of the campaign, when nothing fails and nobody is waited for. */
    readonly startsAfterSeconds: number;
  })[];
  readonly cohorts: readonly Cohort[];
  readonly leftOut: readonly (Omit<LeftOut, 'devices'> & { readonly devices: number })[];
  readonly onAbort: RolloutPlan['onAbort'];
  readonly allowedDriftPercent: number;
  readonly webhook: string | null;
  readonly notes: readonly string[];
  readonly forecast: RolloutPlan['forecast'];
}

export function planSummary(
  plan: RolloutPlan,
  {
    digest,
    path,
    forecasts,
  }: { digest: string; path: string | null; forecasts: readonly Pick<StageForecast, 'startsAt'>[] },
): PlanSummary {
  const { spec: _, createdAt, stages, leftOut, cohorts, ...rest } = plan;
  return {
    path,
    planDigest: digest,
    ...rest,
    devices: stages.reduce((sum, { devices }) => sum + devices.length, 0),
    stages: stages.map(({ devices, ...stage }, at) => {
      const models: Record<string, number> = Object.create(null);
      let downloadBytes = 0;
      for (const [, cohort] of devices) {
        const { model, bytes } = cohorts[cohort]!;
        models[model ?? ''] = (models[model ?? ''] ?? 0) + 1;
        downloadBytes += bytes;
      }
      const startsAfterSeconds = (forecasts[at]!.startsAt - Date.parse(createdAt)) / 1000;
      return { ...stage, devices: devices.length, models, downloadBytes, startsAfterSeconds };
    }),
    cohorts,
    leftOut: leftOut.map((list) => ({ ...list, devices: list.devices.length })),
  };
}

/** A plan for a person who decides on it. */
export async function planText(plan: PlanSummary): Promise<string> {
  const { package: pkg, target, forecast, devices } = plan;
  const windows = distinctWindows(plan);
  const common = commonGates(plan);
  const isCommon = (gate: GateSpec) => common.some((one) => isSame(one, gate));
  const facts = factsText([
    ['campaign', plan.name],
    ['update', `${pkg.product} ${pkg.version} (${pkg.filename}, ${formatByteSize(pkg.bytes)})`],
    ['server', `${plan.server.driver === 'fleet' ? '' : `${plan.server.driver}+`}${plan.server.address}`],
    ['target', `${target.where === '' ? 'all devices' : target.where}${excluded(plan)}`],
    ['devices', countText(devices)],
    ['download', downloadText(plan)],
    ['duration', `${spanText(forecast.seconds * 1000)}${ASSUMPTION}${waitsText(plan)}`],
    ['on abort', plan.onAbort === 'rollback' ? rollbackText(plan) : 'stop: devices that have it keep it'],
    ['windows', windows.length === 1 ? windowText(windows[0]!) : undefined],
    ['all stages', common.length > 0 ? common.map(gateText).join('; ') : undefined],
    ['webhook', plan.webhook ?? undefined],
    ['seed', plan.seed],
  ]);
  const stages = await gridText(
    ['STAGE', 'DEVICES', 'MODELS', 'DOWNLOAD', 'WHEN', 'HAS TO PROVE'],
    plan.stages.map((stage) => [
      stage.name,
      countText(stage.devices),
      modelsText(stage.models),
      formatByteSize(stage.downloadBytes),
      whenText(stage, windows.length > 1),
      stage.gates
        .filter((gate) => !isCommon(gate))
        .map(gateText)
        .join('; '),
    ]),
  );
  const parts = [facts, stages];
  if (plan.leftOut.length > 0) {
    const rows = plan.leftOut.map(({ reason, detail, devices: count }) => [countText(count), reason, detail]);
    parts.push(await gridText(['LEFT OUT', 'WHY', ''], rows));
  }
  if (plan.notes.length > 0) parts.push(plan.notes.map((note) => `- ${escapeText(note)}`).join('\n'));
  return parts.join('\n\n');
}

const ASSUMPTION = ', if devices poll every 5 min, take 5 min to install, and nothing fails';

function excluded({ target }: PlanSummary): string {
  return target.exclude === null ? '' : `, without ${target.exclude}`;
}

function waitsText({ stages }: PlanSummary): string {
  const approvals = stages.filter(({ gates }) => gates.some(({ type }) => type === 'approval')).length;
  return approvals === 0 ? '' : `; approvals take as long as they take`;
}

/** `1.2 GiB: delta 12 devices 300 MiB, full 3 devices 900 MiB` */
function downloadText({ cohorts, forecast }: PlanSummary): string {
  const parts = (['delta', 'full', 'unknown'] as const).flatMap((delivery) => {
    const some = cohorts.filter((cohort) => cohort.delivery === delivery);
    const devices = some.reduce((sum, cohort) => sum + cohort.devices, 0);
    const bytes = some.reduce((sum, cohort) => sum + cohort.devices * cohort.bytes, 0);
    const what = delivery === 'unknown' ? 'the whole file' : delivery === 'full' ? 'full image' : 'delta';
    return devices === 0 ? [] : [`${what} for ${devicesCount(devices)} (${formatByteSize(bytes)})`];
  });
  return `${formatByteSize(forecast.downloadBytes)}: ${parts.join(', ')}`;
}

function rollbackText({ cohorts }: PlanSummary): string {
  const cannot = cohorts.reduce((sum, { cannotReturn, devices }) => sum + (cannotReturn === null ? 0 : devices), 0);
  return `roll back${cannot === 0 ? '' : `, but ${devicesCount(cannot)} cannot`}`;
}

const MAX_MODELS = 3;

/** The most frequent ones. */
function modelsText(models: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(models).sort(([, a], [, b]) => b - a);
  const named = sorted
    .slice(0, MAX_MODELS)
    .map(([model, count]) => `${model === '' ? '?' : model} ${countText(count)}`);
  const more = sorted.length - MAX_MODELS;
  return more > 0 ? `${named.join(', ')}, ${more} more` : named.join(', ');
}

/** What is asked of every stage, said once. */
function commonGates({ stages }: PlanSummary): GateSpec[] {
  const [first, ...others] = stages;
  if (first === undefined || others.length === 0) return [];
  return first.gates.filter((gate) => others.every(({ gates }) => gates.some((one) => isSame(one, gate))));
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function distinctWindows({ stages }: PlanSummary): MaintenanceWindow[] {
  const windows = new Map(
    stages.flatMap(({ window }) => (window === null ? [] : [[JSON.stringify(window), window] as const])),
  );
  return [...windows.values()];
}

function windowText({ schedule, duration, timezone }: MaintenanceWindow): string {
  return `${schedule} for ${duration} at ${timezone}`;
}

function whenText(
  { startAt, window, rate, startsAfterSeconds }: PlanSummary['stages'][number],
  namesWindow: boolean,
): string {
  const parts = [
    startsAfterSeconds < 1 ? 'at once' : `after ${spanText(startsAfterSeconds * 1000)}`,
    startAt === null ? undefined : `not before ${startAt}`,
    window === null ? undefined : namesWindow ? `in ${windowText(window)}` : 'in windows',
    rate === null ? undefined : `${Number(rate.devicesPerMinute.toPrecision(4))}/min`,
    rate === null || rate.growth === 1 ? undefined : `growing ×${rate.growth}`,
  ].filter((part) => part !== undefined);
  return parts.join(', ');
}

import { escapeText } from '../core/text.js';
import type { CampaignView, StageView } from '../rollout/campaign-view.js';
import type { StageFigures } from '../rollout/observation.js';
import type { RolloutPlan } from '../rollout/plan.js';
import type { Drift } from '../rollout/plan-drift.js';
import { devicesCount } from './devices-text.js';
import { factsText, gridText } from './table.js';
import { countText, spanText } from './telemetry-text.js';

/** How outcomes are called in front of people, in the order in which they matter. */
const OUTCOMES = [
  ['installed', 'installed'],
  ['failed', 'failed'],
  ['stuck', 'stuck'],
  ['running', 'on their way'],
  ['waiting', 'waiting'],
  ['canceled', 'canceled'],
  ['already', 'had it already'],
  ['gone', 'gone'],
] as const satisfies readonly (readonly [keyof StageFigures, string])[];

/** `24 of 50 installed, 2 failed, 8 on their way` @param done what those are that have it */
export function stageFiguresText(figures: StageFigures, done = 'installed'): string {
  const { total, installed } = figures;
  const rest = OUTCOMES.filter(([outcome]) => outcome !== 'installed' && figures[outcome] > 0);
  const parts = rest.map(([outcome, name]) => `${countText(figures[outcome])} ${name}`);
  return [`${countText(installed)} of ${countText(total)} ${done}`, ...parts].join(', ');
}

/** `stage early (2 of 4)` */
export function stageText({ stage, stages }: CampaignView): string {
  const at = stages[stage];
  return at === undefined ? 'its last stage' : `stage ${escapeText(at.name)} (${stage + 1} of ${stages.length})`;
}

/** `running: stage early (2 of 4), 24 of 50 installed`; `finished` */
export function doneText(view: CampaignView): string {
  const { phase, stages, stage, returning, endedAt } = view;
  if (endedAt !== null) return phase;
  if (phase === 'rolling-back') {
    const figures = returning?.figures;
    const back = figures ? `, ${countText(figures.installed)} of ${countText(figures.total)} devices are back` : '';
    return `rolling back${back}`;
  }
  const figures = stages[stage]?.figures;
  return `${phase}: ${stageText(view)}${figures ? `, ${stageFiguresText(figures)}` : ''}`;
}

/** Who takes a campaign on, or what has to be typed for it. */
function driverText({ isDriven, phase, name }: CampaignView, isDetached: boolean): string | undefined {
  if (!['running', 'aborting', 'rolling-back'].includes(phase)) return undefined;
  if (isDetached) return 'the server';
  return isDriven ? 'a command of this machine' : `nobody: type \`ota rollout resume ${name}\``;
}

/** All that is known about a campaign, for a person. */
export async function campaignText(view: CampaignView, isDetached: boolean): Promise<string> {
  const { name, product, version, openedAt, openedBy, endedAt, reason, returning, stages, stage } = view;
  const tookMs = endedAt === null ? 0 : Math.max(0, Date.parse(endedAt) - Date.parse(openedAt));
  const facts = factsText([
    ['campaign', name],
    ['update', `${product} ${version}`],
    ['phase', view.phase],
    ['reason', reason ?? undefined],
    ['stage', endedAt === null ? stageText(view).slice('stage '.length) : undefined],
    ['began', `${openedAt} by ${openedBy}`],
    ['ended', endedAt === null ? undefined : `${endedAt}, after ${spanText(tookMs)}`],
    ['driven by', driverText(view, isDetached)],
    ['going back', returning?.figures ? stageFiguresText(returning.figures, 'back') : undefined],
    ['cannot go back', returning && returning.cannot > 0 ? devicesCount(returning.cannot) : undefined],
  ]);
  const gates = stages[stage]?.verdict?.gates ?? [];
  const waits = stages[stage]?.waitsSeconds ?? null;
  const parts = [facts, await stagesGrid(stages)];
  if (gates.length > 0 && endedAt === null) {
    parts.push(
      await gridText(
        ['GATE', 'SAYS', 'BECAUSE'],
        gates.map(({ type, decision, reason: because }) => [type, decision, because]),
      ),
    );
  }
  if (waits !== null && waits > 0 && stages[stage]?.status === 'waiting')
    parts.push(`It begins in ${spanText(waits * 1000)}`);
  return parts.join('\n\n');
}

function stagesGrid(stages: readonly StageView[]): Promise<string> {
  const shown = OUTCOMES.filter(
    ([outcome], at) => at < 5 || stages.some(({ figures }) => (figures?.[outcome] ?? 0) > 0),
  );
  return gridText(
    ['STAGE', 'STATUS', 'DEVICES', ...shown.map(([, name]) => name.toUpperCase())],
    stages.map(({ name, status, devices, figures }) => [
      name,
      status,
      countText(devices),
      ...shown.map(([outcome]) => (figures === null ? '' : countText(figures[outcome]))),
    ]),
  );
}

/** What would begin with a plan. */
export function beginText({ name, package: { product, version }, stages, server }: RolloutPlan): string {
  const devices = stages.reduce((sum, stage) => sum + stage.devices.length, 0);
  const sizes = stages.map((stage) => `${escapeText(stage.name)} ${countText(stage.devices.length)}`).join(', ');
  const what = `${escapeText(product)} ${escapeText(version)} for ${devicesCount(devices)} at ${escapeText(server.address)}`;
  return `Would begin ${name}: ${what}, in ${stages.length} stages: ${sizes}`;
}

/** `30 of 1,000 devices are not as planned (3 %): 25 gone, 5 updated already`; `15 devices are not as planned, 1.5 % of 1,000: 10 new, 5 gone` */
export function driftText({ appeared, gone, updated, changed, planned, percent }: Drift): string {
  const parts = [
    [appeared, 'new'],
    [gone, 'gone'],
    [updated, 'updated already'],
    [changed, 'on another version'],
  ] as const;
  const told = parts
    .filter(([devices]) => devices.length > 0)
    .map(([devices, how]) => `${countText(devices.length)} ${how}`);
  const drifted = parts.reduce((sum, [devices]) => sum + devices.length, 0);
  // Those that are new are none of the plan's: of 199 devices never 200.
  const share =
    appeared.length === 0
      ? `${countText(drifted)} of ${devicesCount(planned)} are not as planned (${Number(percent.toFixed(1))} %)`
      : `${devicesCount(drifted)} are not as planned, ${Number(percent.toFixed(1))} % of ${countText(planned)}`;
  return told.length === 0 ? share : `${share}: ${told.join(', ')}`;
}

/** Campaigns, a line each. */
export function campaignsText(views: readonly CampaignView[]): Promise<string> {
  return gridText(
    ['CAMPAIGN', 'UPDATE', 'PHASE', 'STAGE', 'INSTALLED', 'DEVICES', 'BEGAN'],
    views.map((view) => [
      view.name,
      `${view.product} ${view.version}`,
      view.phase,
      view.endedAt === null ? stageText(view).slice('stage '.length) : '',
      countText(sumOf(view, 'installed')),
      countText(view.stages.reduce((sum, { devices }) => sum + devices, 0)),
      view.openedAt,
    ]),
  );
}

/** What was stopped; without `rollouts` what would be. */
export function stoppedText(
  { campaigns, rollouts }: { campaigns: readonly string[]; rollouts: readonly string[] | undefined },
  address: string,
): string {
  const named = (names: readonly string[], what: string) =>
    `${countText(names.length)} ${what}${names.length === 1 ? '' : 's'}${names.length === 0 ? '' : `: ${names.map(escapeText).join(', ')}`}`;
  const at = escapeText(address);
  if (rollouts === undefined) return `Would abort ${named(campaigns, 'campaign')}\nWould stop every rollout at ${at}`;
  return `Aborted ${named(campaigns, 'campaign')}\nStopped ${named(rollouts, 'rollout')} at ${at}`;
}

/** Of all stages together. */
export function sumOf({ stages }: CampaignView, outcome: keyof StageFigures): number {
  return stages.reduce((sum, { figures }) => sum + (figures?.[outcome] ?? 0), 0);
}

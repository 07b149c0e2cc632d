import { escapeText } from '../core/text.js';
import type { FleetModel } from '../rollout/simulate/fleet-model.js';
import type { SimulatedMoment } from '../rollout/simulate/outcome.js';
import type { RolloutSimulation } from '../rollout/simulate/simulate-rollout.js';
import type { Spread } from '../rollout/simulate/spread.js';
import type { CampaignsSummary } from '../rollout/simulate/summary.js';
import { type PlotLine, plotText } from './rollout-plot-text.js';
import { factsText, gridText } from './table.js';
import { countText, spanText } from './telemetry-text.js';

/** `ota rollout simulate` for people: what becomes of the build, how far it comes, and what the first fleet saw of it. */
export async function rolloutSimulationText(report: RolloutSimulation): Promise<string> {
  const { plan, model, seeds, sweep, notes } = report;
  const { count, first } = seeds;
  return [
    verdictText(report),
    factsText([
      ['plan', `${plan.name}, ${plan.stages.map(({ name, devices }) => `${name} (${countText(devices)})`).join(', ')}`],
      ['bears', bearableText(plan.stages)],
      ['fleet', fleetText(model)],
      ['build', buildText(model)],
      [
        'seeds',
        count === 1 ? `${first}` : `${first} to ${first + count - 1}: median, and from 5 % to 95 % of campaigns`,
      ],
    ]),
    '',
    await comparisonGrid(report),
    ...(sweep.length > 0 ? ['', await sweepGrid(report)] : []),
    '',
    plotText(plotLines(report), {
      devices: plan.devices,
      seconds: Math.max(report.campaign.first.seconds, report.hawkbit?.first.seconds ?? 0),
    }),
    ...notes.map((note) => `\n${escapeText(note)}`),
  ].join('\n');
}

function verdictText({ plan, campaign }: RolloutSimulation): string {
  const { campaigns, ends, stoppedIn, first, reached } = campaign;
  const of = `of ${countText(plan.devices)} devices`;
  if (campaigns === 1) {
    const had = `${countText(first.count.reached)} ${of} had it`;
    if (first.end === 'finished') return `Finishes after ${spanText(first.seconds * 1000)}, when ${had}.`;
    const stage = escapeText(plan.stages[first.stage]!.name);
    const when = `in stage ${stage} after ${spanText(first.seconds * 1000)}, when ${had}`;
    const reason = escapeText(first.reason);
    return first.end === 'unfinished' ? `Waits for ever ${when}: ${reason}` : `Is ${first.end} ${when}: ${reason}`;
  }
  const stopped = campaigns - ends.finished;
  if (stopped === 0) return `Finishes in all of ${countText(campaigns)} campaigns.`;
  const inFirst = `, in ${countText(stoppedIn[0]!)} of them in the first stage`;
  const had = `half of the time no more than ${countText(reached.median)} ${of} had it by then`;
  return `Is stopped in ${countText(stopped)} of ${countText(campaigns)} campaigns${inFirst}; ${had}.`;
}

/** What stages pass with, at most: `1 device of 1% that fails or is silent, 11 of 5%` */
function bearableText(stages: RolloutSimulation['plan']['stages']): string | undefined {
  const known = stages.flatMap(({ name, bearableFailures }) =>
    bearableFailures === null || bearableFailures < 0 ? [] : [`${countText(bearableFailures)} of ${name}`],
  );
  return known.length === 0 ? undefined : `at most ${known.join(', ')} that fail or say nothing more`;
}

function fleetText({ poll, offline, update }: FleetModel): string {
  const span = (seconds: number) => spanText(seconds * 1000);
  const away = `${percentText(offline.share)} away for ${span(offline.for[0])} to ${span(offline.for[1])}`;
  return `polls every ${span(poll)}, ${away}, updates take ${span(update.median)} (95 % of them ${span(update.p95)})`;
}

function buildText({ failures, stuck, late }: FleetModel): string {
  const models = Object.entries(failures.models).map(([model, share]) => `${percentText(share)} of ${model}`);
  return [
    `fails on ${[percentText(failures.share), ...models].join(', ')}`,
    `${percentText(stuck)} get stuck`,
    ...(late.share > 0 ? [`${percentText(late.share)} turn bad later`] : []),
  ].join(', ');
}

function comparisonGrid({ plan, campaign, hawkbit }: RolloutSimulation): Promise<string> {
  const row = (name: string, summary: CampaignsSummary) => [
    name,
    endsText(summary),
    stageText(summary, plan.stages),
    spreadText(summary.seconds, (seconds) => spanText(seconds * 1000)),
    spreadText(summary.reached, countText),
    percentText(summary.reached.median / plan.devices),
    spreadText(summary.harmed, countText),
  ];
  const rows = [row('this plan', campaign), ...(hawkbit === null ? [] : [row('hawkBit 50/50', hawkbit)])];
  return gridText(['', 'ends', 'in', 'after', 'had it', 'share', 'harmed'], rows);
}

function sweepGrid({ plan, sweep }: RolloutSimulation): Promise<string> {
  const hasHawkbit = sweep.some(({ hawkbit }) => hawkbit !== null);
  const reached = (summary: CampaignsSummary | null) =>
    summary === null
      ? []
      : [spreadText(summary.reached, countText), percentText(summary.reached.median / plan.devices)];
  return gridText(
    ['fails on', 'stopped', 'in first stage', 'had it', 'share', ...(hasHawkbit ? ['had it (hawkBit)', 'share'] : [])],
    sweep.map(({ failureShare, campaign, hawkbit }) => [
      percentText(failureShare),
      percentText(1 - campaign.ends.finished / campaign.campaigns),
      percentText(campaign.stoppedIn[0]! / campaign.campaigns),
      ...reached(campaign),
      ...reached(hawkbit),
    ]),
  );
}

function endsText({ campaigns, ends }: CampaignsSummary): string {
  const seen = Object.entries(ends).filter(([, count]) => count > 0);
  if (seen.length === 1) return seen[0]![0];
  return seen.map(([end, count]) => `${percentText(count / campaigns)} ${end}`).join(', ');
}

/** Where most of those stand that did not finish. */
function stageText({ stoppedIn }: CampaignsSummary, stages: RolloutSimulation['plan']['stages']): string {
  const most = Math.max(...stoppedIn);
  return most === 0 ? '' : stages[stoppedIn.indexOf(most)]!.name;
}

function spreadText({ p5, median, p95, least, most }: Spread, text: (value: number) => string): string {
  return least === most ? text(median) : `${text(median)} (${text(p5)} to ${text(p95)})`;
}

function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function plotLines({ course }: RolloutSimulation): PlotLine[] {
  const reached = (moment: SimulatedMoment) => moment.reached;
  const harmed = ({ failed, hung, bad }: SimulatedMoment) => failed + hung + bad;
  return [
    { mark: '●', name: 'have it', moments: course.campaign, value: reached },
    { mark: '×', name: 'harmed', moments: course.campaign, value: harmed },
    ...(course.hawkbit === null ? [] : [{ mark: '○', name: 'hawkBit', moments: course.hawkbit, value: reached }]),
  ];
}

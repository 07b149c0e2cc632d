import { hash } from 'node:crypto';
import { embeddedJson, Markup, markup } from '../../core/markup.js';
import { numberText } from '../../core/number-text.js';
import { durationText } from '../gates/duration-text.js';
import { type Axis, type ChartLine, chartSvg } from './chart-svg.js';
import { harmedOf, type SimulatedMoment } from './outcome.js';
import type { Comparison, RolloutSimulation } from './simulate-rollout.js';
import { SIMULATION_STYLE } from './simulation-style.js';
import type { Spread } from './spread.js';
import type { CampaignsSummary } from './summary.js';

const LINES = { campaign: 'this plan', harmed: 'harmed by it', hawkbit: 'hawkBit, default conditions' } as const;

/**
 * The simulation as one page that needs nothing else: no network, no other file, no script. What it quotes cannot become
 * markup, and if it could, the policy of the page would not run it.
 *
 * @see https://www.w3.org/TR/CSP3/
 */
export function simulationHtml(report: RolloutSimulation): string {
  const { plan, seeds, sweep, notes } = report;
  const policy = `default-src 'none'; style-src 'sha256-${hash('sha256', SIMULATION_STYLE, 'base64')}'; base-uri 'none'; form-action 'none'`;
  const title = `${plan.name}: simulated on ${numberText(plan.devices)} devices`;
  const { text } = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title>
<style>${new Markup(SIMULATION_STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="soft">${seeds.count === 1 ? `Seed ${seeds.first}` : `${numberText(seeds.count)} fleets, seeds ${seeds.first} to ${seeds.first + seeds.count - 1}: median, and from 5 % to 95 % of them`}</p>
<div class="card">${comparisonTable(report, plan.devices)}</div>
<p>${report.campaign.first.reason}</p>
<h2>The first fleet, as time goes by</h2>
<div class="card">${courseChart(report)}${legend(report.hawkbit !== null, true)}</div>
${sweep.length > 0 ? sweepPart(report) : undefined}
${notes.length > 0 ? markup`<h2>Otherwise than it will be</h2><ul>${notes.map((note) => markup`<li>${note}</li>`)}</ul>` : undefined}
</main>
<script type="application/json" id="report">${embeddedJson(report)}</script>
</body>
</html>
`;
  return text;
}

function comparisonTable({ campaign, hawkbit }: Comparison, devices: number): Markup {
  const row = (name: string, summary: CampaignsSummary) => {
    const { ends, campaigns } = summary;
    const seen = Object.entries(ends).filter(([, count]) => count > 0);
    const cells = [
      seen.map(([end, count]) => (seen.length === 1 ? end : `${percentText(count / campaigns)} ${end}`)).join(', '),
      spreadText(summary.seconds, durationText),
      spreadText(summary.reached, numberText),
      percentText(summary.reached.median / devices),
      spreadText(summary.harmed, numberText),
    ];
    return markup`<tr><td>${name}</td>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>`;
  };
  const heads = ['', 'ends', 'after', 'had it', 'share', 'harmed'];
  return markup`<table><thead><tr>${heads.map((head) => markup`<th>${head}</th>`)}</tr></thead><tbody>${row(LINES.campaign, campaign)}${hawkbit === null ? undefined : row(LINES.hawkbit, hawkbit)}</tbody></table>`;
}

function courseChart({ course, plan, campaign, hawkbit }: RolloutSimulation): Markup {
  const { devices } = plan;
  const line = (
    style: ChartLine['style'],
    moments: readonly SimulatedMoment[],
    value: (moment: SimulatedMoment) => number,
  ): ChartLine => ({
    style,
    isStepped: true,
    points: moments.map((moment) => [moment.seconds / 3600, value(moment) / devices]),
  });
  const end = Math.max(campaign.first.seconds, hawkbit?.first.seconds ?? 0);
  const hours = end / 3600;
  const shown = (moments: readonly SimulatedMoment[]) => {
    const before = moments.filter(({ seconds }) => seconds <= end);
    // What one has come to stands, until the other one ends.
    return before.length === 0 ? before : [...before, { ...before.at(-1)!, seconds: end }];
  };
  const lines = [
    line('campaign', shown(course.campaign), ({ reached }) => reached),
    line('harmed', shown(course.campaign), harmedOf),
    ...(course.hawkbit === null ? [] : [line('hawkbit', shown(course.hawkbit), ({ reached }) => reached)]),
  ];
  const label = `Share of ${numberText(devices)} devices over ${Math.round(hours)} hours`;
  return chartSvg(lines, { x: timeAxis(hours), y: shareAxis(devices), label });
}

function sweepPart(report: RolloutSimulation): Markup {
  const { sweep, plan, hawkbit } = report;
  const { devices } = plan;
  const line = (style: 'campaign' | 'hawkbit'): ChartLine => {
    const of = sweep.map((row) => ({ share: row.failureShare, reached: row[style]!.reached }));
    return {
      ...{ style, isStepped: false },
      points: of.map(({ share, reached }) => [share, reached.median / devices]),
      band: of.map(({ reached }) => [reached.p5 / devices, reached.p95 / devices]),
    };
  };
  const shares = sweep.map(({ failureShare }) => failureShare);
  const x: Axis = {
    ...{ scale: 'log', from: Math.min(...shares), to: Math.max(...shares), label: 'devices that the build fails on' },
    ticks: shares.map((share) => ({ at: share, label: percentText(share) })),
  };
  const label = 'Share of devices that had the build when it ended, by its failure rate';
  const rows = sweep.map(({ failureShare, campaign, hawkbit: other }) => {
    const cells = [
      percentText(1 - campaign.ends.finished / campaign.campaigns),
      percentText(campaign.stoppedIn[0]! / campaign.campaigns),
      spreadText(campaign.reached, numberText),
      ...(other === null ? [] : [spreadText(other.reached, numberText)]),
    ];
    return markup`<tr><td>${percentText(failureShare)}</td>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>`;
  });
  const heads = ['fails on', 'stopped', 'in first stage', 'had it', ...(hawkbit === null ? [] : ['had it (hawkBit)'])];
  return markup`<h2>By failure rate</h2>
<div class="card">${chartSvg([line('campaign'), ...(hawkbit === null ? [] : [line('hawkbit')])], { x, y: shareAxis(devices), label })}${legend(hawkbit !== null, false)}</div>
<div class="card"><table><thead><tr>${heads.map((head) => markup`<th>${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** A pilot is to be seen beside a whole fleet. */
function shareAxis(devices: number): Axis {
  const decades = Math.min(6, Math.max(1, Math.ceil(Math.log10(devices))));
  const ticks = Array.from({ length: decades + 1 }, (_, decade) => 10 ** -decade);
  return {
    ...{ scale: 'log', from: 10 ** -decades, to: 1, label: 'share of devices' },
    ticks: ticks.map((at) => ({ at, label: percentText(at) })),
  };
}

function timeAxis(hours: number): Axis {
  const to = Math.max(hours, 0.1);
  const step = [0.02, 0.1, 0.25, 0.5, 1, 3, 6, 12, 24, 48, 96, 168, 336, 720].find((one) => to / one <= 8) ?? 1440;
  const ticks = Array.from({ length: Math.floor(to / step) + 1 }, (_, index) => index * step);
  return {
    ...{ scale: 'linear', from: 0, to, label: 'hours' },
    ticks: ticks.map((at) => ({ at, label: String(Number(at.toFixed(2))) })),
  };
}

function legend(hasHawkbit: boolean, hasHarmed: boolean): Markup {
  const kinds = (Object.keys(LINES) as (keyof typeof LINES)[]).filter(
    (kind) => (kind !== 'hawkbit' || hasHawkbit) && (kind !== 'harmed' || hasHarmed),
  );
  const item = (kind: keyof typeof LINES) =>
    markup`<li><svg width="28" height="8" aria-hidden="true"><path class="line ${kind}" d="M0 4H28"/></svg>${LINES[kind]}</li>`;
  return markup`<ul class="legend">${kinds.map(item)}</ul>`;
}

function spreadText({ p5, median, p95, least, most }: Spread, text: (value: number) => string): string {
  return least === most ? text(median) : `${text(median)} (${text(p5)} to ${text(p95)})`;
}

function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

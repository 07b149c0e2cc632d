import { hash } from 'node:crypto';
import { Markup, markup } from '../../core/markup.js';
import { numberText } from '../../core/number-text.js';
import { count } from '../../rollout/gates/evidence.js';
import type { CampaignReport, FailureReport, GateReport, ReturnReport, StageReport } from './campaign-report.js';
import type { CourseMark } from './course.js';
import { courseChart } from './course-chart.js';
import { figuresText } from './event-words.js';
import { gateChart } from './gate-chart.js';
import { gateMeasure } from './gate-measure.js';
import { gateWords } from './gate-words.js';
import { progressChart, progressLegend } from './progress-chart.js';
import { REPORT_STYLE } from './report-style.js';
import { gateOutcome, gateReason, markOf, PHASE_WORDS, spanText, timeText, titleOf } from './report-words.js';

/** Failed devices that are named of each stage. */
const MAX_DEVICES = 1_000;

/**
 * The report as one page that needs nothing else: no network, no script, no other file. What it quotes cannot become
 * markup, and if it could, the policy of the page would not run it: it allows one style, by its hash.
 *
 * @see https://www.w3.org/TR/CSP3/
 */
export function reportHtml(report: CampaignReport): string {
  const styleHash = hash('sha256', REPORT_STYLE, 'base64');
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${titleOf(report)}</title>
<style>${new Markup(REPORT_STYLE)}</style>
</head>
<body>
<main>
${verdict(report)}
${sums(report)}
<div class="cards">
<section class="card"><h2>Course</h2>${courseChart(report)}</section>
${facts(report)}
</div>
<h2>Stages</h2>
<p class="soft">Of a gate, the bar is the share that was seen, the bracket begins at what is certain of it, and the line is the limit.</p>
<div class="cards">
${report.stages.map(stageCard)}
</div>
${report.returning === null ? undefined : returnCard(report.returning)}
<h2>What happened</h2>
${course(report)}
</main>
</body>
</html>
`.text;
}

function verdict(report: CampaignReport): Markup {
  const { phase, reason, name, product, version } = report;
  return markup`<header class="verdict ${markOf(phase)}"><h1>${name}: ${PHASE_WORDS[phase]}</h1>
<p>${product} ${version}${reason === null ? undefined : `. ${reason}`}</p></header>`;
}

function sums({ stages, devices, openedAt, endedAt, updatedAt }: CampaignReport): Markup {
  const sum = (of: 'installed' | 'failed' | 'stuck') =>
    stages.reduce((all, { figures }) => all + (figures?.[of] ?? 0), 0);
  const tiles: [string, string][] = [
    ['devices', numberText(devices)],
    ['installed', numberText(sum('installed'))],
    ['failed or stuck', numberText(sum('failed') + sum('stuck'))],
    ['stages passed', `${stages.filter(({ status }) => status === 'passed').length} of ${stages.length}`],
    [endedAt === null ? 'so far' : 'time', spanText(openedAt, endedAt ?? updatedAt)],
  ];
  return markup`<dl class="figures">${tiles.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

const STATUS_MARKS = { passed: 'good', stopped: 'bad', running: 'open', waiting: 'plain' } as const;

function stageCard(stage: StageReport): Markup {
  const { name, status, figures, startedAt, passedAt, devices, gates } = stage;
  const times =
    startedAt === null
      ? 'not begun'
      : `begun ${timeText(startedAt)}${passedAt === null ? '' : `, passed after ${spanText(startedAt, passedAt)}`}`;
  const chart = startedAt === null ? undefined : progressChart(stage.series, startedAt, devices, name);
  return markup`<section class="card"><div class="head"><h3>${name}</h3><span class="chip ${STATUS_MARKS[status]}">${status}</span></div>
<p class="soft">${count(devices, 'device')}, ${times}</p>
${figures === null ? undefined : markup`<p>${figuresText(figures)}</p>`}
${chart}${chart && progressLegend('installed')}
${gates.length === 0 ? undefined : markup`<h4>Gates</h4><ul class="gates">${gates.map((gate) => gateItem(gate, stage))}</ul>`}
${failures(stage.failures)}</section>`;
}

const OUTCOME_MARKS = {
  'holds good': 'good',
  accepted: 'open',
  open: 'open',
  failed: 'bad',
  'not asked': 'plain',
} as const;

function gateItem(gate: GateReport, stage: StageReport): Markup {
  const outcome = gateOutcome(gate, stage);
  const measure = gate.verdict === null ? undefined : gateMeasure(gate.spec, stage.figures);
  return markup`<li><div class="head"><strong>${gate.spec?.type ?? 'completed'}</strong><span class="chip ${OUTCOME_MARKS[outcome]}">${outcome}</span></div>
<p class="soft">${gateWords(gate.spec)}</p>
${measure && gateChart(measure, barMark(gate))}
${gate.verdict === null ? undefined : markup`<p>${gateReason(gate)}</p>`}</li>`;
}

function barMark({ verdict }: GateReport): 'good' | 'bad' | 'open' {
  if (verdict?.decision === 'hold') return 'open';
  return verdict?.decision === 'advance' ? 'good' : 'bad';
}

function failures({ devices, more }: FailureReport): Markup | undefined {
  if (devices.length + more === 0) return undefined;
  const shown = devices.slice(0, MAX_DEVICES);
  const rest = devices.length + more - shown.length;
  const rows = shown.map(({ device, outcome, message }) => {
    return markup`<tr><td><code>${device}</code></td><td>${outcome}</td><td>${message}</td></tr>`;
  });
  return markup`<details><summary>${count(devices.length + more, 'device')} that did not make it</summary>
<div class="scroll"><table><thead><tr><th>device</th><th>outcome</th><th>what it said last</th></tr></thead><tbody>${rows}</tbody></table></div>
${rest > 0 ? markup`<p class="soft">and ${numberText(rest)} more, which are not named here</p>` : undefined}</details>`;
}

function returnCard({ startedAt, figures, series, cannot, failures: failed }: ReturnReport): Markup {
  const chart = progressChart(series, startedAt, figures?.total ?? 0, 'Going back');
  const not = cannot.map(
    ({ reason, devices }) => markup`<p>${numberText(devices.length)} cannot go back: ${reason}</p>`,
  );
  return markup`<h2>Going back</h2>
<div class="cards"><section class="card">${figures === null ? undefined : markup`<p>${figuresText(figures).replace('installed', 'went back')}</p>`}
${chart}${chart && progressLegend('went back')}${not}${failures(failed)}</section></div>`;
}

const MARK_SIGNS: Readonly<Record<CourseMark, string>> = { good: '✓', bad: '✗', plain: '·' };

function course({ course: { items, left } }: CampaignReport): Markup {
  const lines = items.map(
    ({ time, mark, text }) =>
      markup`<li><b class="mark ${mark}" aria-hidden="true">${MARK_SIGNS[mark]}</b><time datetime="${new Date(time).toISOString()}">${timeText(time)}</time><span>${text}</span></li>`,
  );
  return markup`<section class="card"><ol class="course">${lines}</ol>${left > 0 ? markup`<p class="soft">${numberText(left)} entries in between are left out.</p>` : undefined}</section>`;
}

function facts(report: CampaignReport): Markup {
  const rows: [string, string][] = [
    ['begun', `${timeText(report.openedAt)} by ${report.openedBy}`],
    [report.endedAt === null ? 'last entry' : 'ended', timeText(report.endedAt ?? report.updatedAt)],
    ['server', report.server],
    ['package', report.packageDigest],
    ['plan', report.planDigest],
    ['journal', `${report.head.seq}:${report.head.hash}`],
  ];
  const lines = rows.map(([name, value]) => markup`<tr><th>${name}</th><td><code>${value}</code></td></tr>`);
  const notes = report.notes.map((note) => markup`<p>${note}</p>`);
  return markup`<section class="card"><h2>What it is</h2><table class="facts"><tbody>${lines}</tbody></table>${notes}</section>`;
}

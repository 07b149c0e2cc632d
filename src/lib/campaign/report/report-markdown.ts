import { numberText } from '../../core/number-text.js';
import { escapeText } from '../../core/text.js';
import type { CampaignReport, FailureReport, StageReport } from './campaign-report.js';
import { FIGURE_WORDS } from './event-words.js';
import { gateWords } from './gate-words.js';
import { gateOutcome, gateReason, PHASE_WORDS, spanText, timeText, titleOf } from './report-words.js';

/** Failed devices that are named of each stage; the page and the journal have more. */
const MAX_DEVICES = 50;

/** The report for a person who reads it in a terminal, a pull request or a wiki: GitHub Flavored Markdown. */
export function reportMarkdown(report: CampaignReport): string {
  const parts = [
    `# ${md(titleOf(report))}`,
    summary(report),
    '## Stages',
    stagesTable(report.stages),
    ...report.stages.map(stageSection),
    ...returning(report),
    '## What happened',
    course(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function summary(report: CampaignReport): string {
  const { reason, openedAt, endedAt, updatedAt } = report;
  const lines: [string, string][] = [
    ['State', PHASE_WORDS[report.phase] + (reason === null ? '' : `: ${reason}`)],
    ['Devices', numberText(report.devices)],
    ['Begun', `${timeText(openedAt)} by ${report.openedBy}`],
    [
      endedAt === null ? 'Last entry' : 'Ended',
      `${timeText(endedAt ?? updatedAt)}, after ${spanText(openedAt, endedAt ?? updatedAt)}`,
    ],
    ['Server', report.server],
    ['Package', report.packageDigest],
    ['Plan', report.planDigest],
    ['Journal', `${report.head.seq}:${report.head.hash}`],
  ];
  const notes = report.notes.map((note) => `- ${md(note)}`);
  return [table(['', ''], lines), ...(notes.length > 0 ? [notes.join('\n')] : [])].join('\n\n');
}

function stagesTable(stages: readonly StageReport[]): string {
  const columns = ['installed', 'failed', 'stuck', 'running', 'waiting', 'canceled', 'already', 'gone'] as const;
  const rows = stages.map(({ name, devices, status, figures }) => [
    name,
    status,
    numberText(devices),
    ...columns.map((column) => (figures === null ? '' : numberText(figures[column]))),
  ]);
  return table(['stage', 'state', 'devices', ...columns.map((column) => FIGURE_WORDS[column])], rows);
}

function stageSection(stage: StageReport): string {
  const { name, startedAt, passedAt, gates } = stage;
  const times = [
    startedAt !== null && `begun ${timeText(startedAt)}`,
    passedAt !== null && startedAt !== null && `passed ${timeText(passedAt)}, after ${spanText(startedAt, passedAt)}`,
  ].filter((text) => text !== false);
  const rows = gates.map((gate) => [
    gate.spec?.type ?? 'completed',
    gateWords(gate.spec),
    gateOutcome(gate, stage),
    gateReason(gate),
  ]);
  const parts = [
    `### ${md(name)}`,
    times.join(', ') || 'not begun',
    gates.length === 0 ? '' : table(['gate', 'asks for', 'outcome', 'figures'], rows),
    failuresText(stage.failures),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function failuresText({ devices, more }: FailureReport): string {
  if (devices.length + more === 0) return '';
  const rows = devices.slice(0, MAX_DEVICES).map(({ device, outcome, message }) => [device, outcome, message]);
  const rest = devices.length + more - rows.length;
  const named = rows.length === 0 ? '' : table(['device', 'outcome', 'what it said last'], rows);
  return [named, rest > 0 ? `… and ${numberText(rest)} more` : ''].filter((part) => part !== '').join('\n\n');
}

function returning({ returning: back }: CampaignReport): string[] {
  if (back === null) return [];
  const { figures, cannot } = back;
  const columns = ['installed', 'failed', 'stuck', 'running', 'waiting', 'canceled', 'gone'] as const;
  const rows = figures === null ? [] : [columns.map((column) => numberText(figures[column]))];
  const heads = ['went back', ...columns.slice(1).map((column) => FIGURE_WORDS[column])];
  const not = cannot.map(({ reason, devices }) => `- ${numberText(devices.length)} cannot go back: ${md(reason)}`);
  return ['## Going back', rows.length === 0 ? '' : table(heads, rows), not.join('\n'), failuresText(back.failures)];
}

function course({ course: { items, left } }: CampaignReport): string {
  const rows = items.map(({ time, text }) => [timeText(time), text]);
  return [table(['time', ''], rows), left > 0 ? `${numberText(left)} entries in between are left out.` : '']
    .filter((part) => part !== '')
    .join('\n\n');
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads.map(md)), line(heads.map(() => '---')), ...rows.map((row) => line(row.map(md)))].join('\n');
}

/** Text from outside, in which nothing is markup, a link or the end of a cell. */
function md(text: string): string {
  return escapeText(text)
    .replace(/[\\`*_[\]|~#]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('://', ':&#47;&#47;')
    .replaceAll('www.', 'www&#46;');
}

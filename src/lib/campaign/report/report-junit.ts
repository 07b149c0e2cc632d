import { Markup, type MarkupPart, markup } from '../../core/markup.js';
import { numberText } from '../../core/number-text.js';
import type { CampaignReport, FailureReport, StageReport } from './campaign-report.js';
import { gateWords } from './gate-words.js';
import { gateOutcome, gateReason, markOf, PHASE_WORDS } from './report-words.js';

/** Test cases of failed devices in a suite; a case more says how many are left. */
const MAX_DEVICES = 1_000;

interface Case {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly type: string;
  readonly message: string;
}

interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/**
 * The report as JUnit XML for a pipeline: a suite for the campaign as a whole, one for each stage with a case for each gate
 * and each device that failed, and one for going back. A gate that has not come to a decision is skipped.
 *
 * @see junit-10.xsd of the Jenkins xUnit plugin
 */
export function reportJunit(report: CampaignReport): string {
  const suites = [
    campaignSuite(report),
    ...report.stages.map((stage) => stageSuite(report, stage)),
    ...backSuite(report),
  ];
  const cases = suites.flatMap((suite) => suite.cases);
  const { text } =
    xml`<testsuites name="${report.name}" tests="${cases.length}" failures="${failed(cases)}" errors="0" time="${seconds(report.openedAt, report.endedAt ?? report.updatedAt)}">
${joined(suites.map((suite, at) => suiteXml(suite, at, report)))}
</testsuites>
`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${text}`;
}

function campaignSuite({ name, phase, reason, openedAt, endedAt }: CampaignReport): Suite {
  const mark = markOf(phase);
  const outcome = mark === 'good' ? 'passed' : mark === 'bad' ? 'failed' : 'skipped';
  const message = reason === null ? PHASE_WORDS[phase] : `${PHASE_WORDS[phase]}: ${reason}`;
  return {
    name,
    cases: [{ name: 'the campaign finishes', outcome, type: phase, message }],
    startedAt: openedAt,
    endedAt,
  };
}

function stageSuite(report: CampaignReport, stage: StageReport): Suite {
  const gates = stage.gates.map((gate): Case => {
    const type = gate.spec?.type ?? 'completed';
    const came = gateOutcome(gate, stage);
    const outcome = came === 'failed' ? 'failed' : came === 'holds good' || came === 'accepted' ? 'passed' : 'skipped';
    return { name: `${type}: ${gateWords(gate.spec)}`, outcome, type, message: gateReason(gate) };
  });
  const { name, startedAt, passedAt } = stage;
  const endedAt = passedAt ?? report.endedAt;
  return { name: `${report.name} ${name}`, cases: [...gates, ...deviceCases(stage.failures)], startedAt, endedAt };
}

function backSuite(report: CampaignReport): Suite[] {
  const { returning, phase, endedAt } = report;
  if (returning === null) return [];
  const outcome = phase === 'rolling-back' ? 'skipped' : phase === 'rolled-back' ? 'passed' : 'failed';
  const goes: Case = { name: 'devices go back', outcome, type: phase, message: report.reason ?? PHASE_WORDS[phase] };
  const cannot = returning.cannot.flatMap(({ reason, devices }) =>
    deviceCases({
      devices: devices.map((device) => ({ device, outcome: 'cannot go back', message: reason })),
      more: 0,
    }),
  );
  const cases = [goes, ...cannot, ...deviceCases(returning.failures)];
  return [{ name: `${report.name} going back`, cases, startedAt: null, endedAt }];
}

interface BadDevices {
  readonly devices: readonly { readonly device: string; readonly outcome: string; readonly message: string }[];
  readonly more: FailureReport['more'];
}

function deviceCases({ devices, more }: BadDevices): Case[] {
  const named = devices.slice(0, MAX_DEVICES).map(({ device, outcome, message }): Case => {
    return { name: `device ${device}`, outcome: 'failed', type: outcome, message: message || outcome };
  });
  const rest = devices.length + more - named.length;
  if (rest === 0) return named;
  const message = `${numberText(rest)} more devices, which are not named here`;
  return [...named, { name: 'further devices', outcome: 'failed', type: 'failed', message }];
}

function suiteXml({ name, cases, startedAt, endedAt }: Suite, at: number, report: CampaignReport): Markup {
  const skipped = cases.filter(({ outcome }) => outcome === 'skipped').length;
  const began = startedAt ?? report.openedAt;
  // The older schemas want a time without fraction and zone; it is UTC.
  const timestamp = new Date(began).toISOString().slice(0, 19);
  const time = startedAt === null ? '0' : seconds(startedAt, endedAt ?? report.updatedAt);
  return xml`<testsuite id="${at}" name="${name}" package="${report.product}" tests="${cases.length}" failures="${failed(cases)}" errors="0" skipped="${skipped}" timestamp="${timestamp}" time="${time}">
${at === 0 ? properties(report) : undefined}${joined(cases.map((one) => caseXml(one, name)))}
</testsuite>`;
}

function properties(report: CampaignReport): Markup {
  const values: [string, string][] = [
    ['version', report.version],
    ['server', report.server],
    ['package', report.packageDigest],
    ['plan', report.planDigest],
    ['journal', `${report.head.seq}:${report.head.hash}`],
  ];
  const lines = values.map(([name, value]) => xml`<property name="${name}" value="${value}"/>`);
  return xml`<properties>
${joined(lines)}
</properties>
`;
}

function caseXml({ name, outcome, type, message }: Case, suite: string): Markup {
  const head = xml`<testcase classname="${suite}" name="${name}" time="0">`;
  if (outcome === 'passed') return xml`${head}<system-out>${message}</system-out></testcase>`;
  if (outcome === 'skipped') return xml`${head}<skipped message="${message}"/></testcase>`;
  return xml`${head}<failure type="${type}" message="${message}">${message}</failure></testcase>`;
}

function failed(cases: readonly Case[]): number {
  return cases.filter(({ outcome }) => outcome === 'failed').length;
}

function seconds(fromMs: number, toMs: number): string {
  return String(Math.max(0, toMs - fromMs) / 1000);
}

function joined(lines: readonly Markup[]): Markup {
  return new Markup(lines.map(({ text }) => text).join('\n'));
}

/** As `markup`; XML 1.0 can hold neither of the two last characters of a plane's end, not even escaped. */
function xml(pieces: TemplateStringsArray, ...parts: MarkupPart[]): Markup {
  return markup(
    pieces,
    ...parts.map((part) => (typeof part === 'string' ? part.replace(/[\ufffe\uffff]/g, '\ufffd') : part)),
  );
}

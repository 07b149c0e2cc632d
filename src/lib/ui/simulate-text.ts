import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { SimulationReport, Violation } from '../simulate/report.js';
import type { ReplayReport } from '../simulate/simulate-package.js';
import { factsText, gridText } from './table.js';

export interface SimulateTextOptions {
  /** The result in one sentence. */
  verdict: string;
  /** What to type to see a violation happen, up to its token. */
  repeat: string;
}

/** `ota simulate` for people: the verdict, the figures, then each broken invariant with the way to it. */
export async function simulateText(
  report: SimulationReport,
  { verdict, repeat }: SimulateTextOptions,
): Promise<string> {
  const { layout, totals } = report;
  const components = Object.entries(layout.components).map(
    ([name, { slots, slotBytes }]) => `${name} in ${slots.join(', ')} of ${formatByteSize(slotBytes)}`,
  );
  const sizes = `erases ${formatByteSize(layout.eraseBlockBytes)}, writes ${formatByteSize(layout.writeAlignmentBytes)}`;
  return [
    `${escapeText(report.package.name)}: ${escapeText(verdict)}`,
    factsText([
      ['release', `${report.base.version ?? 'an unnamed one (--base-version)'} to ${report.package.version}`],
      ['digest', report.package.digest],
      ['layout', `${components.join('; ')}; ${sizes}`],
      ['cuts', `${report.cuts}, seed ${report.seed}`],
      ['worst', `${worstText(totals)}`],
      [
        'time',
        `${report.elapsedSeconds.toFixed(1)} s, ${count(Math.round(report.faultPointsPerSecond))} faults a second`,
      ],
    ]),
    '',
    await figuresGrid(report),
    ...report.scenarios.flatMap(({ boots, noRollback }) =>
      noRollback === undefined ? [] : [`${escapeText(boots)}: without a rollback by wish: ${escapeText(noRollback)}`],
    ),
    ...report.violations.map((violation) => violationText(violation, `${repeat} ${violation.replay}`)),
  ].join('\n');
}

/** `ota simulate --replay` for people. */
export function replayText(packageName: string, { boots, trace, violation }: ReplayReport): string {
  const verdict = violation === undefined ? 'survives this life' : `breaks ${violation.invariant} again`;
  return [
    `${escapeText(packageName)}: ${verdict}, with --boots ${boots}`,
    ...trace.map((line, index) => `  ${index + 1}. ${escapeText(line)}`),
  ].join('\n');
}

function worstText({ worstBoots, rewrittenBytes, refetchedBytes }: SimulationReport['totals']): string {
  return `${count(worstBoots)} boots until stable, ${formatByteSize(rewrittenBytes)} written again, ${formatByteSize(refetchedBytes)} fetched again`;
}

function figuresGrid({ scenarios, totals }: SimulationReport): Promise<string> {
  const row = (name: string, operations: number, figures: Omit<SimulationReport['totals'], 'operations'>) => [
    name,
    ...[operations, figures.faultPoints, figures.pairs, figures.states, figures.merged, figures.worstBoots].map(count),
  ];
  const rows = scenarios.map((scenario) => row(scenario.boots, scenario.operations.length, { ...totals, ...scenario }));
  return gridText(
    ['boots', 'operations', 'faults', 'pairs', 'states', 'merged', 'most boots'],
    scenarios.length === 1 ? rows : [...rows, row('all', totals.operations, totals)],
  );
}

function violationText({ invariant, message, scenario, trace }: Violation, command: string): string {
  return [
    '',
    `✗ ${escapeText(invariant)}, with --boots ${escapeText(scenario)}`,
    `    ${escapeText(message)}`,
    ...trace.map((line, index) => `    ${index + 1}. ${escapeText(line)}`),
    `    → ${escapeText(command)}`,
  ].join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

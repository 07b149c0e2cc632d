import { escapeText } from '../core/text.js';
import type { CampaignView, StageView } from '../rollout/campaign-view.js';
import type { GateVerdict, StageFigures } from '../rollout/observation.js';
import { devicesCount } from './devices-text.js';
import { stageFiguresText } from './rollout-text.js';
import type { BlockSize } from './status-block.js';
import { countText, spanText } from './telemetry-text.js';

export type Style = 'green' | 'red' | 'yellow' | 'cyan' | 'dim' | 'bold';
type Span = readonly [text: string, style?: Style];
type Line = readonly Span[];

export interface LiveState {
  readonly view: CampaignView;
  /** Since the view was made, milliseconds. */
  readonly ageMs: number;
  /** Since the campaign began, milliseconds. */
  readonly tookMs: number;
  /** Devices that end each minute in the stage that is under way; undefined: not known yet. */
  readonly perMinute: number | undefined;
  /** What Ctrl-C does, one sentence. */
  readonly hint: string;
}

const MAX_NAME_WIDTH = 20;
const BAR = {
  installed: ['█', 'green'],
  already: ['█', 'dim'],
  failed: ['x', 'red'],
  stuck: ['!', 'yellow'],
  running: ['▒', 'cyan'],
  canceled: ['-', 'yellow'],
  gone: ['-', 'dim'],
  waiting: ['░', 'dim'],
} as const satisfies Record<Exclude<keyof StageFigures, 'total'>, readonly [string, Style]>;
const SYMBOL = {
  passed: ['✔', 'green'],
  running: ['●', 'cyan'],
  stopped: ['■', 'yellow'],
  waiting: ['○', 'dim'],
} as const satisfies Record<StageView['status'], Span>;
const DECISION = { advance: 'green', hold: 'cyan', pause: 'yellow', abort: 'red' } as const;

/** A campaign as it is watched: a line for each stage, and what the gates say. Never wider or higher than `size`. */
export function liveLines(state: LiveState, size: BlockSize, paint: (style: Style, text: string) => string): string[] {
  const { view, hint } = state;
  const nameWidth = Math.min(
    MAX_NAME_WIDTH,
    view.stages.reduce((width, { name }) => Math.max(width, escapeText(name).length), 'going back'.length),
  );
  const lineOf = (stage: StageView) => stageLine(stage, { nameWidth, size, state });
  const gates = gateLines(view);
  const going = returnLine(view, { nameWidth, size });
  const frame = [headline(state), ...going, ...approvalLines(view), [['  '], [hint, 'dim']] as Line];
  const room = Math.max(1, size.rows - frame.length);
  const stages = stageLines(view.stages, view.stage, Math.max(1, room - gates.lines.length), lineOf);
  const shownGates = gates.lines.slice(0, Math.max(0, room - stages.lines.length));
  const lines = [
    frame[0]!,
    ...stages.lines.slice(0, stages.current + 1),
    ...shownGates,
    ...stages.lines.slice(stages.current + 1),
    ...frame.slice(1),
  ];
  return lines.slice(0, size.rows).map((line) => painted(line, size.columns, paint));
}

function headline({ view, tookMs, perMinute }: LiveState): Line {
  const left = leftMs(view, perMinute);
  const facts = [
    `${view.product} ${view.version}`,
    `stage ${Math.min(view.stage + 1, view.stages.length)} of ${view.stages.length}`,
    spanText(tookMs),
    ...(perMinute === undefined || perMinute === 0 ? [] : [`${rateText(perMinute)} devices/min`]),
    ...(left === undefined ? [] : [`stage done in ${spanText(left)}`]),
  ];
  const phase: Line = view.phase === 'running' ? [] : [[` ${view.phase}`, 'yellow']];
  return [[escapeText(view.name), 'bold'], ...phase, [`: ${escapeText(facts.join(', '))}`]];
}

function rateText(perMinute: number): string {
  return perMinute >= 10 ? countText(perMinute) : perMinute.toFixed(1);
}

/** Until the devices of the stage have ended, if they go on as they did. */
function leftMs({ stages, stage }: CampaignView, perMinute: number | undefined): number | undefined {
  const figures = stages[stage]?.figures;
  const open = figures ? figures.waiting + figures.running : 0;
  return perMinute === undefined || perMinute <= 0 || open === 0 ? undefined : (open / perMinute) * 60_000;
}

function stageLine(
  stage: StageView,
  { nameWidth, size, state }: { nameWidth: number; size: BlockSize; state: LiveState },
): Line {
  const { name, status, figures, waitsSeconds, devices } = stage;
  const waitsMs = waitsSeconds === null ? 0 : waitsSeconds * 1000 - state.ageMs;
  const text = figures === null || status === 'waiting' ? devicesCount(devices) : stageFiguresText(figures);
  return [
    [' '],
    SYMBOL[status],
    [` ${escapeText(name).slice(0, nameWidth).padEnd(nameWidth)} `, status === 'waiting' ? 'dim' : undefined],
    ...bar(figures, barWidth(size)),
    [text, status === 'waiting' ? 'dim' : undefined],
    ...(waitsMs > 0 ? ([[`; ${spanText(waitsMs)} to wait`, 'cyan']] as Span[]) : []),
  ] as Line;
}

function returnLine({ returning }: CampaignView, { nameWidth, size }: { nameWidth: number; size: BlockSize }): Line[] {
  if (returning === null) return [];
  const { figures, cannot } = returning;
  const rest = cannot === 0 ? '' : `; ${devicesCount(cannot)} cannot`;
  const text = figures === null ? `asked${rest}` : `${stageFiguresText(figures)}${rest}`;
  return [
    [
      [' ↩ ', 'yellow'],
      [`${'going back'.padEnd(nameWidth)} `],
      ...bar(figures, barWidth(size)),
      [text.replace('installed', 'back')],
    ],
  ];
}

function barWidth({ columns }: BlockSize): number {
  if (columns >= 100) return 30;
  if (columns >= 70) return 20;
  return columns >= 48 ? 10 : 0;
}

/** Whatever there is of an outcome is seen: a failed device of ten thousand takes a character. */
function bar(figures: StageFigures | null, width: number): Line {
  if (width === 0) return [];
  if (figures === null || figures.total === 0) return [['░'.repeat(width), 'dim'], [' ']];
  const outcomes = (Object.keys(BAR) as (keyof typeof BAR)[]).filter((outcome) => figures[outcome] > 0);
  const exact = outcomes.map((outcome) => (figures[outcome] / figures.total) * width);
  const widths = exact.map((share) => Math.max(1, Math.floor(share)));
  let spare = width - widths.reduce((sum, one) => sum + one, 0);
  while (spare !== 0) {
    const step = Math.sign(spare);
    const fit = widths.map((given, at) => (step < 0 && given <= 1 ? -Infinity : step * (exact[at]! - given)));
    const most = fit.indexOf(Math.max(...fit));
    widths[most]! += step;
    spare -= step;
  }
  return [...outcomes.map((outcome, at) => [BAR[outcome][0].repeat(widths[at]!), BAR[outcome][1]] as Span), [' ']];
}

function gateLines({ stages, stage, phase }: CampaignView): { lines: Line[] } {
  const verdict = stages[stage]?.verdict;
  if (!verdict || (phase !== 'running' && phase !== 'paused')) return { lines: [] };
  const width = verdict.gates.reduce((widest, { type }) => Math.max(widest, type.length), 0);
  const line = ({ type, decision, reason }: GateVerdict): Line => [
    [`     ${escapeText(type).padEnd(width)} `],
    [decision.padEnd('advance'.length), DECISION[decision]],
    [` ${escapeText(reason)}`],
  ];
  return { lines: verdict.gates.map(line) };
}

function approvalLines({ name, stages, stage, phase }: CampaignView): Line[] {
  const waits = stages[stage]?.verdict?.gates.some(({ type, decision }) => type === 'approval' && decision === 'hold');
  if (!waits || phase !== 'running') return [];
  return [[['  '], [`Approve it from another terminal: ota rollout approve ${name}`, 'yellow']]];
}

/** The stages that fit: those far from the one under way in one line. */
function stageLines(
  stages: readonly StageView[],
  current: number,
  room: number,
  lineOf: (stage: StageView) => Line,
): { lines: Line[]; current: number } {
  const at = Math.min(current, stages.length - 1);
  if (stages.length <= room) return { lines: stages.map(lineOf), current: at };
  const [before, after] = [stages.slice(0, at), stages.slice(at + 1)];
  const shownAfter = Math.max(0, Math.min(after.length, room - 3));
  const rest = after.slice(shownAfter);
  const devices = (of: readonly StageView[]) => devicesCount(of.reduce((sum, stage) => sum + stage.devices, 0));
  const head: Line[] =
    before.length === 0 || room < 2 ? [] : [[[' '], SYMBOL.passed, [` ${before.length} stages, ${devices(before)}`]]];
  const tail: Line[] =
    rest.length === 0 || room < 3
      ? []
      : [[[' '], SYMBOL.waiting, [` ${rest.length} more stages, ${devices(rest)}`, 'dim']]];
  const lines = [...head, lineOf(stages[at]!), ...after.slice(0, shownAfter).map(lineOf), ...tail];
  return { lines, current: head.length };
}

function painted(line: Line, columns: number, paint: (style: Style, text: string) => string): string {
  let room = columns;
  const isTooLong = line.reduce((sum, [text]) => sum + text.length, 0) > columns;
  if (isTooLong) room -= 1;
  const parts = line.map(([text, style]) => {
    const shown = text.slice(0, room);
    room -= shown.length;
    return style === undefined || shown === '' ? shown : paint(style, shown);
  });
  return `${parts.join('')}${isTooLong ? '…' : ''}`;
}

import { escapeText } from '../core/text.js';
import type { CampaignView, StageView } from '../rollout/campaign-view.js';
import type { GateVerdict } from '../rollout/observation.js';
import { devicesCount } from './devices-text.js';
import { barOf, type Span, type Style } from './rollout-bar.js';
import { stageFiguresText } from './rollout-text.js';
import type { BlockSize } from './status-block.js';
import { countText, spanText } from './telemetry-text.js';

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
const SYMBOL = {
  passed: ['✔', 'green'],
  running: ['●', 'cyan'],
  stopped: ['■', 'yellow'],
  waiting: ['○', 'dim'],
} as const satisfies Record<StageView['status'], Span>;
const GATE_INDENT = 5;
const DECISION_WIDTH = 'advance'.length;
const MIN_REASON_WIDTH = 20;
const DECISION = { advance: 'green', hold: 'cyan', pause: 'yellow', abort: 'red' } as const;

/** A campaign as it is watched: a line for each stage, and what the gates say. Never wider or higher than `size`. */
export function liveLines(state: LiveState, size: BlockSize, paint: (style: Style, text: string) => string): string[] {
  const { view, hint } = state;
  const nameWidth = Math.min(
    MAX_NAME_WIDTH,
    view.stages.reduce((width, { name }) => Math.max(width, escapeText(name).length), 'going back'.length),
  );
  const lineOf = (stage: StageView) => stageLine(stage, { nameWidth, size, state });
  const gates = gateLines(view, size);
  const going = returnLine(view, { nameWidth, size });
  const frame = [headline(state), ...going, ...approvalLines(view), [['  '], [hint, 'dim']] as Line];
  const room = Math.max(1, size.rows - frame.length);
  const stages = stageLines(view.stages, view.stage, Math.max(1, room - gates.length), lineOf);
  const roomForGates = Math.max(0, room - stages.lines.length);
  const broken = gates.flatMap((gate) => gate.broken);
  const shownGates = broken.length <= roomForGates ? broken : gates.map(({ whole }) => whole);
  const lines = [
    frame[0]!,
    ...stages.lines.slice(0, stages.current + 1),
    ...shownGates.slice(0, roomForGates),
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
    ...barOf(figures, size),
    [text, status === 'waiting' ? 'dim' : undefined],
    ...(waitsMs > 0 ? ([[`; ${spanText(waitsMs)} to wait`, 'cyan']] as Span[]) : []),
  ] as Line;
}

function returnLine({ returning }: CampaignView, { nameWidth, size }: { nameWidth: number; size: BlockSize }): Line[] {
  if (returning === null) return [];
  const { figures, cannot } = returning;
  const rest = cannot === 0 ? '' : `; ${devicesCount(cannot)} cannot`;
  const text = figures === null ? `asked${rest}` : `${stageFiguresText(figures, 'back')}${rest}`;
  return [[[' ↩ ', 'yellow'], [`${'going back'.padEnd(nameWidth)} `], ...barOf(figures, size), [text]]];
}

/** What each gate says: in one line that is too long, and in as many as it takes. */
function gateLines(
  { stages, stage, phase }: CampaignView,
  { columns }: BlockSize,
): { whole: Line; broken: readonly Line[] }[] {
  const verdict = stages[stage]?.verdict;
  if (!verdict || (phase !== 'running' && phase !== 'paused')) return [];
  const typeWidth = verdict.gates.reduce((widest, { type }) => Math.max(widest, type.length), 0);
  const indent = GATE_INDENT + typeWidth + 1 + DECISION_WIDTH + 1;
  return verdict.gates.map(({ type, decision, reason }: GateVerdict) => {
    const head: Line = [
      [`${' '.repeat(GATE_INDENT)}${escapeText(type).padEnd(typeWidth)} `],
      [decision.padEnd(DECISION_WIDTH), DECISION[decision]],
    ];
    const [first, ...more] = wrapped(escapeText(reason), Math.max(MIN_REASON_WIDTH, columns - indent));
    const rest = more.map((text): Line => [[`${' '.repeat(indent)}${text}`]]);
    return { whole: [...head, [` ${escapeText(reason)}`]], broken: [[...head, [` ${first}`]], ...rest] };
  });
}

/** Broken at blanks. */
function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Where nothing else is missing. */
function approvalLines({ name, stages, stage, phase }: CampaignView): Line[] {
  const open = stages[stage]?.verdict?.gates.filter(({ decision }) => decision !== 'advance') ?? [];
  if (phase !== 'running' || open.length === 0 || open.some(({ type }) => type !== 'approval')) return [];
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
    before.length === 0 || room < 2 ? [] : [[[' '], SYMBOL.passed, [` ${before.length} passed, ${devices(before)}`]]];
  const tail: Line[] =
    rest.length === 0 || room < 3 ? [] : [[[' '], SYMBOL.waiting, [` ${rest.length} more, ${devices(rest)}`, 'dim']]];
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

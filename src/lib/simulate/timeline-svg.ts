import { Markup, markup } from '../core/markup.js';
import { operationText, outcomeText } from './operation-text.js';
import type { OperationReport } from './report.js';
import { laneOf, stepGroups, type TimelineColumn } from './timeline-columns.js';

// Geometry, in CSS pixels. From top to bottom: steps, violations, what booted (new up, old down), files.
const BAND = 22;
const FLAGS = 16;
const HALF = 64;
const AXIS = BAND + FLAGS + HALF;
const LANES_TOP = AXIS + HALF + 8;
const LANE = 16;
const LABELS_WIDTH = 128;
const STEP_GAP = 6;
const CHARACTER = 7;
const NARROWEST_COLUMN = 8;
const WIDEST_COLUMN = 18;
const COMFORTABLE_WIDTH = 900;
/** A step is named again so often that its name is in sight wherever one scrolls to. */
const STEP_LABEL_EVERY = 600;
const MAX_LABEL_CHARACTERS = 19;
/** The whole life at a glance, as wide as there is room: half of its height. */
const GLANCE_HALF = 18;

/** Glyphs by kind of operation, around 0 0: told apart by shape. */
const GLYPHS: Record<OperationReport['kind'], string> = {
  write: 'M-3 -5h6v10h-6z',
  erase: 'M-3 -5h6v10h-6zM-2 -4v8h4v-8z',
  truncate: 'M-3 1h6v4h-6z',
  sync: 'M-1 -6h2v12h-2z',
  rename: 'M-3 -5L3 0L-3 5z',
  remove: 'M-3 -4L-2 -5L0 -1L2 -5L3 -4L1 0L3 4L2 5L0 1L-2 5L-3 4L-1 0z',
  syncDirectory: 'M-3 -6h2v12h-2zM1 -6h2v12h-2z',
};

/** Once a page, before the first timeline. */
export function timelineSymbols(): Markup {
  const symbols = Object.entries(GLYPHS).map(
    ([kind, path]) => markup`<path id="op-${kind}" d="${path}" fill-rule="evenodd"/>`,
  );
  return markup`<svg class="symbols" width="0" height="0" aria-hidden="true" focusable="false"><defs>${symbols}</defs></svg>`;
}

/** The glyphs and bars in words. */
export function timelineLegend(): Markup {
  const kinds = Object.keys(GLYPHS).map(
    (kind) =>
      markup`<li><svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true"><use href="#op-${kind}"/></svg>${
        kind === 'syncDirectory' ? 'sync of the folder' : kind
      }</li>`,
  );
  const bar = (name: string) =>
    new Markup(
      `<svg width="14" height="14" aria-hidden="true"><rect class="${name}" x="3" width="8" height="14"/></svg>`,
    );
  return markup`<ul class="legend">
<li>${bar('new')}upwards: after the fault the new release booted</li>
<li>${bar('old')}downwards: the old one</li>
<li><svg width="14" height="14" aria-hidden="true"><path class="flag" d="M7 1L13 13H1z"/></svg>a broken invariant</li>
${kinds}
</ul>`;
}

/** The picture of one life: names of its rows, and beside them what scrolls. */
export function timelineSvg(columns: readonly TimelineColumn[], label: string): Markup {
  const lanes = [...new Set(columns.flatMap(({ operations }) => operations.map(laneOf)))].sort();
  const laneY = new Map(lanes.map((lane, index) => [lane, LANES_TOP + index * LANE + LANE / 2]));
  const height = LANES_TOP + lanes.length * LANE + 4;
  const scale = logScale(Math.max(1, ...columns.map((column) => Math.max(column.bootedOld, column.bootedNew))));
  const { placed, steps, width, columnWidth } = layOut(columns);

  const grid = scale.ticks.map(
    ({ y }) => markup`<path class="grid" d="M0 ${AXIS - y}H${width}M0 ${AXIS + y}H${width}"/>`,
  );
  const rules = lanes.map((lane) => markup`<path class="rule" d="M0 ${laneY.get(lane)!}H${width}"/>`);
  const drawn = placed.map(({ column, x }) => columnMarkup(column, x, columnWidth, scale.height, laneY));
  const hits = placed.map(
    ({ column, x }) =>
      markup`<rect class="hit" x="${x}" width="${columnWidth}" height="${height}"><title>${columnTitle(column, columns)}</title></rect>`,
  );
  return markup`${glance(placed, width, columnWidth, scale.height)}
<div class="frame">
<svg class="names" width="${LABELS_WIDTH}" height="${height}" aria-hidden="true">${rowNames(lanes, laneY, scale.ticks)}</svg>
<div class="scroll" tabindex="0"><svg class="chart" width="${width}" height="${height}" role="img" aria-label="${label}">
${steps}${grid}${rules}<path class="axis" d="M0 ${AXIS}H${width}"/>
<rect class="cursor" y="0" width="${columnWidth}" height="${height}"/>
${drawn}${hits}</svg></div>
</div>`;
}

interface PlacedColumn {
  column: TimelineColumn;
  x: number;
}

/** The same bars without names, squeezed into sight: where among thousands does something change? */
function glance(
  placed: readonly PlacedColumn[],
  width: number,
  columnWidth: number,
  heightOf: (count: number) => number,
): Markup {
  const bars = (count: (column: TimelineColumn) => number, direction: 1 | -1) =>
    placed
      .filter(({ column }) => count(column) > 0)
      .map(({ column, x }) => {
        const height = round((direction * heightOf(count(column)) * GLANCE_HALF) / HALF);
        return `M${x} ${GLANCE_HALF}v${height}h${columnWidth}v${-height}z`;
      })
      .join('');
  const flags = placed
    .filter(({ column }) => column.violations > 0)
    .map(({ x }) => `M${x + columnWidth / 2} 0v${2 * GLANCE_HALF}`)
    .join('');
  return markup`<svg class="glance" viewBox="0 0 ${width} ${2 * GLANCE_HALF}" preserveAspectRatio="none" aria-hidden="true">
<rect class="window" height="${2 * GLANCE_HALF}" width="0"/><path class="new" d="${bars(({ bootedNew }) => bootedNew, -1)}"/><path class="old" d="${bars(({ bootedOld }) => bootedOld, 1)}"/><path class="flag-line" d="${flags}"/></svg>`;
}

function layOut(columns: readonly TimelineColumn[]) {
  const columnWidth = Math.min(
    WIDEST_COLUMN,
    Math.max(NARROWEST_COLUMN, Math.floor(COMFORTABLE_WIDTH / Math.max(1, columns.length))),
  );
  const placed: PlacedColumn[] = [];
  const steps: Markup[] = [];
  let x = 0;
  for (const group of stepGroups(columns)) {
    const name = shortened(group.step);
    const own = group.columns.length * columnWidth;
    const width = Math.max(own, name.length * CHARACTER + 10);
    steps.push(markup`<rect class="step" x="${x}" y="1" width="${width}" height="${BAND - 4}" rx="3"/>`);
    for (let at = 0; at === 0 || at < width - STEP_LABEL_EVERY / 2; at += STEP_LABEL_EVERY) {
      steps.push(markup`<text class="step-name" x="${x + at + 5}" y="${BAND - 8}">${name}</text>`);
    }
    for (const [index, column] of group.columns.entries()) placed.push({ column, x: x + index * columnWidth });
    x += width + STEP_GAP;
  }
  return { placed, steps, width: Math.max(1, x - STEP_GAP), columnWidth };
}

function columnMarkup(
  column: TimelineColumn,
  x: number,
  width: number,
  heightOf: (count: number) => number,
  laneY: ReadonlyMap<string, number>,
): Markup {
  const middle = x + width / 2;
  const parts: Markup[] = [];
  const [up, down] = [heightOf(column.bootedNew), heightOf(column.bootedOld)];
  if (up > 0) parts.push(markup`<rect class="new" x="${x + 1}" y="${AXIS - up}" width="${width - 2}" height="${up}"/>`);
  if (down > 0) parts.push(markup`<rect class="old" x="${x + 1}" y="${AXIS}" width="${width - 2}" height="${down}"/>`);
  if (column.violations > 0) {
    parts.push(markup`<path class="flag" d="M${middle} ${BAND}l6 12h-12z"/>`);
  }
  const kindByLane = new Map(column.operations.map((operation) => [laneOf(operation), operation.kind]));
  for (const [lane, kind] of kindByLane) {
    parts.push(markup`<use class="glyph" href="#op-${kind}" x="${middle}" y="${laneY.get(lane)!}"/>`);
  }
  return markup`${parts}`;
}

function rowNames(
  lanes: readonly string[],
  laneY: ReadonlyMap<string, number>,
  ticks: readonly { count: number; y: number }[],
): Markup {
  const right = LABELS_WIDTH - 5;
  return markup`<text x="2" y="${AXIS - HALF / 2}">new booted ↑</text><text x="2" y="${AXIS + HALF / 2 + 8}">old booted ↓</text>
${ticks.flatMap(({ count, y }) =>
  [AXIS - y, AXIS + y].map(
    (at) => markup`<text class="tick" x="${right}" y="${at + 3}" text-anchor="end">${count}</text>`,
  ),
)}
${lanes.map(
  (lane) =>
    markup`<text class="lane" x="${right}" y="${laneY.get(lane)! + 4}" text-anchor="end">${shortened(lane)}<title>${lane}</title></text>`,
)}`;
}

/** Counts from one to thousands side by side: only a logarithm shows both. */
function logScale(max: number) {
  const unit = HALF / Math.log(1 + max);
  const height = (count: number) => (count <= 0 ? 0 : round(Math.max(2, Math.log(1 + count) * unit)));
  const powers = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000].filter((power) => power <= max);
  return {
    height,
    ticks: powers.map((count) => ({ count, y: height(count) })).filter(({ y }) => y >= 10 || max === 1),
  };
}

function columnTitle({ operations, ...sums }: TimelineColumn, columns: readonly TimelineColumn[]): string {
  const total = columns.at(-1)!.operations.at(-1)!.index + 1;
  const [first, last] = [operations[0]!, operations.at(-1)!];
  const what =
    first === last
      ? `${first.index + 1} of ${total}, ${first.step}: ${operationText(first)}`
      : `${first.index + 1} to ${last.index + 1} of ${total}, ${first.step}: from ${operationText(first)} to ${operationText(last)}`;
  // Two values: the line break between them is ours, one inside of them would be escaped.
  return `${what} · ${outcomeText(sums)}`;
}

function shortened(name: string): string {
  if (name.length <= MAX_LABEL_CHARACTERS) return name;
  return `${name.slice(0, MAX_LABEL_CHARACTERS - 9)}…${name.slice(-8)}`;
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

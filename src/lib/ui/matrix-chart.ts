import { formatByteLimit, formatByteSize } from '../core/byte-size.js';
import { Markup, markup } from '../core/markup.js';
import type { MatrixCell, MatrixReport, MatrixRow } from '../package/matrix-report.js';

const WIDTH = 760;
const LEFT = 108;
const RIGHT = 150;
const TOP = 82;
const BOTTOM = 34;
const BAR = 16;
const BAR_STEP = 21;
const GROUP_GAP = 14;
const HEADING = 22;
const TICKS = 4;
/** A full image this many times the largest delta would leave nothing to see of the deltas. */
const FULL_SHOWN_TO = 3;
const LONGEST_NAME = 80;

/** Colours apart in hue and in lightness, readable on both grounds; the words beside the bars say the same. */
const STYLE = `
.matrix{--page:#fff;--ink:#1c1f23;--soft:#59616b;--rule:#e3e6e9;--bad:#b00020;--full:#9aa3ad;--otad:#00684a;--repack:#1f5fae;--inplace:#6a4a9c;--bsdf2:#b26a00;--bsdiff40:#a04a6a;background:var(--page)}
@media (prefers-color-scheme:dark){.matrix{--page:#14171a;--ink:#e9ebee;--soft:#a3abb5;--rule:#2f353b;--bad:#ff6b81;--full:#6b747e;--otad:#4cc79b;--repack:#6aa9f0;--inplace:#b08ee8;--bsdf2:#f0b429;--bsdiff40:#e08fae}}
.matrix .ground{fill:var(--page)}
.matrix text{font:13px system-ui,sans-serif;fill:var(--ink)}
.matrix .heading{font-size:16px;font-weight:600}
.matrix .base{font-weight:600;paint-order:stroke;stroke:var(--page);stroke-width:4px}
.matrix .soft{fill:var(--soft);font-size:12px}
.matrix .chosen{font-weight:700}
.matrix .over{fill:var(--bad);font-weight:700}
.matrix .grid{stroke:var(--rule)}
.matrix .budget{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:5 3}
.matrix .full{fill:var(--full)}.matrix .otad{fill:var(--otad)}.matrix .otad-repack{fill:var(--repack)}.matrix .otad-inplace{fill:var(--inplace)}.matrix .bsdf2{fill:var(--bsdf2)}.matrix .bsdiff40{fill:var(--bsdiff40)}
.matrix .unused{opacity:.45}
`;

/**
 * The matrix as a picture that needs nothing else: a bar for every delta, its size beside it, the chosen one marked.
 * It follows the reader's light or dark ground.
 */
export function matrixSvg(report: MatrixReport): Markup {
  const { rows, target, budgetBytes } = report;
  const bars = rows.map((row) => row.cells.filter((cell) => 'size' in cell && isShown(cell, row, report)));
  const widest = Math.max(1, ...bars.flat().map((cell) => ('size' in cell ? cell.size : 0)));
  const isBudgetInside = budgetBytes !== undefined && budgetBytes <= widest * 1.5;
  const scaleEnd = Math.max(widest, isBudgetInside ? budgetBytes : 0);
  const x = (bytes: number) => LEFT + ((WIDTH - LEFT - RIGHT) * bytes) / scaleEnd;
  const heights = bars.map((shown) => HEADING + shown.length * BAR_STEP + GROUP_GAP);
  const height = TOP + heights.reduce((sum, one) => sum + one, 0) + BOTTOM;
  const title = `Deltas to ${nameOf(target.name)}`;
  const floor = height - BOTTOM;
  const groups = rows.map((row, at) => {
    const y = TOP + heights.slice(0, at).reduce((sum, one) => sum + one, 0);
    return group(row, bars[at]!, y, x);
  });
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="matrix" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="matrix-title matrix-words">
<title id="matrix-title">${title}</title>
<desc id="matrix-words">${rows.map((row) => chosenSentence(row)).join(' ')}</desc>
<style>${new Markup(STYLE)}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
<text class="heading" x="12" y="26">${title}</text>
<text class="soft" x="12" y="46">What a device downloads, by what it runs. The full image has ${formatByteSize(target.size)}. ✓ is what it gets.</text>
${ticks(scaleEnd).map((bytes) => markup`<line class="grid" x1="${x(bytes).toFixed(1)}" x2="${x(bytes).toFixed(1)}" y1="${TOP - 8}" y2="${floor}"/><text class="soft" x="${x(bytes).toFixed(1)}" y="${floor + 18}" text-anchor="middle">${formatByteSize(bytes)}</text>`)}
${groups}
${isBudgetInside ? budgetLine(budgetBytes, x(budgetBytes), floor) : undefined}
</svg>`;
}

function budgetLine(bytes: number, x: number, floor: number): Markup {
  const at = x.toFixed(1);
  return markup`<line class="budget" x1="${at}" x2="${at}" y1="${TOP - 8}" y2="${floor}"/><text class="over" x="${at}" y="${TOP - 13}" text-anchor="middle">budget ${formatByteLimit(bytes)}</text>`;
}

function group(row: MatrixRow, cells: readonly MatrixCell[], y: number, x: (bytes: number) => number): Markup {
  const over = row.isOverBudget ? markup` <tspan class="over">over budget</tspan>` : undefined;
  const bars = cells.flatMap((cell, at) => bar(cell, row, y + HEADING + at * BAR_STEP, x) ?? []);
  return markup`<g><text class="base" x="12" y="${y + 14}">${nameOf(row.base.name)}${over}<title>${row.base.name}</title></text>
${bars}</g>
`;
}

function bar(cell: MatrixCell, { chosen }: MatrixRow, y: number, x: (bytes: number) => number): Markup | undefined {
  if (!('size' in cell)) return undefined;
  const isChosen = chosen?.format === cell.format;
  const width = Math.max(1, x(cell.size) - LEFT).toFixed(1);
  const use = cell.accepted ? '' : ' unused';
  const remark = isChosen ? ' ✓' : cell.accepted ? '' : ' (not applied)';
  return markup`<text class="soft" x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${cell.format}</text><rect class="${cell.format}${use}" x="${LEFT}" y="${y}" width="${width}" height="${BAR}" rx="2"><title>${cell.format}: ${cell.size} bytes</title></rect><text${isChosen ? new Markup(' class="chosen"') : undefined} x="${(x(cell.size) + 7).toFixed(1)}" y="${y + 13}">${formatByteSize(cell.size)}${remark}</text>
`;
}

/** The full image would flatten the deltas where it is many times as large; it then stands in words only. */
function isShown(cell: MatrixCell, { chosen }: MatrixRow, { rows }: MatrixReport): boolean {
  if (cell.format !== 'full' || chosen?.format === 'full') return true;
  const deltas = rows.flatMap(({ cells }) =>
    cells.flatMap((one) => ('size' in one && one.format !== 'full' ? [one.size] : [])),
  );
  return 'size' in cell && cell.size <= FULL_SHOWN_TO * Math.max(0, ...deltas);
}

/** What each device gets, in words: for readers of the picture who do not see it, and for its table. */
export function chosenSentence({ base, chosen, isOverBudget }: MatrixRow): string {
  if (chosen === undefined) return `From ${base.name}: nothing that the devices apply.`;
  return `From ${base.name}: ${chosen.format}, ${formatByteSize(chosen.size)}${isOverBudget ? ', over budget' : ''}.`;
}

function ticks(end: number): number[] {
  const rough = end / TICKS;
  const scale = 2 ** Math.floor(Math.log2(Math.max(1, rough)));
  const step = scale * 2 >= rough ? scale * 2 : scale;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, at) => at * step);
}

/** The end of a path tells more than its beginning. */
function nameOf(name: string): string {
  return name.length > LONGEST_NAME ? `…${name.slice(-LONGEST_NAME)}` : name;
}

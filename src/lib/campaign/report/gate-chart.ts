import { type Markup, markup } from '../../core/markup.js';
import type { GateMeasure } from './gate-measure.js';

const WIDTH = 440;
const HEIGHT = 40;
const TOP = 4;
const BAR = 14;

/** A gate's share as a bar, with its bound as a bracket and its limit as a line. */
export function gateChart({ share, bound, limit, wants }: GateMeasure, mark: 'good' | 'bad' | 'open'): Markup {
  const [from, to] = range(share, bound, limit);
  const x = (percent: number) => Number(((WIDTH * (percent - from)) / (to - from)).toFixed(1));
  const marked = bound === null ? undefined : boundMark(x(bound), x(share));
  const at = x(limit);
  const anchor = at > WIDTH * 0.75 ? 'end' : at < WIDTH * 0.25 ? 'start' : 'middle';
  const told = `${text(share)}${bound === null ? '' : `, surely at least ${text(bound)}`}; ${wants} ${text(limit)}`;
  return markup`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${told}">
<rect class="track" x="0" y="${TOP}" width="${WIDTH}" height="${BAR}" rx="3"/>
<rect class="bar ${mark}" x="0" y="${TOP}" width="${Math.max(x(share), 0)}" height="${BAR}" rx="3"/>${marked}
<line class="limit" x1="${at}" x2="${at}" y1="${TOP - 4}" y2="${TOP + BAR + 4}"/>
<text x="${at}" y="${HEIGHT - 6}" text-anchor="${anchor}">${wants} ${text(limit)}</text>
<text x="${at > WIDTH / 2 ? 0 : WIDTH}" y="${HEIGHT - 6}" text-anchor="${at > WIDTH / 2 ? 'start' : 'end'}">${from === 0 ? undefined : `from ${text(from)} `}${to === 100 ? undefined : `to ${text(to)}`}</text>
</svg>`;
}

/** From the bound to the share: what is not certain. */
function boundMark(bound: number, share: number): Markup {
  const middle = TOP + BAR / 2;
  return markup`<path class="bound" d="M${bound} ${TOP + 1}V${TOP + BAR - 1}M${bound} ${middle}H${share}"/>`;
}

/** Shares near all and near nothing are looked at closely. Percent. */
function range(share: number, bound: number | null, limit: number): [number, number] {
  const low = Math.min(share, bound ?? share, limit);
  const high = Math.max(share, limit);
  if (low >= 55) return [Math.max(0, Math.floor((low - 5) / 10) * 10), 100];
  if (high <= 40) return [0, Math.min(100, Math.ceil((high * 1.25 + 1) / 5) * 5)];
  return [0, 100];
}

function text(percent: number): string {
  return `${Number(percent.toFixed(1))} %`;
}

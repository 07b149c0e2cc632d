import { Markup, markup } from '../../core/markup.js';
import { numberText } from '../../core/number-text.js';
import type { FigureSeries } from './figure-series.js';
import { spanText } from './report-words.js';

const WIDTH = 440;
const HEIGHT = 190;
const LEFT = 48;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 26;

/**
 * Devices that installed and devices that failed, over time.
 *
 * @param fromMs  when the first were given it, milliseconds since 1970
 * @param devices of the stage: the height of the chart
 * @returns undefined: nothing was written down of it
 */
export function progressChart(
  series: FigureSeries,
  fromMs: number,
  devices: number,
  label: string,
): Markup | undefined {
  const last = series.at(-1);
  if (last === undefined) return undefined;
  const untilMs = Math.max(last.time, fromMs + 1);
  const x = (time: number) => LEFT + ((WIDTH - LEFT - RIGHT) * Math.max(0, time - fromMs)) / (untilMs - fromMs);
  const y = (count: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * count) / Math.max(1, devices);
  const points = [{ time: fromMs, installed: 0, bad: 0 }, ...series];
  // Counts stay until they are counted again: steps, not slopes.
  const steps = (of: 'installed' | 'bad') =>
    points
      .map(
        (point, at) =>
          `${at === 0 ? 'M' : 'H'}${x(point.time).toFixed(1)}${at === 0 ? ' ' : 'V'}${y(point[of]).toFixed(1)}`,
      )
      .join('');
  const installed = steps('installed');
  const under = `${installed}V${y(0).toFixed(1)}H${x(fromMs).toFixed(1)}Z`;
  const lines = ticks(devices).map(
    (count) =>
      markup`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(count)}" y2="${y(count)}"/><text x="${LEFT - 6}" y="${y(count) + 4}" text-anchor="end">${numberText(count)}</text>`,
  );
  const told = `${numberText(last.installed)} installed and ${numberText(last.bad)} failed or stuck of ${numberText(devices)}, after ${spanText(fromMs, untilMs)}`;
  return markup`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}: ${told}">
${lines}
<path class="under" d="${new Markup(under)}"/><path class="installed" d="${new Markup(installed)}"/><path class="failed" d="${new Markup(steps('bad'))}"/>
<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(0)}" y2="${y(0)}"/>
<text x="${LEFT}" y="${HEIGHT - 8}">begun</text><text x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">${spanText(fromMs, untilMs)}</text>
</svg>`;
}

/** Names what the lines of progress charts are. */
export function progressLegend(installed: string): Markup {
  return markup`<ul class="legend"><li><svg viewBox="0 0 26 10" aria-hidden="true"><path class="installed" d="M0 5H26"/></svg>${installed}</li><li><svg viewBox="0 0 26 10" aria-hidden="true"><path class="failed" d="M0 5H26"/></svg>failed or stuck</li></ul>`;
}

/** Nothing, all, and whole numbers between them that a person likes. */
function ticks(devices: number): number[] {
  const rough = devices / 4;
  const scale = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const step = [1, 2, 5, 10].map((factor) => factor * scale).find((size) => size >= rough) ?? devices;
  const between: number[] = [];
  for (let count = step; count < devices - step * 0.4; count += step) between.push(count);
  return [0, ...between, devices];
}

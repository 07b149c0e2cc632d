import { type Markup, markup } from '../../core/markup.js';
import type { CampaignReport } from './campaign-report.js';
import { spanText } from './report-words.js';

const WIDTH = 440;
const ROW = 30;
const BOTTOM = 22;
/** Names above their bars are cut here; the whole name stands in the stage's own card. */
const MAX_NAME = 40;

/** When each stage was under way, and where the campaign was stopped. */
export function courseChart(report: CampaignReport): Markup {
  const { openedAt, endedAt, updatedAt, stages } = report;
  const until = Math.max(endedAt ?? updatedAt, openedAt + 1);
  const x = (time: number) =>
    Number(((WIDTH * Math.min(until, Math.max(openedAt, time)) - WIDTH * openedAt) / (until - openedAt)).toFixed(1));
  const height = stages.length * ROW + BOTTOM;
  const rows = stages.map(({ name, startedAt, passedAt, status }, at) => {
    const y = at * ROW;
    const label = name.length > MAX_NAME ? `${name.slice(0, MAX_NAME - 1)}…` : name;
    const from = x(startedAt ?? until);
    const width = startedAt === null ? 0 : Math.max(2, x(passedAt ?? until) - from);
    const kind = status === 'passed' ? 'bar' : status === 'stopped' ? 'bar bad' : 'bar open';
    return markup`<text class="name" x="0" y="${y + 12}">${label}${startedAt === null ? ' (not begun)' : undefined}</text><rect class="track" x="0" y="${y + 16}" width="${WIDTH}" height="9" rx="3"/><rect class="${kind}" x="${Math.min(from, WIDTH - 2)}" y="${y + 16}" width="${width}" height="9" rx="3"/>`;
  });
  const stops = report.course.items.filter(({ mark }) => mark === 'bad');
  const flags = stops.map(({ time, text }) => {
    const at = Math.min(WIDTH - 5, Math.max(5, x(time)));
    return markup`<path class="flag" d="M${at} ${height - BOTTOM}l5 8h-10z"><title>${text}</title></path>`;
  });
  const whole = spanText(openedAt, until);
  return markup`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Stages over ${whole}">
${rows}
${flags}
<text x="0" y="${height - 3}">begun</text><text x="${WIDTH}" y="${height - 3}" text-anchor="end">${whole}</text>
</svg>`;
}

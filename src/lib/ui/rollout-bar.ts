import type { StageFigures } from '../rollout/observation.js';

export type Style = 'green' | 'red' | 'yellow' | 'cyan' | 'dim' | 'bold';
/** Text in a colour, where there are colours. */
export type Span = readonly [text: string, style?: Style];

/** Told apart without colours, too. */
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
/** Whatever there is of an outcome is seen: a failed device of ten thousand takes a character. */
export function barOf(figures: StageFigures | null, { columns }: { columns: number }): Span[] {
  const width = widthOf(columns);
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

/** Characters of a bar on a line that has so many; 0: no bar. */
function widthOf(columns: number): number {
  if (columns >= 100) return 30;
  if (columns >= 70) return 20;
  return columns >= 48 ? 10 : 0;
}

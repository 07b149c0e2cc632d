import type { SimulatedMoment } from '../rollout/simulate/outcome.js';
import { spanText } from './telemetry-text.js';

const COLUMNS = 60;
/** Two rows a power of ten, from all devices down to one in ten thousand: a pilot is to be seen beside a whole fleet. */
const ROWS = 9;
const ROWS_PER_DECADE = 2;

export interface PlotLine {
  readonly mark: string;
  readonly name: string;
  readonly moments: readonly SimulatedMoment[];
  readonly value: (moment: SimulatedMoment) => number;
}

/**
 * Devices over time for a terminal, on a logarithmic scale. Where lines meet, the first one is seen.
 *
 * @param devices all of them
 * @param seconds where the plot ends
 */
export function plotText(
  lines: readonly PlotLine[],
  { devices, seconds }: { devices: number; seconds: number },
): string {
  const rows = Array.from({ length: ROWS }, () => new Array<string>(COLUMNS).fill(' '));
  for (const { mark, moments, value } of [...lines].reverse()) {
    for (let column = 0; column < COLUMNS; column++) {
      const moment = momentAt(moments, ((column + 1) / COLUMNS) * seconds);
      const row = moment && rowOf(value(moment) / devices);
      if (row !== undefined) rows[row]![column] = mark;
    }
  }
  const drawn = rows.map((row, index) => `${labelOf(index).padStart(7)} │${row.join('').trimEnd()}`);
  const end = spanText(seconds * 1000);
  return [
    ...drawn,
    `${' '.repeat(8)}└${'─'.repeat(COLUMNS)}`,
    `${' '.repeat(9)}0${end.padStart(COLUMNS - 1)}`,
    `${' '.repeat(9)}${lines.map(({ mark, name }) => `${mark} ${name}`).join('   ')}`,
  ].join('\n');
}

/** The last one that is not later. */
function momentAt(moments: readonly SimulatedMoment[], seconds: number): SimulatedMoment | undefined {
  return moments.findLast((moment) => moment.seconds <= seconds);
}

/** @returns undefined: too few to be seen */
function rowOf(share: number): number | undefined {
  const row = Math.round(-Math.log10(share) * ROWS_PER_DECADE);
  return row < ROWS ? Math.max(0, row) : undefined;
}

function labelOf(row: number): string {
  return row % ROWS_PER_DECADE === 0 ? `${Number((100 * 10 ** (-row / ROWS_PER_DECADE)).toFixed(2))} %` : '';
}

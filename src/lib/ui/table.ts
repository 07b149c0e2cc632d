import { escapeText } from '../core/text.js';

/** Bounds that keep a hostile package from costing minutes: padding grows with lines × width. Unit: characters. */
const MAX_LABEL_WIDTH = 40;
const MAX_CELL_WIDTH = 160;

/**
 * Facts about one thing, a line each, values below one another. Labels and values are escaped;
 * a label longer than 40 characters stands out of its column.
 *
 * @param facts label and value; a value that is undefined leaves its line out
 */
export function factsText(facts: readonly (readonly [label: string, value: string | number | undefined])[]): string {
  const known = facts.filter(([, value]) => value !== undefined);
  const widest = known.reduce((width, [label]) => Math.max(width, label.length), 0);
  const width = Math.min(widest, MAX_LABEL_WIDTH);
  return known
    .map(([label, value]) => `${escapeText(label).padEnd(width)}  ${escapeText(String(value))}`.trimEnd())
    .join('\n');
}

/** Several things of one kind, in columns as wide as they need to be. All cells are escaped, and cut at 160 characters. */
export async function gridText(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: header.map(escapeText),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows.map((row) => row.map(cellText)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/**
 * As {@link gridText}, for thousands of rows: columns are as wide as the characters in them are many, whatever
 * width a terminal gives those.
 */
export function longGridText(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(cellText));
  const widths = header.map((_, column) => cells.reduce((width, row) => Math.max(width, row[column]!.length), 0));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join(NO_BORDERS.middle)
        .trimEnd(),
    )
    .join('\n');
}

function cellText(cell: string | number): string {
  const text = String(cell);
  // Cut twice: what is cut off is not escaped for nothing, and escapes are several characters long.
  const escaped = escapeText(text.slice(0, MAX_CELL_WIDTH));
  const isWhole = text.length <= MAX_CELL_WIDTH && escaped.length <= MAX_CELL_WIDTH;
  return isWhole ? escaped : `${escaped.slice(0, MAX_CELL_WIDTH - 1)}…`;
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

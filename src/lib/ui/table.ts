import { escapeText } from '../core/text.js';

/**
 * Facts about one thing, a line each, values below one another. Labels and values are escaped.
 *
 * @param facts label and value; a value that is undefined leaves its line out
 */
export function factsText(facts: readonly (readonly [label: string, value: string | number | undefined])[]): string {
  const known = facts.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...known.map(([label]) => label.length));
  return known
    .map(([label, value]) => `${escapeText(label).padEnd(width)}  ${escapeText(String(value))}`.trimEnd())
    .join('\n');
}

/** Several things of one kind, in columns as wide as they need to be. All cells are escaped. */
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
  table.push(...rows.map((row) => row.map((cell) => escapeText(String(cell)))));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
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

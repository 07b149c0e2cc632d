import type { PackageDifference } from '../package/diff.js';
import { gridText } from './table.js';

/** `ota diff` for people, in areas: everything is what the packages say of themselves. */
export async function diffText(differences: PackageDifference[]): Promise<string> {
  const grid = await gridText(
    ['area', 'field', 'from', 'to'],
    differences.map(({ area, path, from, to }) => [area, path, valueText(from), valueText(to)]),
  );
  return `Differences, UNVERIFIED:\n${grid}`;
}

function valueText(value: PackageDifference['from']): string {
  if (value === undefined) return '–';
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'format' in value) return `${value.format}, ${value.size} bytes`;
  return JSON.stringify(value);
}

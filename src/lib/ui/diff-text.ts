import type { PackageDifference } from '../package/diff.js';
import { gridText } from './table.js';

/** `ota diff` for people, in areas. */
export async function diffText(differences: PackageDifference[]): Promise<string> {
  return gridText(
    ['area', 'field', 'from', 'to'],
    differences.map(({ area, path, from, to }) => [area, path, valueText(from), valueText(to)]),
  );
}

function valueText(value: PackageDifference['from']): string {
  if (value === undefined) return '–';
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'format' in value) return `${value.format}, ${value.size} bytes`;
  return JSON.stringify(value);
}

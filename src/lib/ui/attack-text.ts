import type { CatalogueRow } from '../attack/catalogue.js';
import { escapeText } from '../core/text.js';
import { gridText } from './table.js';

/** `ota attack` for people. */
export function attackText(report: { out: string; dryRun: boolean; cases: number; applicable: number }): string {
  const { out, dryRun, cases, applicable } = report;
  const missing = cases - applicable;
  return [
    `${escapeText(out)}: ${dryRun ? 'would hold' : 'holds'} ${cases} cases; index.json says how to run each and what it must answer`,
    ...(missing === 0
      ? []
      : [`${missing} of them need the base image to be applied: give --base to know what apply must answer`]),
  ].join('\n');
}

/** `ota attack --list` for people. */
export function catalogueText(rows: readonly CatalogueRow[]): Promise<string> {
  return gridText(
    ['row', 'what', 'attack'],
    rows.map(({ row, title, attack }) => [row, title, attack]),
  );
}

import { formatByteLimit, formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { MatrixCell, MatrixReport, MatrixRow } from '../package/matrix-report.js';
import { gridText } from './table.js';

/** `ota matrix` for people: first what each base gets, then what everything costs. */
export async function matrixText(report: MatrixReport): Promise<string> {
  const { target, rows, budgetBytes, skipped, chart } = report;
  const budget = budgetBytes === undefined ? '' : `, budget ${formatByteLimit(budgetBytes)}`;
  const reasons = new Map(rows.flatMap(({ cells }) => cells.flatMap(whyOf)));
  return [
    `to ${escapeText(target.name)}: ${formatByteSize(target.size)}${budget}`,
    '',
    await gridText(
      ['from', 'chosen', 'size', 'of full', ''],
      rows.map((row) => chosenWords(row, target.size)),
    ),
    '',
    await gridText(
      ['from', 'format', 'size', 'of full', 'time', 'memory', 'storage', ''],
      rows.flatMap((row) =>
        row.cells.map((cell, at) => [at === 0 ? row.base.name : '', ...cellWords(cell, row, target.size)]),
      ),
    ),
    ...[...reasons].map(([format, message]) => `${format}: ${escapeText(message)}`),
    ...(skipped.length === 0
      ? []
      : [`left out, being the new image or given twice: ${skipped.map(escapeText).join(', ')}`]),
    ...(chart === undefined ? [] : [`chart: ${escapeText(chart)}`]),
  ].join('\n');
}

function chosenWords({ base, chosen, isOverBudget }: MatrixRow, fullBytes: number): string[] {
  if (chosen === undefined) return [base.name, 'nothing', '', '', 'the devices apply none of these'];
  const { format, size } = chosen;
  return [base.name, format, formatByteSize(size), share(size, fullBytes), isOverBudget ? 'OVER BUDGET' : ''];
}

function cellWords(cell: MatrixCell, { chosen }: MatrixRow, fullBytes: number): string[] {
  const remark = cell.accepted ? (cell.format === chosen?.format ? 'chosen' : '') : 'not for these devices';
  if ('why' in cell) return [cell.format, 'not made', '', '', '', '', ''];
  const { format, size, seconds, applyMemoryBytes, storageBytes } = cell;
  const time = format === 'full' ? '' : `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const storage = storageBytes === 0 ? 'none' : formatByteSize(storageBytes);
  return [
    format,
    formatByteSize(size),
    share(size, fullBytes),
    time,
    formatByteSize(applyMemoryBytes),
    storage,
    remark,
  ];
}

function whyOf(cell: MatrixCell): [string, string][] {
  return 'why' in cell ? [[cell.format, cell.why.message]] : [];
}

function share(size: number, fullBytes: number): string {
  return `${((100 * size) / fullBytes).toFixed(1)} %`;
}

import type { OperationReport } from './report.js';

/** One column of a timeline: an operation, or as many as must share it. */
export interface TimelineColumn {
  step: string;
  /** In order; more than one where a life has more operations than a page can show. */
  operations: OperationReport[];
  faultPoints: number;
  bootedOld: number;
  bootedNew: number;
  violations: number;
}

/** Wider than this, a timeline is no picture any more. */
const MAX_COLUMNS = 2000;

/** Operations as columns; one column never spans two steps. */
export function timelineColumns(operations: readonly OperationReport[], maxColumns = MAX_COLUMNS): TimelineColumn[] {
  const shared = Math.ceil(operations.length / maxColumns);
  const columns: TimelineColumn[] = [];
  for (const operation of operations) {
    const last = columns.at(-1);
    if (last === undefined || last.step !== operation.step || last.operations.length >= shared) {
      columns.push({
        step: operation.step,
        operations: [operation],
        faultPoints: operation.faultPoints,
        bootedOld: operation.bootedOld,
        bootedNew: operation.bootedNew,
        violations: operation.violations,
      });
      continue;
    }
    last.operations.push(operation);
    last.faultPoints += operation.faultPoints;
    last.bootedOld += operation.bootedOld;
    last.bootedNew += operation.bootedNew;
    last.violations += operation.violations;
  }
  return columns;
}

/** Columns of one step that stand together. */
export interface StepGroup {
  step: string;
  columns: TimelineColumn[];
}

export function stepGroups(columns: readonly TimelineColumn[]): StepGroup[] {
  const groups: StepGroup[] = [];
  for (const column of columns) {
    const last = groups.at(-1);
    if (last?.step === column.step) last.columns.push(column);
    else groups.push({ step: column.step, columns: [column] });
  }
  return groups;
}

/** A file is replaced through `<name>.new`: for a reader that is one file. */
export function laneOf({ kind, file }: OperationReport): string {
  return kind === 'syncDirectory' ? 'folder' : file.replace(/\.new$/, '');
}

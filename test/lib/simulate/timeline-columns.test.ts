import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OperationReport } from '../../../src/lib/simulate/report.js';
import { laneOf, stepGroups, timelineColumns } from '../../../src/lib/simulate/timeline-columns.js';

const operations: fc.Arbitrary<OperationReport[]> = fc
  .array(
    fc.record({
      step: fc.constantFrom('install', 'boot', 'confirm'),
      kind: fc.constantFrom<OperationReport['kind'][]>('write', 'erase', 'sync', 'rename', 'syncDirectory'),
      file: fc.constantFrom('a.image', 'b.json', 'b.json.new'),
      faultPoints: fc.nat(1000),
      bootedOld: fc.nat(500),
      bootedNew: fc.nat(500),
      violations: fc.nat(3),
    }),
    { maxLength: 80 },
  )
  .map((list) => list.map((operation, index) => ({ index, ...operation })));

describe('timelineColumns', () => {
  test('keep every operation in order and lose no count, however few there may be', () => {
    fc.assert(
      fc.property(operations, fc.integer({ min: 1, max: 100 }), (list, maxColumns) => {
        const columns = timelineColumns(list, maxColumns);
        expect(columns.flatMap((column) => column.operations)).toEqual(list);
        for (const key of ['faultPoints', 'bootedOld', 'bootedNew', 'violations'] as const) {
          const sum = (counted: readonly Pick<OperationReport, typeof key>[]) =>
            counted.reduce((total, { [key]: count }) => total + count, 0);
          expect(sum(columns)).toBe(sum(list));
        }
        for (const { step, operations: own } of columns)
          expect(new Set(own.map((one) => one.step))).toEqual(new Set([step]));
      }),
    );
  });

  test('are one for each operation where there is room', () => {
    fc.assert(
      fc.property(operations, (list) => {
        expect(timelineColumns(list, 80)).toHaveLength(list.length);
      }),
    );
  });

  test('stand in groups that begin where the step changes', () => {
    fc.assert(
      fc.property(operations, (list) => {
        const groups = stepGroups(timelineColumns(list, 80));
        expect(groups.flatMap(({ columns }) => columns)).toEqual(timelineColumns(list, 80));
        for (const [index, { step }] of groups.entries()) expect(step).not.toBe(groups[index + 1]?.step);
      }),
    );
  });
});

test('a file that is being replaced has one lane, the folder another', () => {
  const operation = { index: 0, step: 'install', faultPoints: 0, bootedOld: 0, bootedNew: 0, violations: 0 };
  expect(laneOf({ ...operation, kind: 'write', file: 'download.json.new' })).toBe('download.json');
  expect(laneOf({ ...operation, kind: 'syncDirectory', file: '' })).toBe('folder');
});

import { describe, expect, test } from 'vitest';
import { operationText, outcomeText } from '../../../src/lib/simulate/operation-text.js';
import type { OperationReport } from '../../../src/lib/simulate/report.js';

const counts = { faultPoints: 0, bootedOld: 0, bootedNew: 0, violations: 0 };
const operation = (changes: Partial<OperationReport>): OperationReport => ({
  index: 0,
  step: 'install',
  kind: 'write',
  file: 'app.b.image',
  ...counts,
  ...changes,
});

describe('an operation in words', () => {
  test.each([
    ['write app.b.image, 4 KiB at 0x1f000', { position: 0x1f000, length: 4096 }],
    ['erase app.b.image, 128 KiB at 0x0', { kind: 'erase' as const, position: 0, length: 131_072 }],
    ['truncate events.ndjson to 512 B', { kind: 'truncate' as const, file: 'events.ndjson', length: 512 }],
    ['sync download.part', { kind: 'sync' as const, file: 'download.part' }],
    ['rename device.json', { kind: 'rename' as const, file: 'device.json' }],
    ['sync the folder', { kind: 'syncDirectory' as const, file: '' }],
  ])('%s', (text, changes) => {
    expect(operationText(operation(changes))).toBe(text);
  });
});

describe('what faults led to, in words', () => {
  test.each([
    ['no fault was tried here', {}],
    ['1 fault: the old release booted after 1, the new one after 0', { faultPoints: 1, bootedOld: 1 }],
    [
      '1,200 faults: the old release booted after 1,000, the new one after 198; INVARIANT BROKEN after 2',
      { faultPoints: 1200, bootedOld: 1000, bootedNew: 198, violations: 2 },
    ],
  ])('%s', (text, changes) => {
    expect(outcomeText({ ...counts, ...changes })).toBe(text);
  });
});

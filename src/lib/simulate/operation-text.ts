import { formatByteSize } from '../core/byte-size.js';
import type { OperationReport } from './report.js';

/** `write app.b.image, 4 KiB at 0x1f000` */
export function operationText({ kind, file, position, length }: OperationReport): string {
  if (kind === 'syncDirectory') return 'sync the folder';
  const at = position === undefined ? '' : ` at 0x${position.toString(16)}`;
  if (kind === 'truncate') return `truncate ${file} to ${formatByteSize(length ?? 0)}`;
  return length === undefined ? `${kind} ${file}${at}` : `${kind} ${file}, ${formatByteSize(length)}${at}`;
}

/** `12 faults: the old release booted after 11, the new one after 1` */
export function outcomeText({
  faultPoints,
  bootedOld,
  bootedNew,
  violations,
}: Pick<OperationReport, 'faultPoints' | 'bootedOld' | 'bootedNew' | 'violations'>): string {
  const broken = violations > 0 ? `; INVARIANT BROKEN after ${countText(violations)}` : '';
  if (faultPoints === 0) return `no fault was tried here${broken}`;
  const booted = `the old release booted after ${countText(bootedOld)}, the new one after ${countText(bootedNew)}`;
  return `${countText(faultPoints)} ${faultPoints === 1 ? 'fault' : 'faults'}: ${booted}${broken}`;
}

/** `12,345` */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

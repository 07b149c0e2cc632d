import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { MakingPlan } from '../delta/plan/making-plan.js';
import type { AppliedComponent } from '../package/apply.js';
import type { PackReport } from '../package/pack-report.js';
import type { VerifyReport } from '../package/verify-report.js';
import { factsText, gridText } from './table.js';

/** `ota verify` for people. All of it is verified by the time it is printed. */
export async function verifyText(report: VerifyReport): Promise<string> {
  const { signatures } = report;
  const purpose = signatures.role === 'release:*' ? 'any product' : signatures.role;
  const ignored = signatures.ignored.map(({ keyid, reason }) => `${shortId(keyid)} (${reason})`);
  return [
    `${escapeText(report.package)}: OK`,
    factsText([
      ['product', `${report.product} ${report.version}`],
      ['sequence', `${report.sequence}, security counter ${report.securityCounter}`],
      ['digest', report.digest],
      [
        'signed',
        `${signatures.keyids.length} of ${signatures.threshold} needed for ${purpose}: ${signatures.keyids.map(shortId).join(', ')}`,
      ],
      ['ignored', ignored.length > 0 ? ignored.join(', ') : undefined],
      ['expires', report.expiresAt ?? 'never'],
      [
        'device',
        report.alreadyRunning === undefined
          ? undefined
          : report.alreadyRunning
            ? 'runs this release already'
            : 'accepts it',
      ],
      ...(report.applied ?? []).map(
        ({ component, file }) => ['applied', `${file} makes the signed image of ${component}`] as const,
      ),
    ]),
    '',
    await gridText(
      ['payload', 'size', 'makes', 'version'],
      report.payloads.map(({ file, size, target }) => [
        file,
        formatByteSize(size),
        formatByteSize(target.size),
        target.version,
      ]),
    ),
  ].join('\n');
}

/** What making a delta will take, before it begins. */
export function planText(file: string, { memoryBytes, isEstimate = false, economies }: MakingPlan): string {
  const cheaper = economies.length === 0 ? '' : `; to spare memory, ${economies.join('; ')}`;
  const most = isEstimate ? 'an estimated' : 'up to';
  return `Making ${file} takes ${most} ${formatByteSize(memoryBytes)} of memory${cheaper}`;
}

/** `ota apply` for people. */
export function applyText({ applied, dryRun }: { applied: AppliedComponent[]; dryRun: boolean }): string {
  return applied
    .flatMap(({ component, file, out, target }) => [
      `${escapeText(out)}: ${dryRun ? 'would be' : 'is'} ${component} ${target.version}, made by ${file}`,
      factsText([
        ['size', `${target.size} bytes`],
        ['sha256', target.sha256],
      ]),
    ])
    .join('\n');
}

/** `ota pack` for people. */
export async function packText(report: PackReport): Promise<string> {
  const { dryRun, files, digest, keyids, payloads } = report;
  return [
    ...files.map(({ path, size }) => `${escapeText(path)}: ${dryRun ? 'would have' : 'has'} ${formatByteSize(size)}`),
    factsText([
      ['product', `${report.product} ${report.version}`],
      ['sequence', `${report.sequence}, security counter ${report.securityCounter}`],
      ['digest', digest],
      ['signed by', keyids.length === 0 ? 'nobody yet' : keyids.map(shortId).join(', ')],
    ]),
    '',
    await gridText(
      ['payload', 'size', 'of target', 'from', 'to', 'memory', 'storage'],
      payloads.map(({ file, size, base, target, applyMemoryBytes, storageBytes }) => [
        file,
        formatByteSize(size),
        `${((100 * size) / target.size).toFixed(1)} %`,
        base === undefined ? '' : (base.version ?? base.sha256.slice(0, 8)),
        target.version,
        formatByteSize(applyMemoryBytes),
        storageBytes === 0 ? 'none' : formatByteSize(storageBytes),
      ]),
    ),
  ].join('\n');
}

/** Enough of a key id for people to compare. */
export function shortId(keyid: string): string {
  return keyid.slice(0, 16);
}

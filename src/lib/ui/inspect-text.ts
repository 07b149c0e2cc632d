import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { InspectReport } from '../package/inspect.js';
import { deltaText } from './delta-text.js';
import { shortId } from './package-text.js';
import { factsText, gridText } from './table.js';

/** `ota inspect` for people: everything is what the package says of itself. */
export async function inspectText(report: InspectReport): Promise<string> {
  const { metadata, payloads, keyids, rootVersions, extracted } = report;
  const { compatible, dependsOn, rollback, confirm, releaseNotes } = metadata;
  return [
    `${escapeText(report.package)}: ${formatByteSize(report.size)}, UNVERIFIED`,
    factsText([
      ['product', `${metadata.product} ${metadata.version}`],
      ['vendor', metadata.vendor],
      ['build', metadata.buildId],
      ['models', compatible.models.join(', ')],
      ['hardware', compatible.hardwareRevisions?.join(', ')],
      ['sequence', `${metadata.sequence}, security counter ${metadata.securityCounter}`],
      ['created', metadata.createdAt],
      ['expires', metadata.expiresAt ?? 'never'],
      [
        'rollback',
        rollback === undefined
          ? undefined
          : rollback.allowed
            ? `allowed${rollback.minVersion ? ` to ${rollback.minVersion} or later` : ''}`
            : 'not allowed',
      ],
      ['confirm', confirm === undefined ? undefined : JSON.stringify(confirm)],
      ['depends on', dependsOn?.map(({ component, range }) => `${component} ${range}`).join(', ')],
      ['provenance', metadata.provenance === undefined ? undefined : JSON.stringify(metadata.provenance)],
      ['digest', report.digest],
      ['signatures', keyids.length === 0 ? 'none' : keyids.map(shortId).join(', ')],
      ['roots', rootVersions.length > 0 ? rootVersions.join(', ') : undefined],
      ...Object.entries(metadata.annotations ?? {}),
    ]),
    '',
    await gridText(
      ['payload', 'size', 'of target', 'from', 'to', 'memory', 'storage'],
      payloads.map(({ file, size, base, target, applyMemoryBytes, storageBytes, contained }) => [
        contained ? file : `${file} (not in this file)`,
        formatByteSize(size),
        `${((100 * size) / target.size).toFixed(1)} %`,
        base === undefined ? '' : (base.version ?? base.sha256.slice(0, 8)),
        target.version,
        formatByteSize(applyMemoryBytes),
        storageBytes === 0 ? 'none' : formatByteSize(storageBytes),
      ]),
    ),
    ...(releaseNotes === undefined ? [] : ['', ...releaseNotes.split('\n').map(escapeText)]),
    ...(await Promise.all((report.deltas ?? []).map(async (delta) => `\n${await deltaText(delta.file, delta)}`))),
    ...(extracted ?? []).map((path) => `extracted ${escapeText(path)}`),
  ].join('\n');
}

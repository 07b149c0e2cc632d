import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { ExplainReport } from '../package/explain.js';

/** `ota explain` for people: the answer, then every check, then what to do. */
export function explainText(report: ExplainReport): string {
  const { accepted, alreadyRunning, checks, payloads, downloadBytes } = report;
  const answer = !accepted
    ? 'would be refused'
    : alreadyRunning
      ? 'runs already, nothing would change'
      : 'would be accepted';
  const isAuthentic = checks.some(({ name, passed }) => name === 'signature' && passed);
  return [
    `${escapeText(report.package)} (${isAuthentic ? '' : 'UNVERIFIED '}${report.product} ${report.version}): ${answer}`,
    ...checks.flatMap(({ name, passed, detail, failures }) => [
      `  ${passed ? '✓' : '✗'} ${name}: ${escapeText(detail)}`,
      ...failures.flatMap(({ message, suggestions }) => [
        `      ${escapeText(message)}`,
        ...suggestions.map((text) => `      → ${escapeText(text)}`),
      ]),
    ]),
    ...(payloads.length === 0
      ? []
      : [`It would fetch ${formatByteSize(downloadBytes)}: ${payloads.map(({ file }) => file).join(', ')}`]),
  ].join('\n');
}

import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { TelemetryTally } from '../telemetry/generate-telemetry.js';
import { factsText } from './table.js';
import { countText } from './telemetry-text.js';

/** The same in one line, for stderr. */
export function generatedNote({ lines, messages, duplicates, conflicts, malformed }: TelemetryTally): string {
  const kinds = { messages, duplicates, conflicts, malformed };
  const parts = Object.entries(kinds).filter(([, count]) => count > 0);
  return `${countText(lines)} lines: ${parts.map(([kind, count]) => `${countText(count)} ${kind}`).join(', ')}`;
}

/** What was generated, and what a replay has to make of it. */
export function generatedText(report: TelemetryTally & { out: string; dryRun: boolean }): string {
  const { out, dryRun, lines, messages, duplicates, conflicts, malformed, bytes } = report;
  const some = (count: number) => (count === 0 ? undefined : countText(count));
  return [
    `${dryRun ? 'Would write' : 'Wrote'} ${escapeText(out)}`,
    factsText([
      ['lines', `${countText(lines)}, ${formatByteSize(bytes)}`],
      ['messages', `${countText(messages)}, each with an id of its own`],
      ['duplicates', countText(duplicates)],
      ['conflicts', some(conflicts)],
      ['malformed', some(malformed)],
    ]),
  ].join('\n');
}

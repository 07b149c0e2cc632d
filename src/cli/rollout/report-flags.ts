import { Flags } from '@oclif/core';
import type { RememberedHead } from '../../lib/campaign/verify-journal.js';
import { OtaError } from '../../lib/core/errors.js';
import { escapeText } from '../../lib/core/text.js';
import { forceFlag } from '../../lib/ui/flags.js';

export const REPORT_FORMATS = ['markdown', 'junit', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** What a report is written as, and what it is made from. */
export const reportFlags = {
  format: Flags.option({
    options: REPORT_FORMATS,
    summary: 'What to write [default: what the name of the output says, else markdown].',
  })(),
  output: Flags.string({ char: 'o', summary: 'Where to write it; - is stdout.', helpValue: 'FILE', default: '-' }),
  force: forceFlag,
  verify: Flags.boolean({
    summary: 'Follow the hash chain of the journal first, and write nothing when it is broken.',
    default: false,
  }),
  head: Flags.string({
    summary: 'Entry and hash that an earlier report told; the journal has to hold it. Implies --verify.',
    helpValue: 'SEQ:HASH',
  }),
  journal: Flags.string({
    summary: 'Take the journal from a file, or from the folder of a campaign, and ask no server.',
    helpValue: 'FILE|DIR',
    exclusive: ['server', 'profile', 'local', 'campaigns'],
  }),
  plan: Flags.string({
    summary: 'Plan that belongs to the journal [default: plan.json in the folder].',
    helpValue: 'FILE',
    dependsOn: ['journal'],
  }),
};

/** @param output name of the file that is written */
export function reportFormat(format: ReportFormat | undefined, output: string): ReportFormat {
  if (format !== undefined) return format;
  const [ending] = /\.[a-z]+$/i.exec(output) ?? [];
  const byEnding: Readonly<Record<string, ReportFormat>> = { '.html': 'html', '.htm': 'html', '.xml': 'junit' };
  return byEnding[ending?.toLowerCase() ?? ''] ?? 'markdown';
}

/** @throws OtaError USAGE */
export function parseHead(text: string | undefined): RememberedHead | undefined {
  if (text === undefined) return undefined;
  const [, seq, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  throw new OtaError('USAGE', `--head: "${escapeText(text.slice(0, 100))}" is no number of an entry with its hash`, [
    'Copy it from where an earlier report says "journal": a number, a colon and 64 hex digits.',
  ]);
}

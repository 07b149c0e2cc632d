import { escapeText } from '../core/text.js';
import type { AnsweredRequest } from '../package/answer-request.js';
import type { SignReport } from '../package/sign-report.js';
import { needText } from './trust-text.js';

/** What is being signed, in words that nobody vouches for. */
export function unverifiedText(words: readonly string[]): string {
  return ['UNVERIFIED contents:', ...words.map((line) => `  ${escapeText(line)}`)].join('\n');
}

/** Signatures that were added to a package or a trust root. */
export function signReportText({ out, sha256, added, signatures, needs, dryRun, unverified }: SignReport): string {
  const verb = dryRun ? 'Would sign' : 'Signed';
  return [
    added.length === 0
      ? `${escapeText(out)}: nothing to add, every signature is there already`
      : `${verb} ${escapeText(out)}`,
    unverifiedText(unverified),
    `SHA-256 ${sha256}`,
    ...signatures.map((keyid) => `  signed by ${keyid}${added.includes(keyid) ? '  (new)' : ''}`),
    ...needs.map(needText),
  ].join('\n');
}

/** Signatures that were written as files of their own. */
export function answeredRequestText({ file, sha256, signatures, dryRun, unverified }: AnsweredRequest): string {
  const verb = dryRun ? 'Would write' : 'Wrote';
  return [
    `Signed what ${escapeText(file)} asks for`,
    unverifiedText(unverified),
    `SHA-256 ${sha256}`,
    ...signatures.map(
      ({ keyid, test, out }) => `${verb} ${escapeText(out)}: signature by ${keyid}${test ? '  TEST KEY' : ''}`,
    ),
    `Next, where the signed file is: ota sign attach FILE${signatures.map(({ out }) => ` --signature ${escapeText(out)}`).join('')}`,
  ].join('\n');
}

/** A signing request that was written. */
export function signingRequestText({
  out,
  sha256,
  dryRun,
  unverified,
}: {
  out: string;
  sha256: string;
  dryRun: boolean;
  unverified: readonly string[];
}): string {
  return [
    `${dryRun ? 'Would write' : 'Wrote'} ${escapeText(out)}: a request to sign`,
    unverifiedText(unverified),
    `SHA-256 ${sha256}`,
    'Next, on the machine that holds the key:',
    `  ota sign ${escapeText(out)} --key PRIVATE.key`,
  ].join('\n');
}

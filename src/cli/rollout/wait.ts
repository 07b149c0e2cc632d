import { Flags } from '@oclif/core';
import { parseDuration } from '../../lib/core/duration.js';

const WITHOUT_END = 'forever';

/** How long a command stays with a campaign. */
export const waitFlag = Flags.string({
  summary: 'Wait until it ends or stands still, or at most so long.',
  helpValue: '[TIME]',
});

/** The same where a command waits anyway. */
export const longestWaitFlag = Flags.string({
  summary: 'Wait at most so long [default: until it ends or stands still].',
  helpValue: 'TIME',
});

/** `--wait` alone is `--wait forever`: the parser knows no flag whose value may be left out. */
export function withWait(argv: readonly string[]): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return argv.flatMap((word, at) => {
    const hasValue = at + 1 < end && /^(\d|forever$)/.test(argv[at + 1]!);
    return word === '--wait' && at < end && !hasValue ? [`--wait=${WITHOUT_END}`] : [word];
  });
}

/** @returns milliseconds; Infinity: without end; undefined: it is not waited for. @throws OtaError USAGE */
export function parseWait(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text === WITHOUT_END ? Number.POSITIVE_INFINITY : parseDuration(text);
}

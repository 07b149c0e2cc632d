import { didYouMean } from '../core/did-you-mean.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';

/** Where a word that oclif parsed came from, when nobody typed it: flag name → `ota.config.json`. */
export type FlagOrigins = ReadonlyMap<string, string>;

/** The parts of oclif's parse errors that are used; their classes are not exported. */
interface ParseError extends Error {
  flags?: unknown;
  args?: unknown;
}

/**
 * Says what oclif's parser refused in the project's form: status 2, one sentence, what to type next.
 * Values of unknown flags are not repeated: they may be secrets under a misspelled name.
 *
 * @param command `ota pack`
 * @param known   names of the command's flags
 */
export function usageError(error: unknown, command: string, known: readonly string[], origins: FlagOrigins): unknown {
  if (!(error instanceof Error)) return error;
  const { flag, text } = unwrapFlagParse(error.message);
  const prefix = flag === undefined ? '' : `${originOf(flag, origins)}--${flag}: `;
  if (error instanceof OtaError) return new OtaError(error.code, prefix + text, error.suggestions, { cause: error });
  if (!('oclif' in error)) return error;
  const help = `Run \`${command} --help\` to see its arguments and flags.`;
  const usage = (message: string, ...suggestions: string[]) =>
    new OtaError('USAGE', escapeText(message), [...suggestions, help], { cause: error });
  const { flags, args } = error as ParseError;
  switch (error.constructor.name) {
    case 'NonExistentFlagsError': {
      const names = (flags as string[]).map((word) => word.split('=')[0]!);
      const meant = didYouMean(names[0]!.replace(/^-+/, ''), known);
      const suggestion = meant === undefined ? [] : [`Did you mean --${meant}?`];
      return usage(`unknown flag${names.length > 1 ? 's' : ''} ${names.join(', ')}`, ...suggestion);
    }
    case 'RequiredArgsError': {
      const names = (args as { name: string }[]).map(({ name }) => name.toUpperCase());
      return usage(`missing argument${names.length > 1 ? 's' : ''} ${names.join(', ')}`);
    }
    case 'UnexpectedArgsError':
      return usage(`unexpected argument ${(args as string[]).map((word) => `"${word}"`).join(', ')}`);
    default:
      return usage(prefix + withoutDecoration(text));
  }
}

function originOf(flag: string, origins: FlagOrigins): string {
  const origin = origins.get(flag);
  return origin === undefined ? '' : `${origin}: `;
}

/** oclif wraps what a flag's own parser says in two lines of its own. */
function unwrapFlagParse(message: string): { flag?: string; text: string } {
  const [, flag, text] = /^Parsing --(\S+) \n\t([\s\S]*)\nSee more help with --help$/.exec(message) ?? [];
  return flag === undefined ? { text: message } : { flag, text: text! };
}

/** What oclif's parser says, and how it is said here. */
const PHRASES: [RegExp, string][] = [
  [/^Missing required flag (\S+)$/, '--$1 is missing'],
  [/^Flag (--\S+) expects a value$/, '$1 needs a value'],
  [/^Expected an integer but received: (.*)$/s, 'expected a whole number, got "$1"'],
  [/^Expected (.*) to be one of: (.*)$/s, 'expected one of $2, got "$1"'],
  [/^All of the following must be provided when using (--\S+): (.*)$/, '$1 also needs $2'],
  [/^(--[\w-]+)(?:=.*)? cannot also be provided when using (--\S+)$/s, '$1 and $2 exclude each other'],
  [/^Exactly one of the following must be provided: (.*)$/, 'one of $1 is missing'],
];

/** `The following error occurred:\n  A\n  B\nSee more help with --help` → `A; B`. */
function withoutDecoration(message: string): string {
  const lines = message
    .replace(/\nSee more help with --help/g, '')
    .replace(/^The following errors? occurred:\n/, '')
    .split('\n')
    .map((line) => PHRASES.reduce((text, [pattern, phrase]) => text.replace(pattern, phrase), line.trim()))
    .filter((line) => line !== '');
  const [first = ''] = lines;
  // Each of two that exclude each other is reported; one sentence tells both.
  return first.endsWith(' exclude each other') ? first : lines.join('; ');
}

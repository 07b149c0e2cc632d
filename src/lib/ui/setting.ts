import { resolve } from 'node:path';
import { Flags, type Interfaces } from '@oclif/core';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { inputFlag } from './flags.js';

export type ConfigurableFlags = Record<string, Interfaces.Flag<unknown>>;

/** One flag set by something other than the command line. */
export interface Setting {
  name: string;
  /** What the user could have typed: `--threshold=2`. */
  words: string[];
  /** Who says so: `OTA_THRESHOLD`, or a path. */
  origin: string;
}

/** A checkout or a machine must not switch these on for whoever runs a command there. */
const ONLY_TYPED = new Set([
  ...['allow-test-keys', 'dry-run', 'force', 'passphrase-stdin'],
  ...['accept-damage', 'new-output', 'rebuild'],
  ...['yes', 'trust-plan', 'token-stdin', 'password-stdin'],
]);

/**
 * Turns a configured value into the words of a command line.
 *
 * @param value  boolean for a boolean flag, else a scalar, or a list where the flag is repeatable
 * @param folder what relative paths are relative to, for flags that hold a path
 * @throws OtaError CONFIG_INVALID
 */
export function settingOf(
  flags: ConfigurableFlags,
  name: string,
  value: unknown,
  origin: string,
  folder?: string,
): Setting {
  const flag = flags[name]!;
  if (ONLY_TYPED.has(name)) throw invalid(origin, `--${name} can only be given on the command line`);
  if (flag.type === 'boolean') {
    if (typeof value !== 'boolean') throw invalid(origin, `"${name}" must be true or false`);
    return { name, words: value ? [`--${name}`] : flag.allowNo ? [`--no-${name}`] : [], origin };
  }
  const values = Array.isArray(value) ? value : [value];
  if (Array.isArray(value) && !flag.multiple) throw invalid(origin, `"${name}" takes one value, not a list`);
  const words = values.map((item: unknown) => {
    if (typeof item !== 'string' && typeof item !== 'number') {
      throw invalid(origin, `"${name}" must be text or a number${flag.multiple ? ', or a list of them' : ''}`);
    }
    const text = String(item);
    return `--${name}=${folder !== undefined && holdsPath(flag, text) ? resolve(folder, text) : text}`;
  });
  return { name, words, origin };
}

export function invalid(origin: string, fact: string, suggestions: string[] = []): OtaError {
  return new OtaError('CONFIG_INVALID', `${escapeText(origin)}: ${escapeText(fact)}`, suggestions);
}

const PATH_PARSERS: unknown[] = [Flags.file().parse, Flags.directory().parse];
const INPUT_PARSER: unknown = inputFlag().parse;

/** Flags made by Flags.file, Flags.directory and inputFlag share their parser; that is how they are known. */
function holdsPath(flag: Interfaces.Flag<unknown>, value: string): boolean {
  if (flag.parse === INPUT_PARSER) return value !== '-' && !/^[a-z][a-z0-9+.-]*:\/\//i.test(value);
  return PATH_PARSERS.includes(flag.parse);
}

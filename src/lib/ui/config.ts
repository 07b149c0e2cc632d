import { relative } from 'node:path';
import type { OtaError } from '../core/errors.js';
import { fileSettings, findProfile, findProjectFile, refuseForeignFile, refuseSharedFile } from './config-file.js';
import type { KnownOptions } from './known-options.js';
import { type ConfigurableFlags, invalid, type Setting, settingOf } from './setting.js';

export interface ConfigContext {
  /** Words after the command. */
  argv: readonly string[];
  flags: ConfigurableFlags;
  /** `ota` or `fleet`; in upper case it begins the names of environment variables. */
  bin: string;
  /** `trust:init` */
  commandId: string;
  environment: Record<string, string | undefined>;
  /** Where the search for the project file begins. */
  directory: string;
  /** What keys of a configuration file may name; asked only when there is such a file. */
  known?: () => KnownOptions | undefined;
}

export interface ConfiguredArgv {
  /** What the parser gets: the words that were typed and those that configuration adds. */
  argv: string[];
  /** Flag name → where its value came from, for flags that were not typed. */
  origins: Map<string, string>;
  /** Files that set something, with the flags they set. */
  filesUsed: { file: string; settings: string[] }[];
}

/**
 * Adds what was not typed: flag > environment > project file > profile (> the flag's default).
 * A configured flag never makes a command line invalid that was valid without it: one that excludes
 * a flag set on a higher level (`--key` was typed, `trust` is configured) is left out, and so is
 * one that depends on a flag nobody set.
 *
 * The result is parsed as if typed, so values are checked and related in one place.
 *
 * @throws OtaError CONFIG_INVALID, naming the variable or file
 */
export async function configuredArgv(context: ConfigContext): Promise<ConfiguredArgv> {
  const { argv, flags, commandId, directory } = context;
  const files: string[] = [];
  const settingsOf = async (path: string | undefined, refuse: (path: string) => Promise<void>) => {
    if (path === undefined) return [];
    await refuse(path);
    files.push(path);
    return fileSettings(path, flags, commandId, context.known?.());
  };
  const levels = [
    environmentSettings(context),
    fitForCheckout(await settingsOf(findProjectFile(directory), (path) => refuseForeignFile(path, directory))),
    await settingsOf(findProfile(context.environment), refuseSharedFile),
  ];
  const added = fitting(levels, typedFlags(argv, flags), flags);

  // Before a `--` and after all arguments: a repeatable flag could otherwise take those as its values.
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return {
    argv: [...argv.slice(0, end), ...added.flatMap(({ words }) => words), ...argv.slice(end)],
    origins: new Map(added.map(({ name, origin }) => [name, origin])),
    filesUsed: files
      .map((path) => ({
        file: relative(directory, path) || path,
        settings: added.filter(({ origin }) => origin === path).map(({ name }) => name),
      }))
      .filter(({ settings }) => settings.length > 0),
  };
}

/** A checkout from somewhere must neither run its own program, with a private key at hand, nor have a secret sent where it says. */
function fitForCheckout(settings: Setting[]): Setting[] {
  const setting = (name: string) => settings.find((one) => one.name === name);
  const [program, plain, token] = [setting('signer-command'), setting('insecure-http'), setting('token-env')];
  if (program !== undefined) throw notInProject(program, 'which runs a program');
  if (plain !== undefined) throw notInProject(plain, 'which sends credentials in clear text');
  if (token !== undefined && setting('server') !== undefined) {
    throw notInProject(token, 'which together with its --server would choose who gets the token');
  }
  return settings;
}

function notInProject({ name, origin }: Setting, why: string): OtaError {
  return invalid(origin, `a project file cannot set --${name}, ${why}`, [
    'Give it on the command line, as a variable of the environment, or in your profile.',
  ]);
}

/** Of the settings on each level, highest first, those that go with what was typed. */
function fitting(levels: Setting[][], typed: ReadonlySet<string>, flags: ConfigurableFlags): Setting[] {
  const chosen = new Set(typed);
  let added: Setting[] = [];
  for (const settings of levels) {
    const free = settings.filter(({ name }) => ![...chosen].some((other) => clash(flags, name, other)));
    added.push(...free);
    for (const { name } of free) chosen.add(name);
  }
  const isSet = (name: string) =>
    typed.has(name) || flags[name]?.default !== undefined || added.some((setting) => setting.name === name);
  for (let before = -1; before !== added.length; ) {
    before = added.length;
    added = added.filter(({ name }) => (flags[name]!.dependsOn ?? []).every(isSet));
  }
  return added;
}

/** `OTA_CHUNK_BYTES` sets `--chunk-bytes`; an empty variable counts as unset; lists are separated by commas. */
function environmentSettings({ flags, bin, environment }: ConfigContext): Setting[] {
  return Object.entries(flags).flatMap(([name, flag]) => {
    const variable = `${bin}_${name}`.toUpperCase().replaceAll('-', '_');
    const text = environment[variable];
    if (text === undefined || text === '') return [];
    const value = flag.type === 'boolean' ? booleanOf(text, variable) : flag.multiple ? text.split(',') : text;
    return [settingOf(flags, name, value, variable)];
  });
}

function booleanOf(text: string, variable: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw invalid(variable, 'must be 1 or 0');
}

/** Names of the flags in argv, short and negated forms included. */
function typedFlags(argv: readonly string[], flags: ConfigurableFlags): Set<string> {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const typed = argv.slice(0, end).flatMap((word) => {
    const long = /^--(?:no-)?([^=]+)/.exec(word);
    if (long) return [word.slice(2), long[1]!, word.slice(2).split('=')[0]!].filter((name) => name in flags);
    if (!/^-[A-Za-z]/.test(word)) return [];
    const letters = shortForms(word, flags);
    return Object.keys(flags).filter((name) => letters.includes(flags[name]!.char ?? '-'));
  });
  return new Set(typed);
}

/** `-qk file`: letters up to the first one whose flag takes a value. */
function shortForms(word: string, flags: ConfigurableFlags): string {
  const letters = word.slice(1);
  const valued = Object.values(flags).filter(({ type }) => type === 'option');
  const chars = new Set<string | undefined>(valued.map(({ char }) => char));
  const end = [...letters].findIndex((letter) => chars.has(letter));
  return end === -1 ? letters : letters.slice(0, end + 1);
}

function clash(flags: ConfigurableFlags, name: string, other: string): boolean {
  return name === other || excludes(flags, name, other) || excludes(flags, other, name);
}

function excludes(flags: ConfigurableFlags, name: string, other: string): boolean {
  const { exclusive = [], exactlyOne = [] } = flags[name]!;
  return exclusive.includes(other) || exactlyOne.includes(other);
}

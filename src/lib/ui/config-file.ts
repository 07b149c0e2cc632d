import { existsSync } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { didYouMean } from '../core/did-you-mean.js';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import type { KnownOptions } from './known-options.js';
import { namesSecret } from './secret-in-argv.js';
import { type ConfigurableFlags, invalid, type Setting, settingOf } from './setting.js';

const PROJECT_FILE_NAME = 'ota.config.json';
const MAX_FILE_BYTES = 64 * 1024;
const MAX_DEPTH = 4;

/** The `ota.config.json` of this directory or the nearest one above it. */
export function findProjectFile(directory: string): string | undefined {
  let folder = resolve(directory);
  while (!existsSync(join(folder, PROJECT_FILE_NAME))) {
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
  return join(folder, PROJECT_FILE_NAME);
}

/** The user's own settings: `$XDG_CONFIG_HOME/ota-fleet/config.json`, by default below `~/.config`. */
export function findProfile(environment: Record<string, string | undefined>): string | undefined {
  const { XDG_CONFIG_HOME } = environment;
  const base = XDG_CONFIG_HOME && isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(homedir(), '.config');
  const path = join(base, 'ota-fleet', 'config.json');
  return existsSync(path) ? path : undefined;
}

/**
 * A project file must belong to whoever runs the command (or to root): one that another user left in
 * a folder above, such as /tmp, could otherwise choose which keys are trusted. To root, who reads
 * other users' checkouts in a container, the file may also belong to the owner of the directory.
 *
 * @param directory where the command runs
 * @throws OtaError CONFIG_INVALID
 */
export async function refuseForeignFile(path: string, directory: string, userId = process.getuid?.()): Promise<void> {
  if (userId === undefined) return; // Windows has none
  const trusted = new Set([0, userId]);
  if (userId === 0) trusted.add((await stat(directory)).uid);
  const { uid, mode } = await stat(path);
  // Of a symbolic link also itself: whoever owns it can point it elsewhere before it is read.
  const isForeign = [uid, (await lstat(path)).uid].some((owner) => !trusted.has(owner));
  if (isForeign) throw invalid(path, 'belongs to another user', ['Copy it, or run as its owner.']);
  if (mode & 0o002 && userId !== 0) {
    throw invalid(path, 'can be changed by everybody', [`Run \`chmod o-w ${path}\`.`]);
  }
}

/** @throws OtaError CONFIG_INVALID unless only the owner can read and write it */
export async function refuseSharedFile(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const mode = (await stat(path)).mode & 0o777;
  if (mode & 0o077) {
    throw invalid(path, `has mode 0${mode.toString(8)}, expected 0600`, [`Run \`chmod 600 ${path}\`.`]);
  }
}

/**
 * What a file sets for one command. Top-level keys are names of flags (of any command); a key that
 * holds an object is a section for the command of that name and wins over the top level:
 * `{"trust": "root.json", "pack": {"product": "gw-100"}, "trust init": {…}}`
 *
 * @param commandId `trust:init`
 * @param known     what keys may name; absent: not checked
 * @throws OtaError CONFIG_INVALID
 */
export async function fileSettings(
  path: string,
  flags: ConfigurableFlags,
  commandId: string,
  known?: KnownOptions,
): Promise<Setting[]> {
  const top = asObject(await readJson(path), path);
  if (known !== undefined) refuseUnknownKeys(top, known, path);
  const sectionName = commandId.replaceAll(':', ' ');
  const section = asObject(top[sectionName] ?? {}, path, sectionName);
  const unknown = Object.keys(section).find((name) => !Object.hasOwn(flags, name));
  if (unknown !== undefined) throw invalid(path, `"${sectionName}" has no flag "${unknown}"`);
  const values = { ...scalarsOf(top), ...section };
  const secret = Object.keys(values).find(namesSecret);
  if (secret !== undefined) throw invalid(path, `"${secret}": a secret does not belong into a configuration file`);
  return Object.entries(values)
    .filter(([name]) => Object.hasOwn(flags, name))
    .map(([name, value]) => settingOf(flags, name, value, path, dirname(path)));
}

async function readJson(path: string): Promise<JsonValue> {
  try {
    const bytes = await readBounded(path, MAX_FILE_BYTES, 'configuration');
    return parseStrictJson(bytes, { name: path, maxBytes: MAX_FILE_BYTES, maxDepth: MAX_DEPTH });
  } catch (error) {
    if (error instanceof OtaError && (error.code === 'JSON_INVALID' || error.code === 'LIMIT_EXCEEDED')) {
      throw new OtaError('CONFIG_INVALID', error.message, error.suggestions, { cause: error });
    }
    throw error;
  }
}

/** A misspelled "threshold" must not leave the default in force in silence. */
function refuseUnknownKeys(top: { [key: string]: JsonValue }, { options, commands }: KnownOptions, path: string): void {
  const unknown = Object.keys(top).find((key) => !options.has(key) && !commands.has(key) && !namesSecret(key));
  if (unknown === undefined) return;
  const meant = didYouMean(unknown, [...options, ...commands]);
  throw invalid(
    path,
    `"${unknown}" is neither an option nor a command`,
    meant === undefined ? [] : [`Did you mean "${meant}"?`],
  );
}

function asObject(value: JsonValue, path: string, section?: string): { [key: string]: JsonValue } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw invalid(path, `${section === undefined ? 'the file' : `"${section}"`} must hold an object`);
}

/** Without the sections, this command's and others'. */
function scalarsOf(top: { [key: string]: JsonValue }): { [key: string]: JsonValue } {
  return Object.fromEntries(
    Object.entries(top).filter(([, value]) => typeof value !== 'object' || value === null || Array.isArray(value)),
  );
}

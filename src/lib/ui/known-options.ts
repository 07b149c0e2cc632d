import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What configuration files may speak of: options and commands of every executable in the package. */
export interface KnownOptions {
  options: ReadonlySet<string>;
  /** As typed: `trust init`. */
  commands: ReadonlySet<string>;
}

interface CommandManifest {
  commands: Record<string, { flags: Record<string, unknown> }>;
}

/**
 * Reads the manifests that the build wrote.
 *
 * @param root directory of the installed package
 * @returns undefined where nothing has been built there
 */
export function knownOptions(root: string): KnownOptions | undefined {
  const paths = globSync(join(root, 'dist', '*.manifest.json'));
  if (paths.length === 0) return undefined;
  const commands = paths
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as CommandManifest)
    .flatMap((manifest) => Object.entries(manifest.commands));
  return {
    options: new Set(commands.flatMap(([, { flags }]) => Object.keys(flags))),
    commands: new Set(commands.map(([id]) => id.replaceAll(':', ' '))),
  };
}

import { join } from 'node:path';
import type { Command, Config } from '@oclif/core';
import { failureOf, failureText } from '../lib/ui/failure.js';
import { type Executable, findCommand, type Manifest, readManifest } from './manifest.js';

type CommandClass = (new (argv: string[], config: Config) => Command) & { id: string };

/**
 * Runs the one command that argv names.
 *
 * oclif would find it by loading its plugins and every command's description first; here the manifest
 * written at build time says where it lies, which halves the start-up time.
 *
 * @param root directory of the installed package
 * @param argv words after the executable
 */
export async function dispatch(executable: Executable, root: string, argv: string[]): Promise<void> {
  const manifest = readManifest(executable, root);
  const config = commandConfig(executable, root, manifest);
  try {
    const found = findCommand(manifest, argv);
    if (found === undefined) {
      const { UnknownCommand } = await import('./unknown-command.js');
      await run(UnknownCommand, argv, config);
    } else {
      const file = join(root, 'dist', 'commands', executable, `${found.command.id.replaceAll(':', '/')}.js`);
      const { default: Loaded } = (await import(file)) as { default: CommandClass };
      Loaded.id = found.command.id;
      await run(Loaded, argv.slice(found.wordCount), config);
    }
  } catch (error) {
    // A command reports its own failures; this is one of the dispatch itself.
    const failure = failureOf(error, executable);
    process.exitCode = failure.exitStatus;
    process.stderr.write(`${failureText(failure)}\n`);
  }
}

/** What Command.run does, without loading a second Config. */
async function run(Loaded: CommandClass, argv: string[], config: Config): Promise<void> {
  const command = new Loaded(argv, config);
  await (command as unknown as { _run(): Promise<unknown> })._run();
}

/** The part of oclif's Config that a running command uses; there are no plugins and so no hooks. */
function commandConfig(executable: Executable, root: string, { version }: Manifest): Config {
  const config = {
    bin: executable,
    commandIDs: [],
    findCommand: () => undefined,
    name: 'ota-fleet',
    pjson: { name: 'ota-fleet', version, oclif: { bin: executable, topicSeparator: ' ' } },
    root,
    runHook: async () => ({ successes: [], failures: [] }),
    scopedEnvVar: (name: string) => process.env[scopedName(executable, name)],
    scopedEnvVarKey: (name: string) => scopedName(executable, name),
    scopedEnvVarKeys: (name: string) => [scopedName(executable, name)],
    topicSeparator: ' ',
    userAgent: `ota-fleet/${version} ${process.platform}-${process.arch} node-${process.version}`,
    version,
  };
  return config as unknown as Config;
}

function scopedName(executable: Executable, name: string): string {
  return `${executable.toUpperCase()}_${name}`;
}

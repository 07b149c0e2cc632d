import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Executable = 'ota' | 'fleet';

/** What the build writes down about each command, so that only the one that runs has to be loaded. */
export interface Manifest {
  version: string;
  /** By command id: the words a user types, joined by colons. */
  commands: Record<string, ManifestCommand>;
  /** What the commands under a common first word are about, by that word. */
  topics: Record<string, string>;
}

export interface ManifestCommand {
  id: string;
  aliases?: string[];
  hidden?: boolean;
  summary?: string;
  description?: string;
  flags: Record<string, ManifestFlag>;
  args: Record<string, { options?: string[] }>;
}

export interface ManifestFlag {
  name: string;
  char?: string;
  summary?: string;
  description?: string;
  type: 'boolean' | 'option';
  hidden?: boolean;
  multiple?: boolean;
  options?: string[];
}

/** @param root directory of the installed package */
export function readManifest(executable: Executable, root: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'dist', `${executable}.manifest.json`), 'utf8')) as Manifest;
}

/** The command whose words begin `words`, the longest one if several do. */
export function findCommand(
  manifest: Manifest,
  words: string[],
): { command: ManifestCommand; wordCount: number } | undefined {
  const leading = words.findIndex((word) => word.startsWith('-'));
  for (let wordCount = leading === -1 ? words.length : leading; wordCount > 0; wordCount--) {
    const id = words.slice(0, wordCount).join(':');
    const command =
      manifest.commands[id] ?? Object.values(manifest.commands).find((candidate) => candidate.aliases?.includes(id));
    if (command !== undefined) return { command, wordCount };
  }
  return undefined;
}

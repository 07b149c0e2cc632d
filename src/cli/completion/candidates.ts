import { findCommand, type Manifest, type ManifestCommand } from '../manifest.js';

export interface Candidate {
  value: string;
  /** One line, may be empty. */
  summary: string;
}

/**
 * What may stand in place of the last word.
 *
 * @param words everything after the executable; the last one is being typed and may be empty
 * @returns nothing when a file name or free text is expected there
 */
export function completionCandidates(manifest: Manifest, words: string[]): Candidate[] {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const found = findCommand(manifest, before);
  const candidates = found
    ? inCommand(found.command, before.slice(found.wordCount), typed)
    : nextWords(manifest, before);
  return candidates.filter(({ value }) => value.startsWith(typed));
}

function inCommand({ flags, args }: ManifestCommand, before: string[], typed: string): Candidate[] {
  const visible = Object.values(flags).filter(({ hidden }) => !hidden);
  const previous = before.at(-1);
  const awaiting = visible.find(
    ({ type, name, char }) =>
      type === 'option' && previous !== undefined && [`--${name}`, `-${char}`].includes(previous),
  );
  if (awaiting !== undefined) return choices(awaiting.options);
  if (!typed.startsWith('-')) return choices(Object.values(args).flatMap(({ options }) => options ?? []));
  return [
    ...visible
      .filter(({ name, multiple }) => multiple || !before.includes(`--${name}`))
      .map(({ name, summary, description }) => ({ value: `--${name}`, summary: firstLine(summary ?? description) })),
    { value: '--help', summary: 'Show help.' },
  ];
}

/** Next words of the commands that begin with `before`: a command or a topic. */
function nextWords({ commands, topics }: Manifest, before: string[]): Candidate[] {
  const next = new Map<string, Candidate>();
  for (const command of Object.values(commands)) {
    const words = command.id.split(':');
    const value = words[before.length];
    if (command.hidden || value === undefined || before.some((word, index) => word !== words[index])) continue;
    const isCommand = words.length === before.length + 1;
    const summary = isCommand
      ? (command.summary ?? command.description)
      : topics[words.slice(0, before.length + 1).join(':')];
    if (isCommand || !next.has(value)) next.set(value, { value, summary: firstLine(summary) });
  }
  return [...next.values()];
}

function choices(options: string[] = []): Candidate[] {
  return options.map((value) => ({ value, summary: '' }));
}

function firstLine(text = ''): string {
  return text.split('\n', 1)[0]!;
}

import { foldCase } from './text-order.js';

/**
 * The literal texts between the wildcards of a pattern, with `\*` become `*`. A single one: the pattern has no wildcard.
 * `ab*` is `['ab', '']`. As in hawkBit, a backslash before anything else stands for itself.
 */
export function wildcardParts(pattern: string): [string, ...string[]] {
  const [first = '', ...rest] = pattern.split(/(?<!\\)\*/).map((part) => part.replaceAll('\\*', '*'));
  return [first, ...rest];
}

/** A pattern that matches this text alone. */
export function escapeWildcards(text: string): string {
  return text.replaceAll('*', '\\*');
}

/**
 * Whether a pattern matches all of a text; the case of A–Z does not count.
 * No regular expression: `*a*a*a*a*a*b` would keep one busy for hours.
 */
export function matchesWildcard(text: string, pattern: string): boolean {
  const [first, ...rest] = wildcardParts(foldCase(pattern));
  const folded = foldCase(text);
  const last = rest.pop();
  if (last === undefined) return folded === first;
  if (!folded.startsWith(first) || !folded.endsWith(last)) return false;
  let from = first.length;
  for (const part of rest) {
    const found = folded.indexOf(part, from);
    if (found === -1) return false;
    from = found + part.length;
  }
  return from <= folded.length - last.length;
}

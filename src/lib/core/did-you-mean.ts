import { closest, distance } from 'fastest-levenshtein';

/** The candidate that was probably meant, or undefined when none is near. */
export function didYouMean(typed: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const lower = typed.toLowerCase();
  const nearest = closest(lower, candidates);
  return distance(lower, nearest) <= Math.max(2, Math.floor(typed.length / 3)) ? nearest : undefined;
}

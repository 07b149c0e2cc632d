/** How numbers are spread, by nearest rank: each of them did occur. */
export interface Spread {
  readonly least: number;
  readonly p5: number;
  readonly median: number;
  readonly p95: number;
  readonly most: number;
}

/** @param numbers one or more, in any order */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = [...numbers].sort((a, b) => a - b);
  const rank = (percent: number) => sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
  return { least: rank(0), p5: rank(5), median: rank(50), p95: rank(95), most: rank(100) };
}

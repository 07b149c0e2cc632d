/**
 * Shares a number out over strata in proportion to their sizes (largest remainder), so that each has at least one as long
 * as that is possible: a kind of device that nobody has tried is not to be met by thousands at once.
 *
 * @param total to be shared out
 * @param sizes of the strata: none gets more. Of equal ones an earlier goes first
 * @returns for each stratum; adds up to the smaller of `total` and all sizes
 */
export function allot(total: number, sizes: readonly number[]): number[] {
  const all = sizes.reduce((sum, size) => sum + size, 0);
  if (total >= all) return [...sizes];
  const filled = sizes.map((_, at) => at).filter((at) => sizes[at]! > 0);
  const shares = new Array<number>(sizes.length).fill(0);
  if (total < filled.length) {
    const largest = [...filled].sort((a, b) => sizes[b]! - sizes[a]!);
    for (const at of largest.slice(0, total)) shares[at] = 1;
    return shares;
  }
  const quota = (at: number): number => (total * sizes[at]!) / all;
  for (const at of filled) shares[at] = Math.max(1, Math.floor(quota(at)));
  let left = total - filled.reduce((sum, at) => sum + shares[at]!, 0);
  // What each lacks to its quota, the most first. Rounds, because one each may be less or more than what is left.
  const lacking = [...filled].sort((a, b) => quota(b) - shares[b]! - (quota(a) - shares[a]!));
  while (left > 0) {
    for (const at of lacking) {
      if (left === 0) break;
      if (shares[at]! >= sizes[at]!) continue;
      shares[at]!++;
      left--;
    }
  }
  while (left < 0) {
    for (const at of [...lacking].reverse()) {
      if (left === 0) break;
      if (shares[at]! <= 1) continue;
      shares[at]!--;
      left++;
    }
  }
  return shares;
}

/** The percentage for each of `count` groups of the same size: each is of the devices that are left. */
export function evenPercentages(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 100 / (count - index));
}

/** How many devices a group takes of those that match it and that no earlier group took: as hawkBit rounds. */
export function groupSize(percentage: number, remaining: number): number {
  return Math.min(remaining, Math.round((percentage / 100) * remaining));
}

/**
 * The sizes of groups that take their share one after the other.
 *
 * @returns `leftOut`: devices that no group took
 */
export function groupSizes(percentages: readonly number[], matching: number): { sizes: number[]; leftOut: number } {
  let remaining = matching;
  const sizes = percentages.map((percentage) => {
    const size = groupSize(percentage, remaining);
    remaining -= size;
    return size;
  });
  return { sizes, leftOut: remaining };
}

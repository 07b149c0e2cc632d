/**
 * The smallest of the values that at least this share of them does not exceed (nearest rank).
 *
 * @param values at least one; they are put in order
 * @param share  0 to 1
 */
export function quantileOf(values: Float64Array, share: number): number {
  values.sort();
  return values[Math.max(0, Math.ceil(share * values.length) - 1)]!;
}

/** @param values at least one */
export function meanOf(values: Float64Array): number {
  // A running mean: a sum of large numbers would overflow.
  let mean = 0;
  for (const [index, value] of values.entries()) mean += (value - mean) / (index + 1);
  return mean;
}

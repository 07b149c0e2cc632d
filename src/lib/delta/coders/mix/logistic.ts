/**
 * The logistic function and its inverse, in integers, so that every machine and language repeats them.
 *
 * Probabilities have 12 bits (1 to 4095), the logistic domain has 8 fractional bits (−2047 to 2047).
 */

/** 4096 / (1 + e^(−x/2)) at x = −16 … 16, rounded, kept inside 1 … 4095. */
const KNOTS = [
  1, 2, 4, 6, 10, 17, 27, 45, 74, 120, 194, 311, 488, 747, 1102, 1546, 2048, 2550, 2994, 3349, 3608, 3785, 3902, 3976,
  4022, 4051, 4069, 4079, 4086, 4090, 4092, 4094, 4095,
];

/** Where zero lies in {@link SQUASH}. */
export const LOGISTIC_ZERO = 2048;

/** From the logistic domain, plus {@link LOGISTIC_ZERO}, to a probability; between the knots it is linear. */
export const SQUASH = Int16Array.from({ length: 4096 }, (_, i) => {
  const knot = i >> 7;
  const part = i & 127;
  return (KNOTS[knot]! * (128 - part) + KNOTS[knot + 1]! * part + 64) >> 7;
});

/** From a probability to the logistic domain: the smallest value that {@link SQUASH} maps to at least it. */
export const STRETCH = stretchTable();

function stretchTable(): Int16Array {
  const table = new Int16Array(4096).fill(2047);
  for (let probability = 0, x = -2047; x <= 2047; x++) {
    for (const most = SQUASH[x + LOGISTIC_ZERO]!; probability <= most; probability++) table[probability] = x;
  }
  return table;
}

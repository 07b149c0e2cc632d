/** 65536 ÷ (1 + e^−x) for x = −8, −7.5, … 8, rounded, and kept away from certainty. */
const KNOTS = Int32Array.of(
  22,
  36,
  60,
  98,
  162,
  267,
  439,
  720,
  1179,
  1921,
  3108,
  4971,
  7812,
  11955,
  17625,
  24743,
  32768,
  40793,
  47911,
  53581,
  57724,
  60565,
  62428,
  63615,
  64357,
  64816,
  65097,
  65269,
  65374,
  65438,
  65476,
  65500,
  65514,
);

/** Largest magnitude that {@link stretch} gives and {@link squash} tells apart: 8, in 256ths. */
export const MOST_STRETCH = 2047;

/** The probability, in 65536ths, whose logarithm of odds is `x` 256ths. */
export function squash(x: number): number {
  if (x > MOST_STRETCH) return KNOTS[32]!;
  if (x < -MOST_STRETCH) return KNOTS[0]!;
  const at = x + 2048;
  const knot = at >> 7;
  const low = KNOTS[knot]!;
  return low + ((Math.imul(KNOTS[knot + 1]! - low, at & 127) + 64) >> 7);
}

/** The logarithm of odds, in 256ths, of a probability in 4096ths: the least x whose {@link squash} is at least that. */
export const STRETCH: Int16Array = stretchTable();

function stretchTable(): Int16Array {
  const table = new Int16Array(4096);
  let x = -MOST_STRETCH;
  for (let probability = 0; probability < 4096; probability++) {
    while (x < MOST_STRETCH && squash(x) < probability * 16 + 8) x++;
    table[probability] = x;
  }
  return table;
}

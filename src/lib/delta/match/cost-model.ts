/** Costs are in 64ths of a bit: what a byte or a decision adds to the coded patch. */
export interface CostModel {
  /** A byte of the new image that no cover has. */
  readonly literal: number;
  /** Whether it costs less where it is frequent; `literal` is then what it costs at most. */
  readonly literalsByFrequency: boolean;
  /** One that repeats the bytes before it, as padding does. */
  readonly repeatedLiteral: number;
  /** A byte in a cover that agrees, after one that agrees and after one that differs. */
  readonly equal: number;
  readonly equalAfterDifferent: number;
  /** A byte in a cover that differs, after one that agrees and after one that differs. */
  readonly different: number;
  readonly differentAgain: number;
  /** One that differs by as much as the last one that did. */
  readonly sameDifference: number;
  /** One that differs by as much as those at the same place of the entries before it in a table. */
  readonly tableDifference: number;
  /** A cover, beside what its distance takes. */
  readonly cover: number;
  /** For each bit of the distance between where it is in the old image and where the last cover would go on. */
  readonly distanceBit: number;
  /** The end of a cover before bytes that no cover has. */
  readonly gap: number;
}

const bits = (count: number) => Math.round(count * 64);

/** Measured on firmware under LZMA and brotli. */
export const TYPICAL_COSTS: CostModel = {
  literal: bits(6.5),
  literalsByFrequency: false,
  repeatedLiteral: bits(0.1),
  equal: bits(0.03),
  equalAfterDifferent: bits(1.2),
  different: bits(10),
  differentAgain: bits(7),
  sameDifference: bits(4),
  tableDifference: bits(2),
  cover: bits(16),
  distanceBit: bits(0.8),
  gap: bits(6),
};

/**
 * For bsdiff's triples: three numbers of eight bytes each take some 32 bits once they are packed. What is not
 * predicted leaves differences without pattern, and the literals have a stream of their own.
 */
export const TRIPLE_COSTS: CostModel = { ...TYPICAL_COSTS, literalsByFrequency: true, cover: bits(32), gap: bits(12) };

/** For masked copies: what was masked and is then predicted wrongly makes covers dearer than it looks. */
export const MASKED_COSTS: CostModel = { ...TYPICAL_COSTS, literal: bits(5.5) };

/** For those of large images, as kernels, whose tables of numbers are often given anew: they are not refined later. */
export const LARGE_MASKED_COSTS: CostModel = {
  ...MASKED_COSTS,
  literalsByFrequency: true,
  different: bits(7),
  differentAgain: bits(5),
};

/** For bytes as they are predicted: what still differs has no pattern left. */
export const PREDICTED_COSTS: CostModel = { ...TYPICAL_COSTS, literal: bits(5.5), different: bits(12) };

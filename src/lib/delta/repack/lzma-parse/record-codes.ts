import { type DecisionKind, LITERAL, MATCH, REPEAT_0, SHORT_REPEAT } from './lzma-decision.js';

/**
 * Decisions as bytes that stay alike where content stays alike: a code for each decision, which
 * holds its kind and most lengths; and apart from them the distances of the few matches that
 * `NearestMatch` does not find.
 */
export interface DecisionRecord {
  /** One byte, or two, for each decision. */
  codes: Uint8Array;
  /** 32 bits each, lowest byte first. */
  distances: Uint8Array;
}

export const DISTANCE_BYTES = 4;

/** The codes of one kind of decision: one for each length from two bytes on; one byte more follows the last. */
export interface CodeFamily {
  readonly kind: DecisionKind;
  /** Whether the distance stands among the distances. */
  readonly isTold: boolean;
  readonly first: number;
  readonly last: number;
}

function family(kind: DecisionKind, first: number, last: number, isTold = false): CodeFamily {
  return { kind, first, last, isTold };
}

/** These two say one byte always, and have one code. */
const LITERAL_FAMILY = family(LITERAL, 0, 0);
const SHORT_REPEAT_FAMILY = family(SHORT_REPEAT, 1, 1);
const NEAREST_FAMILY = family(MATCH, 2, 65);
const REPEAT_FAMILIES = [
  family(REPEAT_0, 96, 159),
  family((REPEAT_0 + 1) as DecisionKind, 160, 191),
  family((REPEAT_0 + 2) as DecisionKind, 192, 223),
  family((REPEAT_0 + 3) as DecisionKind, 224, 255),
] as const;

/** Matches whose distance is told. */
export const TOLD_FAMILY = family(MATCH, 66, 95, true);

/** The families of the kinds; matches are those whose distance is found. */
export const FAMILY_OF_KIND: readonly CodeFamily[] = [
  LITERAL_FAMILY,
  NEAREST_FAMILY,
  SHORT_REPEAT_FAMILY,
  ...REPEAT_FAMILIES,
];

const IN_ORDER = [LITERAL_FAMILY, SHORT_REPEAT_FAMILY, NEAREST_FAMILY, TOLD_FAMILY, ...REPEAT_FAMILIES];

/** The family of each code. */
export const FAMILY_OF_CODE: readonly CodeFamily[] = Array.from(
  { length: 256 },
  (_, code) => IN_ORDER.find(({ last }) => code <= last)!,
);

/** One byte as it is. */
export const LITERAL = 0;
/** Bytes from a distance that is told. */
export const MATCH = 1;
/** One byte from the last distance. */
export const SHORT_REPEAT = 2;
/** Bytes from the last distance; 4, 5 and 6 are those before it. */
export const REPEAT_0 = 3;

export type DecisionKind = 0 | 1 | 2 | 3 | 4 | 5 | 6;

export const SHORTEST_MATCH_BYTES = 2;
export const LONGEST_MATCH_BYTES = 273;

/** A match of this distance, less one, and of this length ends a stream. */
export const END_DISTANCE = 0xffffffff;
export const END_LENGTH = 2;

/** What an encoder said about the next bytes of the content. */
export interface LzmaDecision {
  readonly kind: DecisionKind;
  /** Bytes of content, 1 to 273. */
  readonly length: number;
  /** Bytes back, less one; for repeats the distance that is repeated, for literals 0. */
  readonly distance: number;
}

/** The last four distances, less one each, latest first. */
export class RecentDistances {
  readonly #distances = [0, 0, 0, 0];

  /** The distance that a repeat copies from. */
  repeated(kind: DecisionKind): number {
    return this.#distances[Math.max(0, kind - REPEAT_0)]!;
  }

  /** Puts the distance of a match or a repeat first. */
  remember(kind: DecisionKind, distance: number): void {
    const distances = this.#distances;
    for (let i = kind === MATCH ? 3 : kind - REPEAT_0; i > 0; i--) distances[i] = distances[i - 1]!;
    distances[0] = distance;
  }
}

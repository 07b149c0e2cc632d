/** One byte as it is. */
export const LITERAL = 0;
/** Bytes from a distance that is told. */
export const MATCH = 1;
/** One byte from the last distance. */
export const SHORT_REPEAT = 2;
/** Bytes from the last distance; 4, 5 and 6 are those before it. */
export const REPEAT_0 = 3;

/** A match of this distance, less one, and this length ends a stream. */
export const END_DISTANCE = 0xffffffff;
export const END_LENGTH = 2;

export type DecisionKind = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** What an encoder decided to say about content, a column for each number: the parse. */
export interface Decisions {
  count: number;
  /** A {@link DecisionKind} each. */
  kinds: Uint8Array;
  /** Bytes of content, 1 to 273. */
  lengths: Uint16Array;
  /** Bytes back, less one; for repeats the distance that is repeated, for literals 0. */
  distances: Uint32Array;
}

/** Decisions while they become known. */
export class DecisionList implements Decisions {
  count = 0;
  kinds: Uint8Array;
  lengths: Uint16Array;
  distances: Uint32Array;

  constructor(expected = 1024) {
    this.kinds = new Uint8Array(expected);
    this.lengths = new Uint16Array(expected);
    this.distances = new Uint32Array(expected);
  }

  push(kind: DecisionKind, length: number, distance: number): void {
    if (this.count === this.kinds.length) this.#grow();
    this.kinds[this.count] = kind;
    this.lengths[this.count] = length;
    this.distances[this.count] = distance;
    this.count++;
  }

  #grow(): void {
    const size = this.count * 2;
    this.kinds = longer(this.kinds, new Uint8Array(size));
    this.lengths = longer(this.lengths, new Uint16Array(size));
    this.distances = longer(this.distances, new Uint32Array(size));
  }
}

function longer<Column extends Uint8Array | Uint16Array | Uint32Array>(column: Column, into: Column): Column {
  into.set(column);
  return into;
}

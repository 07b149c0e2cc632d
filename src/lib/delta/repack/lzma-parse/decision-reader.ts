import {
  type DecisionKind,
  LITERAL,
  LONGEST_MATCH_BYTES,
  type LzmaDecision,
  MATCH,
  RecentDistances,
  SHORTEST_MATCH_BYTES,
} from './lzma-decision.js';
import { NearestMatch } from './nearest-match.js';
import { type DecisionRecord, DISTANCE_BYTES, FAMILY_OF_CODE } from './record-codes.js';

/**
 * Reads the decisions of a record about content, one by one.
 *
 * Each is inside the content and copies from before itself. Whether it copies the right bytes only
 * the hash of what is made from it can say.
 */
export class DecisionReader implements LzmaDecision {
  kind: DecisionKind = LITERAL;
  length = 0;
  distance = 0;
  readonly #content: Uint8Array;
  readonly #codes: Uint8Array;
  readonly #distances: DataView;
  readonly #nearest = new NearestMatch();
  readonly #recent = new RecentDistances();
  #codesAt = 0;
  #distancesAt = 0;

  constructor(content: Uint8Array, { codes, distances }: DecisionRecord) {
    this.#content = content;
    this.#codes = codes;
    this.#distances = new DataView(distances.buffer, distances.byteOffset, distances.byteLength);
  }

  /**
   * A source of `encodeLzma`.
   *
   * @throws RangeError for a record that says something impossible
   */
  readonly next = (at: number): LzmaDecision => {
    if (this.#codesAt >= this.#codes.length) throw impossible(at, 'the record ends');
    const code = this.#codes[this.#codesAt++]!;
    const { kind, first, last, isTold } = FAMILY_OF_CODE[code]!;
    this.kind = kind;
    this.length = 1;
    if (first !== last) {
      this.length = SHORTEST_MATCH_BYTES + code - first;
      if (code === last) this.length += this.#codes[this.#codesAt++] ?? LONGEST_MATCH_BYTES;
    }
    if (this.length > Math.min(LONGEST_MATCH_BYTES, this.#content.length - at)) {
      throw impossible(at, `${this.length} bytes of ${this.#content.length - at}`);
    }
    this.distance = 0;
    if (kind !== LITERAL) {
      this.distance = this.#distanceOf(at, isTold);
      if (this.distance < 0 || this.distance >= at) throw impossible(at, 'it copies from nowhere');
      this.#recent.remember(kind, this.distance);
    }
    return this;
  };

  /** @throws RangeError when the record has more than was read */
  requireEnd(): void {
    const rest = this.#codes.length - this.#codesAt + this.#distances.byteLength - this.#distancesAt;
    if (rest !== 0) throw impossible(this.#content.length, `${rest} bytes are left of the record`);
  }

  #distanceOf(at: number, isTold: boolean): number {
    if (this.kind !== MATCH) return this.#recent.repeated(this.kind);
    if (!isTold) return this.#nearest.find(this.#content, at, this.length);
    if (this.#distancesAt + DISTANCE_BYTES > this.#distances.byteLength)
      throw impossible(at, 'its distance is missing');
    this.#distancesAt += DISTANCE_BYTES;
    return this.#distances.getUint32(this.#distancesAt - DISTANCE_BYTES, true);
  }
}

function impossible(at: number, fact: string): RangeError {
  return new RangeError(`LZMA decision at byte ${at}: ${fact}`);
}

import { type LzmaDecision, MATCH, SHORTEST_MATCH_BYTES } from './lzma-decision.js';
import { NearestMatch } from './nearest-match.js';
import { type DecisionRecord, DISTANCE_BYTES, FAMILY_OF_KIND, TOLD_FAMILY } from './record-codes.js';

const FIRST_ROOM_BYTES = 64 * 1024;

/** Writes the record of decisions, one by one. */
export class DecisionRecorder {
  readonly #nearest = new NearestMatch();
  readonly #codes = new GrowingBytes();
  readonly #distances = new GrowingBytes();

  /** A sink of `decodeLzma`. */
  readonly push = (content: Uint8Array, at: number, { kind, length, distance }: LzmaDecision): void => {
    let family = FAMILY_OF_KIND[kind]!;
    if (kind === MATCH && this.#nearest.find(content, at, length) !== distance) family = TOLD_FAMILY;
    if (family.isTold) for (let i = 0; i < DISTANCE_BYTES; i++) this.#distances.push((distance >>> (8 * i)) & 0xff);
    const code = family.first + Math.max(0, length - SHORTEST_MATCH_BYTES);
    this.#codes.push(Math.min(code, family.last));
    if (code >= family.last && family.first !== family.last) this.#codes.push(code - family.last);
  };

  finish(): DecisionRecord {
    return { codes: this.#codes.bytes(), distances: this.#distances.bytes() };
  }
}

class GrowingBytes {
  #room = new Uint8Array(FIRST_ROOM_BYTES);
  #length = 0;

  push(byte: number): void {
    if (this.#length === this.#room.length) {
      const room = new Uint8Array(this.#length * 2);
      room.set(this.#room);
      this.#room = room;
    }
    this.#room[this.#length++] = byte;
  }

  bytes(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }
}

import type { Covers } from '../match/covers.js';

/** Covers that are being cut: parts of them are given other places in the old image. */
export class CoverPieces {
  readonly #covers: Covers;
  readonly #newAt: number[] = [];
  readonly #oldAt: number[] = [];
  readonly #end: number[] = [];
  /** The cover being cut, and up to where it is done. */
  #cover = 0;
  #done: number;

  constructor(covers: Covers) {
    this.#covers = covers;
    this.#done = covers.newAt[0] ?? 0;
  }

  /**
   * Lets a part of a cover come from elsewhere. Parts are given in the order of the new image; one
   * may begin inside the last, which then ends there.
   */
  realign(cover: number, from: number, to: number, oldAt: number): void {
    while (this.#cover < cover) this.#finishCover();
    const last = this.#newAt.length - 1;
    if (from < this.#done) {
      this.#end[last] = from;
      this.#done = from;
    }
    this.#unchangedUpTo(from);
    this.#push(from, oldAt, to);
  }

  /** @returns all covers */
  covers(): Covers {
    while (this.#cover < this.#covers.count) this.#finishCover();
    const length = this.#newAt.map((newAt, i) => this.#end[i]! - newAt);
    const columns = [this.#newAt, this.#oldAt, length].map((column) => Int32Array.from(column));
    return { count: length.length, newAt: columns[0]!, oldAt: columns[1]!, length: columns[2]! };
  }

  #finishCover(): void {
    this.#unchangedUpTo(this.#covers.newAt[this.#cover]! + this.#covers.length[this.#cover]!);
    this.#cover++;
    this.#done = this.#covers.newAt[this.#cover] ?? 0;
  }

  #unchangedUpTo(end: number): void {
    if (end > this.#done) {
      this.#push(this.#done, this.#covers.oldAt[this.#cover]! + this.#done - this.#covers.newAt[this.#cover]!, end);
    }
  }

  /** Appends a piece, or lengthens the last when it only goes on. */
  #push(newAt: number, oldAt: number, end: number): void {
    const last = this.#newAt.length - 1;
    const goesOn =
      last >= 0 && this.#end[last] === newAt && this.#oldAt[last]! + (newAt - this.#newAt[last]!) === oldAt;
    if (goesOn) {
      this.#end[last] = end;
    } else {
      this.#newAt.push(newAt);
      this.#oldAt.push(oldAt);
      this.#end.push(end);
    }
    this.#done = end;
  }
}

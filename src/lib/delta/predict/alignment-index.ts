import type { ReferenceForm } from './reference-form.js';
import type { TargetMap } from './target-map.js';

/** Several old words mean the same. */
const AMBIGUOUS = -1;

/** The words of a table in both images, by what they mean in the new one. */
export class AlignmentIndex {
  /** New words. */
  readonly count: number;
  readonly #wordBytes: number;
  /** First word in the new bytes, and first one in the old bytes. */
  readonly #newStart: number;
  readonly #oldStart: number;
  /** New targets of the words; NaN for those that mean nothing. */
  readonly #newTargets: Float64Array;
  readonly #oldTargets: Float64Array;
  readonly #byTarget = new Map<number, number>();

  /**
   * @param map        entered at the segments of both tables
   * @param oldAddress of oldBytes[0]
   * @param newAddress of newBytes[0]
   */
  constructor(
    form: ReferenceForm,
    map: TargetMap,
    oldBytes: Uint8Array,
    oldAddress: number,
    newBytes: Uint8Array,
    newAddress: number,
  ) {
    const bytes = form.bytes;
    this.#wordBytes = bytes;
    this.#newStart = -newAddress & (bytes - 1);
    this.#oldStart = -oldAddress & (bytes - 1);
    this.count = Math.max(0, Math.floor((newBytes.length - this.#newStart) / bytes));
    const oldCount = Math.max(0, Math.floor((oldBytes.length - this.#oldStart) / bytes));
    this.#newTargets = new Float64Array(this.count);
    this.#oldTargets = new Float64Array(oldCount);
    for (let word = 0; word < this.count; word++) {
      const at = this.place(word);
      this.#newTargets[word] = form.read(newBytes, at, map.newBase(form, newAddress + at), at);
    }
    for (let word = 0; word < oldCount; word++) {
      const at = this.#oldStart + word * bytes;
      const means = isZero(oldBytes, at, bytes)
        ? Number.NaN
        : form.read(oldBytes, at, map.oldBase(form, oldAddress + at), at);
      const target = map.newTarget(means);
      this.#oldTargets[word] = target;
      if (!Number.isNaN(target)) this.#byTarget.set(target, this.#byTarget.has(target) ? AMBIGUOUS : at);
    }
  }

  /** @returns where a new word is in the new bytes */
  place(word: number): number {
    return this.#newStart + word * this.#wordBytes;
  }

  /** @returns place in the old bytes less place in the new ones, of the only old word that means the same; else NaN */
  shiftOf(word: number): number {
    const at = this.#byTarget.get(this.#newTargets[word]!);
    return at === undefined || at === AMBIGUOUS ? Number.NaN : at - this.place(word);
  }

  /** Whether the old word at that shift means the same. */
  agrees(word: number, shift: number): boolean {
    const oldWord = (this.place(word) + shift - this.#oldStart) / this.#wordBytes;
    return this.#oldTargets[oldWord] === this.#newTargets[word];
  }
}

/** A word of zeros means nothing, not the place where it stands. */
function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

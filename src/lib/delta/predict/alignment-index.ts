import type { ReferenceForm } from './reference-form.js';
import type { TargetMap } from './target-map.js';

/** Stands for the target of an old word that was not asked for yet. */
const UNREAD = Number.POSITIVE_INFINITY;

/** The words of a table in both images, by what they mean in the new one; old words are read when they are asked for. */
export class AlignmentIndex {
  /** New words. */
  readonly count: number;
  readonly #form: ReferenceForm;
  readonly #map: TargetMap;
  readonly #wordBytes: number;
  readonly #oldBytes: Uint8Array;
  readonly #oldAddress: number;
  /** First word in the new bytes, and first one in the old bytes. */
  readonly #newStart: number;
  readonly #oldStart: number;
  readonly #newTargets: Float64Array;
  /** New targets of old words; NaN for those that mean nothing. */
  readonly #oldTargets: Float64Array;
  /** One more than the number of the old word with a target, negative where several have it; in slots by a hash of the target. */
  #byTarget: Int32Array | undefined;

  /**
   * @param map        entered at the segments of both tables, for as long as the index is used
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
    this.#form = form;
    this.#map = map;
    this.#wordBytes = bytes;
    this.#oldBytes = oldBytes;
    this.#oldAddress = oldAddress;
    this.#newStart = -newAddress & (bytes - 1);
    this.#oldStart = -oldAddress & (bytes - 1);
    this.count = Math.max(0, Math.floor((newBytes.length - this.#newStart) / bytes));
    this.#newTargets = new Float64Array(this.count);
    for (let word = 0; word < this.count; word++) {
      const at = this.place(word);
      this.#newTargets[word] = form.read(newBytes, at, map.newBase(form, newAddress + at), at);
    }
    const oldCount = Math.max(0, Math.floor((oldBytes.length - this.#oldStart) / bytes));
    this.#oldTargets = new Float64Array(oldCount).fill(UNREAD);
  }

  /** @returns where a new word is in the new bytes */
  place(word: number): number {
    return this.#newStart + word * this.#wordBytes;
  }

  /** @returns place in the old bytes less place in the new ones, of the only old word that means the same; else NaN */
  shiftOf(word: number): number {
    this.#byTarget ??= this.#wordsByTarget();
    const oldWord = this.#byTarget[this.#slotOf(this.#newTargets[word]!, this.#byTarget)]! - 1;
    return oldWord < 0 ? Number.NaN : this.#oldStart + oldWord * this.#wordBytes - this.place(word);
  }

  /** Whether the old word at that shift means the same. */
  agrees(word: number, shift: number): boolean {
    const oldWord = (this.place(word) + shift - this.#oldStart) / this.#wordBytes;
    return this.#oldTarget(oldWord) === this.#newTargets[word];
  }

  /** @param oldWord also one that there is not: one between words, or outside */
  #oldTarget(oldWord: number): number | undefined {
    const target = this.#oldTargets[oldWord];
    if (target !== UNREAD) return target;
    const at = this.#oldStart + oldWord * this.#wordBytes;
    const means = isZero(this.#oldBytes, at, this.#wordBytes)
      ? Number.NaN
      : this.#form.read(this.#oldBytes, at, this.#map.oldBase(this.#form, this.#oldAddress + at), at);
    const found = this.#map.newTarget(means);
    this.#oldTargets[oldWord] = found;
    return found;
  }

  #wordsByTarget(): Int32Array {
    const count = this.#oldTargets.length;
    const slots = new Int32Array(2 ** (33 - Math.clz32(count))); // at most half full
    for (let oldWord = 0; oldWord < count; oldWord++) {
      const target = this.#oldTarget(oldWord)!;
      if (Number.isNaN(target)) continue;
      const slot = this.#slotOf(target, slots);
      const first = slots[slot]!;
      slots[slot] = first === 0 ? oldWord + 1 : -Math.abs(first);
    }
    return slots;
  }

  /** @returns the slot of a target, or the empty one where it would be */
  #slotOf(target: number, slots: Int32Array): number {
    const mask = slots.length - 1;
    let slot = (Math.imul(target | 0, 0x9e3779b1) >>> 8) & mask;
    while (slots[slot] !== 0 && this.#oldTargets[Math.abs(slots[slot]!) - 1] !== target) slot = (slot + 1) & mask;
    return slot;
  }
}

/** A word of zeros means nothing, not the place where it stands. */
function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Entries for single targets. */
const TARGET_BITS = 14;
/** Entries for regions of targets. */
const REGION_BITS = 12;
/** Sizes of a region, bytes: neighbours mostly move together, near ones more surely. */
const FINE_REGION_BYTES = 64;
const COARSE_REGION_BYTES = 8192;

/** A miss may be the reference's own change: only one that came again is believed against the covers. */
const TARGET_REPEATS = 1;
const REGION_REPEATS = 2;
/** Where covers say nothing, sooner. */
const UNMAPPED_TARGET_REPEATS = 0;
const UNMAPPED_REGION_REPEATS = 1;

/**
 * What references turned out to mean where the covers misled: targets outside the image (variables in
 * RAM), in parts that no cover claims, or in tables whose covers are arbitrary.
 *
 * Two tables of fixed size in which a later entry replaces an earlier one of the same place, so that
 * every applier, whatever its memory, has the same entries at the same time. Shifts are new − old.
 */
export class LearnedTargets {
  readonly #targets = new ShiftTable(TARGET_BITS);
  readonly #regions = new ShiftTable(REGION_BITS);
  #isEmpty = true;

  /**
   * @param target old address
   * @param mapped where the covers put it; NaN when they do not say
   * @returns where it is in the new image; `mapped` when nothing better was learned
   */
  correct(target: number, unit: number, mapped: number): number {
    const unmapped = Number.isNaN(mapped);
    const known = this.#targets.find(target, unit);
    if (this.#targets.repeats[known]! >= (unmapped ? UNMAPPED_TARGET_REPEATS : TARGET_REPEATS)) {
      return target + this.#targets.shift[known]!;
    }
    const shift = this.#regional(fineRegion(target), unit, mapped - target);
    return target + (Number.isNaN(shift) ? this.#regional(coarseRegion(target), unit, mapped - target, true) : shift);
  }

  /** @param misled what the covers say; @returns what to believe in this region */
  #regional(region: number, unit: number, misled: number, last = false): number {
    const known = this.#regions.find(region, unit);
    const unmapped = Number.isNaN(misled);
    if (this.#regions.repeats[known]! >= (unmapped ? UNMAPPED_REGION_REPEATS : REGION_REPEATS)) {
      // a correction counts for what moves like the targets it was learned from, so not for another cover
      if (Object.is(this.#regions.misled[known], misled)) return this.#regions.shift[known]!;
    }
    return last ? misled : Number.NaN;
  }

  /** Remembers a reference to `target` that turned out to mean `actual`. */
  learn(target: number, unit: number, mapped: number, actual: number): void {
    const misled = mapped - target;
    const shift = actual - target;
    this.#targets.learn(target, unit, misled, shift);
    this.#regions.learn(fineRegion(target), unit, misled, shift);
    this.#regions.learn(coarseRegion(target), unit, misled, shift);
    this.#isEmpty = false;
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#isEmpty) return;
    this.#targets.clear();
    this.#regions.clear();
    this.#isEmpty = true;
  }
}

const fineRegion = (target: number) => Math.floor(target / FINE_REGION_BYTES) * 2;
const coarseRegion = (target: number) => Math.floor(target / COARSE_REGION_BYTES) * 2 + 1;

/** Shifts by key, a place for each hash. */
class ShiftTable {
  readonly shift: Float64Array;
  readonly misled: Float64Array;
  /** How often the same shift came again in a row. The last entry, −1, is that of unknown keys. */
  readonly repeats: Int32Array;
  readonly #keys: Float64Array;
  readonly #units: Int32Array;
  readonly #bits: number;

  constructor(bits: number) {
    this.#bits = bits;
    this.shift = new Float64Array(2 ** bits);
    this.misled = new Float64Array(2 ** bits);
    this.repeats = new Int32Array(2 ** bits + 1).fill(-1);
    this.#keys = new Float64Array(2 ** bits).fill(Number.NaN);
    this.#units = new Int32Array(2 ** bits);
  }

  find(key: number, unit: number): number {
    const place = this.#place(key, unit);
    return this.#keys[place] === key && this.#units[place] === unit ? place : this.#keys.length;
  }

  learn(key: number, unit: number, misled: number, shift: number): void {
    const place = this.#place(key, unit);
    const again = this.#keys[place] === key && this.#units[place] === unit && this.shift[place] === shift;
    this.repeats[place] = again ? Math.min(this.repeats[place]! + 1, REGION_REPEATS) : 0;
    this.#keys[place] = key;
    this.#units[place] = unit;
    this.misled[place] = misled;
    this.shift[place] = shift;
  }

  clear(): void {
    this.#keys.fill(Number.NaN);
  }

  /** The low 32 bits tell the keys of one unit apart. */
  #place(key: number, unit: number): number {
    return Math.imul((key | 0) ^ Math.imul(unit, 0x9e37_79b1), 0x85eb_ca6b) >>> (32 - this.#bits);
  }
}

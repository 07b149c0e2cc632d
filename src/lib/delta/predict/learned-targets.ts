/** Entries for old targets, a power of two. */
const ENTRIES = 1 << 16;

/**
 * What references turned out to mean: old target → new target.
 *
 * A table of fixed size in which a later target replaces an earlier one of the same place, so that
 * every applier, whatever its memory, has the same entries at the same time.
 */
export class LearnedTargets {
  readonly #targets = new Float64Array(ENTRIES).fill(Number.NaN);
  readonly #shifts = new Float64Array(ENTRIES);

  /** @returns the new target; NaN when nothing was learned of this one */
  newTarget(target: number, unit: number): number {
    const place = hash(target, unit);
    return this.#targets[place] === target ? target + this.#shifts[place]! : Number.NaN;
  }

  learn(target: number, unit: number, newTarget: number): void {
    const place = hash(target, unit);
    this.#targets[place] = target;
    this.#shifts[place] = newTarget - target;
  }

  forget(target: number, unit: number): void {
    const place = hash(target, unit);
    if (this.#targets[place] === target) this.#targets[place] = Number.NaN;
  }
}

/** The low 32 bits tell the targets of one unit apart. */
function hash(target: number, unit: number): number {
  return Math.imul((target | 0) ^ Math.imul(unit, 0x9e37_79b1), 0x85eb_ca6b) >>> 16;
}

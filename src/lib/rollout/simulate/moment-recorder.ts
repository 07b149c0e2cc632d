import type { SimulatedMoment } from './outcome.js';

/** The course of a campaign in a bounded number of moments: of many, every second is kept, then every fourth, and so on. */
export class MomentRecorder {
  readonly #most: number;
  #kept: SimulatedMoment[] = [];
  #last: SimulatedMoment | undefined;
  #every = 1;
  #seen = 0;

  /** @param most about how many moments are kept, even and at least 2 */
  constructor(most: number) {
    this.#most = most;
  }

  readonly add = (moment: SimulatedMoment): void => {
    this.#last = moment;
    if (this.#seen++ % this.#every !== 0) return;
    this.#kept.push(moment);
    if (this.#kept.length < this.#most) return;
    this.#kept = this.#kept.filter((_, index) => index % 2 === 0);
    this.#every *= 2;
  };

  /** In order of time; the last one is always there. */
  get moments(): readonly SimulatedMoment[] {
    const last = this.#last;
    return last === undefined || this.#kept.at(-1) === last ? this.#kept : [...this.#kept, last];
  }
}

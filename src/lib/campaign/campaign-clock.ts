import type { Pacing } from '../net/pacing.js';

/** A clock that goes wrong by less is none that anybody has set. */
const LEAP_MS = 60_000;

/**
 * The time of a campaign: the wall clock, which never goes back here and goes on where that has been set back. Where it
 * leaps ahead, soak times begin anew: nobody has waited meanwhile.
 */
export class CampaignClock {
  readonly #pacing: Pacing;
  #now: number;
  #monotonicMs: number;
  #leapMs = 0;

  /** @param notBefore time of the last entry of the journal, milliseconds since 1970 */
  constructor(pacing: Pacing, notBefore: number) {
    this.#pacing = pacing;
    this.#now = Math.max(notBefore, pacing.now().getTime());
    this.#monotonicMs = pacing.monotonicMs();
  }

  /** Milliseconds since 1970. */
  now(): number {
    const monotonicMs = this.#pacing.monotonicMs();
    const expected = this.#now + Math.max(0, monotonicMs - this.#monotonicMs);
    const wall = Math.floor(this.#pacing.now().getTime());
    this.#monotonicMs = monotonicMs;
    this.#now = Math.max(wall, Math.floor(expected));
    if (Math.abs(wall - expected) > LEAP_MS && Math.abs(wall - expected) > Math.abs(this.#leapMs)) {
      this.#leapMs = wall - expected;
    }
    return this.#now;
  }

  /** By how much it was set ahead (or back, below 0) since the last call, milliseconds; 0: it was not. */
  takeLeap(): number {
    const leapMs = this.#leapMs;
    this.#leapMs = 0;
    return leapMs;
  }
}

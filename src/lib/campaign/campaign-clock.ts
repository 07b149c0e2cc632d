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

  /** That it was set since the last call; undefined: it was not. */
  takeLeap(): { readonly isAhead: boolean; readonly told: string } | undefined {
    const seconds = Math.round(this.#leapMs / 1_000);
    this.#leapMs = 0;
    if (seconds === 0) return undefined;
    return seconds > 0
      ? { isAhead: true, told: `the clock was set ahead by ${seconds} s: soak times begin anew` }
      : { isAhead: false, told: `the clock was set back by ${-seconds} s: the campaign goes on in its own time` };
  }
}

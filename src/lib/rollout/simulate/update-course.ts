import { readMaintenanceWindow, type WindowTimes } from '../../core/maintenance-window.js';
import type { Draws } from './draws.js';
import type { FleetModel } from './fleet-model.js';

/** What each draw of a device is for. Normal draws take two numbers. */
const PURPOSE = {
  poll: 0,
  isOffline: 1,
  offlineFor: 2,
  duration: 3,
  ending: 5,
  isLate: 6,
  lateAfter: 7,
  isSilent: 8,
  window: 9,
};

/** From the p95 of a log-normal distribution to its deviation: the normal distribution's 95th percentile. */
const NORMAL_P95 = 1.6448536269514722;

/** Windows that are looked ahead for: years, where there is one a night. */
const MAX_WINDOWS = 10_000;

/** How an update goes that a device is given. Times are milliseconds; they count from when it was given. */
export interface UpdateCourse {
  /** It has got it: from here on it may be harmed. */
  begins: number;
  /** It reports; Infinity: never. */
  ends: number;
  isGood: boolean;
  /** It turns bad although it reported success; Infinity: never. */
  turnsBad: number;
  /** A bad one is not heard of any more. */
  isSilent: boolean;
}

/**
 * Decides how updates go, by seed and device alone: pure, whatever the order. It fills the same object again and again,
 * since a fleet asks a million times.
 */
export class UpdateCourses {
  readonly #model: FleetModel;
  readonly #draws: Draws;
  readonly #windows: WindowCache | undefined;
  readonly #deviation: number;
  readonly #course: UpdateCourse = { begins: 0, ends: 0, isGood: true, turnsBad: 0, isSilent: false };

  /** @param window of the stage, as the plan has it; null: none */
  constructor(model: FleetModel, draws: Draws, window: Parameters<typeof readMaintenanceWindow>[0] | null) {
    this.#model = model;
    this.#draws = draws;
    this.#deviation = Math.log(model.update.p95 / model.update.median) / NORMAL_P95;
    const times = window === null ? undefined : readMaintenanceWindow(window);
    // The plan was checked: a schedule that means nothing cannot be in it.
    if (typeof times === 'object') this.#windows = new WindowCache(times);
  }

  /** @param failureShare of devices of its kind, 0 to 1. @param givenAt milliseconds since 1970 */
  of(device: number, failureShare: number, givenAt: number): UpdateCourse {
    const { poll, offline, update, stuck, late } = this.#model;
    const draws = this.#draws;
    const course = this.#course;
    let begins = poll * draws.at(device, PURPOSE.poll);
    if (draws.at(device, PURPOSE.isOffline) < offline.share)
      begins += logUniform(offline.for, draws.at(device, PURPOSE.offlineFor));
    course.begins = this.#windowed(device, givenAt, begins * 1000);
    const duration = update.median * Math.exp(this.#deviation * draws.normalAt(device, PURPOSE.duration));
    const ending = draws.at(device, PURPOSE.ending);
    const isStuck = ending >= 1 - stuck;
    course.ends = isStuck ? Number.POSITIVE_INFINITY : course.begins + Math.max(1, Math.round(duration * 1000));
    course.isGood = ending >= failureShare;
    const turnsBad = course.isGood && !isStuck && draws.at(device, PURPOSE.isLate) < late.share;
    const [from, to] = late.after;
    course.turnsBad = turnsBad
      ? course.ends + Math.round((from + (to - from) * draws.at(device, PURPOSE.lateAfter)) * 1000)
      : Number.POSITIVE_INFINITY;
    course.isSilent = turnsBad && draws.at(device, PURPOSE.isSilent) < late.silent;
    return course;
  }

  /** A device installs only in a window; where it came too early, at its first poll in the next one. */
  #windowed(device: number, givenAt: number, beginsMs: number): number {
    if (this.#windows === undefined) return Math.round(beginsMs);
    const wait = this.#model.poll * 1000 * this.#draws.at(device, PURPOSE.window);
    return Math.round(this.#windows.firstIn(givenAt, givenAt + beginsMs, wait) - givenAt);
  }
}

function logUniform([from, to]: readonly [number, number], chance: number): number {
  const least = Math.max(from, 1);
  return from >= to ? from : least * (Math.max(to, 1) / least) ** chance;
}

/** Windows are searched once, in order, and looked up by all devices. */
class WindowCache {
  readonly #times: WindowTimes;
  readonly #known: { readonly opensAt: number; readonly closesAt: number }[] = [];
  #isAll = false;

  constructor(times: WindowTimes) {
    this.#times = times;
  }

  /**
   * @param givenAt never before that of an earlier call: windows are known from there on
   * @param at      not before it
   * @param waitMs  of a device that comes when one has just opened
   * @returns milliseconds since 1970; Infinity where no window opens any more
   */
  firstIn(givenAt: number, at: number, waitMs: number): number {
    let from = at;
    for (let index = this.#firstClosingAfter(at); ; index++) {
      const window = this.#known[index] ?? this.#another(givenAt);
      if (window === undefined) return Number.POSITIVE_INFINITY;
      // A device that polls more rarely than windows are long misses some of them.
      if (from >= window.closesAt) continue;
      if (window.opensAt <= from) return from;
      from = window.opensAt + waitMs;
      if (from < window.closesAt) return from;
    }
  }

  #firstClosingAfter(at: number): number {
    let [low, high] = [0, this.#known.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#known[middle]!.closesAt > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #another(givenAt: number): { readonly opensAt: number; readonly closesAt: number } | undefined {
    if (this.#isAll) return undefined;
    const next = this.#times.from(this.#known.at(-1)?.closesAt ?? givenAt);
    if (next === undefined || this.#known.length >= MAX_WINDOWS) this.#isAll = true;
    else this.#known.push(next);
    return next;
  }
}

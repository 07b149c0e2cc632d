import type { StageFigures } from '../observation.js';
import type { RolloutPlan } from '../plan.js';
import { Draws } from './draws.js';
import type { FleetModel } from './fleet-model.js';
import { UpdateCourses } from './update-course.js';

/** What happens to a device, in the order in which it counts when two things happen in the same millisecond. */
const BEGINS = 0;
const TURNS_STUCK = 1;
const BEGINS_STUCK = 2;
const INSTALLED = 3;
const INSTALLED_STUCK = 4;
const FAILED = 5;
const FAILED_STUCK = 6;
const TURNS_BAD = 7;
const TURNS_BAD_SILENT = 8;
const HANGS = 9;
/** An event is a number: its milliseconds times this, and what happens. */
const KINDS = 16;
/** Most events of one device. */
const MAX_EVENTS = 5;

/** What became of devices so far. */
export interface FleetCount {
  /** Given the update. */
  offered: number;
  /** Have got it: they began. */
  reached: number;
  installed: number;
  failed: number;
  /** Have told nothing for longer than the plan allows: some of them are only away. */
  stuck: number;
  /** Began, and will never tell anything more. */
  hung: number;
  /** Turned bad after they reported success. */
  bad: number;
  /** Of the bad ones: not heard of any more. */
  silent: number;
}

interface Stage extends FleetCount {
  readonly total: number;
  /** Place of its first device among all. */
  readonly first: number;
  readonly courses: UpdateCourses;
  /** Devices that tell nothing for so long are stuck. */
  readonly stuckAfterMs: number;
  running: number;
  portions: Portion[];
}

interface Portion {
  readonly given: GivenPortion;
  /** Ascending. */
  readonly events: Float64Array;
  done: number;
}

/** Devices that were given the update together. What is counted changes as time goes by. */
export interface GivenPortion {
  readonly total: number;
  readonly counts: Record<Exclude<keyof StageFigures, 'total'>, number>;
}

/**
 * Devices that are given an update, as numbers in arrays: the events of a portion are made when it is given, sorted, and
 * counted as time goes by. Times are milliseconds since 1970.
 */
export class VirtualFleet {
  readonly #startedAt: number;
  readonly #plan: Pick<RolloutPlan, 'cohorts' | 'stages'>;
  readonly #failureShares: Float64Array;
  readonly #stages: Stage[] = [];
  #scratch = new Float64Array(0);

  constructor(plan: Pick<RolloutPlan, 'cohorts' | 'stages'>, model: FleetModel, seed: number, startedAt: number) {
    this.#startedAt = startedAt;
    this.#plan = plan;
    this.#failureShares = Float64Array.from(plan.cohorts, (cohort) => failureShareOf(model, cohort.model));
    const draws = new Draws(seed);
    let first = 0;
    for (const { devices, gates, window } of plan.stages) {
      const stuck = gates.find((gate) => gate.type === 'stuck');
      this.#stages.push({
        total: devices.length,
        first,
        courses: new UpdateCourses(model, draws, window),
        stuckAfterMs: stuck === undefined ? Number.POSITIVE_INFINITY : stuck.afterSeconds * 1000,
        ...{
          running: 0,
          portions: [],
          offered: 0,
          reached: 0,
          installed: 0,
          failed: 0,
          stuck: 0,
          hung: 0,
          bad: 0,
          silent: 0,
        },
      });
      first += devices.length;
    }
  }

  /** Gives the update to the devices of a stage from … up to, not including. */
  give(stageIndex: number, from: number, to: number, now: number): GivenPortion {
    const stage = this.#stages[stageIndex]!;
    const { devices } = this.#plan.stages[stageIndex]!;
    const { courses, first, stuckAfterMs } = stage;
    if (this.#scratch.length < (to - from) * MAX_EVENTS) this.#scratch = new Float64Array((to - from) * MAX_EVENTS);
    const events = this.#scratch;
    const given = now - this.#startedAt;
    let count = 0;
    for (let index = from; index < to; index++) {
      const course = courses.of(first + index, this.#failureShares[devices[index]![1]]!, now);
      const { begins, ends, isGood, turnsBad } = course;
      const isLateToBegin = begins > stuckAfterMs;
      if (isLateToBegin) events[count++] = (given + stuckAfterMs) * KINDS + TURNS_STUCK;
      if (begins === Number.POSITIVE_INFINITY) continue;
      events[count++] = (given + begins) * KINDS + (isLateToBegin ? BEGINS_STUCK : BEGINS);
      const isLateToEnd = ends - begins > stuckAfterMs;
      if (isLateToEnd) events[count++] = (given + begins + stuckAfterMs) * KINDS + TURNS_STUCK;
      if (ends === Number.POSITIVE_INFINITY) {
        events[count++] = (given + begins) * KINDS + HANGS;
        continue;
      }
      const ending = isGood ? (isLateToEnd ? INSTALLED_STUCK : INSTALLED) : isLateToEnd ? FAILED_STUCK : FAILED;
      events[count++] = (given + ends) * KINDS + ending;
      if (turnsBad === Number.POSITIVE_INFINITY) continue;
      events[count++] = (given + turnsBad) * KINDS + (course.isSilent ? TURNS_BAD_SILENT : TURNS_BAD);
    }
    const total = to - from;
    const counts = { waiting: 0, running: total, stuck: 0, installed: 0, failed: 0, canceled: 0, already: 0, gone: 0 };
    stage.portions.push({ given: { total, counts }, events: events.slice(0, count).sort(), done: 0 });
    stage.offered += total;
    stage.running += total;
    return { total, counts };
  }

  /** Lets everything happen up to then. */
  advance(now: number): void {
    const until = (now - this.#startedAt + 1) * KINDS;
    for (const stage of this.#stages) {
      let isOver = false;
      for (const portion of stage.portions) {
        const { events, given } = portion;
        let { done } = portion;
        for (; done < events.length && events[done]! < until; done++) {
          const kind = events[done]! % KINDS;
          move(stage, kind);
          move(given.counts, kind);
          notice(stage, kind);
        }
        portion.done = done;
        isOver ||= done === events.length;
      }
      if (isOver) stage.portions = stage.portions.filter(({ events, done }) => done < events.length);
    }
  }

  /** When something happens next; Infinity: never. */
  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { portions } of this.#stages) {
      for (const { events, done } of portions) next = Math.min(next, events[done]!);
    }
    return Math.floor(next / KINDS) + this.#startedAt;
  }

  figures(stageIndex: number): StageFigures {
    const { total, offered, running, stuck, installed, failed } = this.#stages[stageIndex]!;
    return { total, waiting: total - offered, running, stuck, installed, failed, canceled: 0, already: 0, gone: 0 };
  }

  /** Of one stage. */
  stage(stageIndex: number): Readonly<FleetCount> {
    return this.#stages[stageIndex]!;
  }

  /** Of all stages. */
  count(): FleetCount {
    const sum: FleetCount = { offered: 0, reached: 0, installed: 0, failed: 0, stuck: 0, hung: 0, bad: 0, silent: 0 };
    for (const stage of this.#stages) {
      for (const key of Object.keys(sum) as (keyof FleetCount)[]) sum[key] += stage[key];
    }
    return sum;
  }
}

function failureShareOf({ failures }: FleetModel, model: string | null): number {
  return (
    (model !== null && Object.hasOwn(failures.models, model) ? failures.models[model] : undefined) ?? failures.share
  );
}

type Moving = Record<'running' | 'stuck' | 'installed' | 'failed', number>;

/** From where to where a device goes. */
function move(counts: Moving, kind: number): void {
  switch (kind) {
    case TURNS_STUCK:
      counts.running--;
      counts.stuck++;
      break;
    case BEGINS_STUCK:
      counts.stuck--;
      counts.running++;
      break;
    case INSTALLED:
      counts.running--;
      counts.installed++;
      break;
    case INSTALLED_STUCK:
      counts.stuck--;
      counts.installed++;
      break;
    case FAILED:
      counts.running--;
      counts.failed++;
      break;
    case FAILED_STUCK:
      counts.stuck--;
      counts.failed++;
      break;
  }
}

/** What a server does not see of it. */
function notice(stage: FleetCount, kind: number): void {
  if (kind === BEGINS || kind === BEGINS_STUCK) stage.reached++;
  else if (kind === HANGS) stage.hung++;
  else if (kind === TURNS_BAD || kind === TURNS_BAD_SILENT) {
    stage.bad++;
    if (kind === TURNS_BAD_SILENT) stage.silent++;
  }
}

import type { JournalEntry } from '../../rollout/campaign-event.js';
import type { Decision } from '../../rollout/observation.js';
import type { RolloutPlan } from '../../rollout/plan.js';
import { eventWords } from './event-words.js';

/** How an event is marked: what went well, what stopped something, and all else. */
export type CourseMark = 'good' | 'bad' | 'plain';

export interface CourseItem {
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly mark: CourseMark;
  /** One sentence. */
  readonly text: string;
}

export interface Course {
  readonly items: readonly CourseItem[];
  /** Items between the first and the last ones that are not told. */
  readonly left: number;
}

/** The first and the last ones are told; a server that comes and goes for weeks fills a journal. */
const MAX_FIRST = 500;
const MAX_LAST = 500;

/** Keeps what a person wants to read of a journal: decisions, what people did, and how it ended. */
export class CourseKeeper {
  readonly #plan: RolloutPlan;
  readonly #first: CourseItem[] = [];
  #last: CourseItem[] = [];
  #left = 0;
  readonly #decisions = new Map<number, Decision>();

  constructor(plan: RolloutPlan) {
    this.#plan = plan;
  }

  add(entry: JournalEntry): void {
    const { seq, time, event } = entry;
    if (event.type === 'judged') {
      // Written now and then also where nothing has changed.
      if (this.#decisions.get(event.stage) === event.verdict.decision) return;
      this.#decisions.set(event.stage, event.verdict.decision);
    }
    const words = eventWords(event, this.#plan);
    if (words === undefined) return;
    const item = { seq, time, ...words };
    if (this.#first.length < MAX_FIRST) this.#first.push(item);
    else this.#last.push(item);
    if (this.#last.length < 2 * MAX_LAST) return;
    this.#left += this.#last.length - MAX_LAST;
    this.#last = this.#last.slice(-MAX_LAST);
  }

  course(): Course {
    const last = this.#last.slice(-MAX_LAST);
    return { items: [...this.#first, ...last], left: this.#left + this.#last.length - last.length };
  }
}

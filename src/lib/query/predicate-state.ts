import { OtaError } from '../core/errors.js';
import { type Claim, type Condition, MAX_CLAIMS, type Predicate } from './predicate.js';
import { compareText, foldCase } from './text-order.js';
import { versionOrderKey } from './version-order.js';
import { matchesWildcard } from './wildcard.js';

export interface ObservedEvent {
  /** `status`, `telemetry`, … */
  readonly type: string;
  /** undefined for what concerns no single device, such as a rollout */
  readonly device?: string | undefined;
  readonly body: unknown;
}

export interface PredicateFigures {
  readonly met: boolean;
  /** devices of which the condition holds at present */
  readonly matched: number;
  /** devices that there are */
  readonly devices: number;
}

/** For each claim two bits: whether something was said about it, and above those whether it holds. */
type Knowledge = number;
const NOTHING: Knowledge = 0;

/**
 * Whether a predicate is met by the events so far. The latest event of a kind that has the member decides about it:
 * a status without `version` leaves what is known of the version as it is.
 *
 * A condition is judged for each device by its own events, and where those say nothing by events of no device: a
 * rollout's. Only devices that said something count. Without `on`, events of no device are enough.
 *
 * Look at the figures after every event: what holds now may not hold after the next.
 * Memory: a name and an integer for each device that said something the predicate asks about; no event is kept.
 */
export class PredicateState {
  readonly #predicate: Predicate;
  readonly #maxDevices: number;
  readonly #known = new Map<string, Knowledge>();
  /** what events of no device said */
  #common: Knowledge = NOTHING;
  #matched = 0;

  constructor(predicate: Predicate, { maxDevices = 1_000_000 }: { maxDevices?: number } = {}) {
    this.#predicate = predicate;
    this.#maxDevices = maxDevices;
  }

  /** @throws OtaError LIMIT_EXCEEDED, more devices than it can remember */
  observe(event: ObservedEvent): void {
    const said = this.#saidBy(event);
    if (said === NOTHING) return;
    if (event.device === undefined) this.#learnOfAll(said);
    else this.#learn(event.device, said);
  }

  /** A device is gone and counts no more. */
  forget(device: string): void {
    const known = this.#known.get(device);
    if (known === undefined) return;
    if (this.#holds(known)) this.#matched -= 1;
    this.#known.delete(device);
  }

  /** @param devices how many there are at present, whether they said something or not */
  figures(devices: number): PredicateFigures {
    return { met: this.#isMet(devices), matched: this.#matched, devices };
  }

  #isMet(devices: number): boolean {
    const { quantifier } = this.#predicate;
    switch (quantifier.kind) {
      case 'any':
        return this.#matched > 0 || this.#holds(NOTHING);
      case 'devices':
        return this.#matched >= quantifier.count;
      case 'share': {
        // In whole thousandths: 99.9% of 1000 is 999 devices, whatever 99.9 is in binary.
        const thousandths = Math.round(quantifier.percent * 1000);
        return devices > 0 && this.#matched * 100_000 >= thousandths * devices;
      }
    }
  }

  #saidBy(event: ObservedEvent): Knowledge {
    let said = NOTHING;
    for (const claim of this.#predicate.claims) {
      if (claim.event !== 'event' && claim.event !== event.type) continue;
      const value = memberOf(event, claim);
      if (value !== undefined) said |= (holds(claim, value) ? holdsBit(claim) : 0) | saidBit(claim);
    }
    return said;
  }

  #learn(device: string, said: Knowledge): void {
    const before = this.#known.get(device);
    if (before === undefined && this.#known.size >= this.#maxDevices) {
      throw new OtaError('LIMIT_EXCEEDED', `--until: more than ${this.#maxDevices} devices to count`, [
        'Choose fewer devices with --where.',
      ]);
    }
    const after = updated(before ?? NOTHING, said);
    if (before !== undefined && this.#holds(before)) this.#matched -= 1;
    if (this.#holds(after)) this.#matched += 1;
    this.#known.set(device, after);
  }

  #learnOfAll(said: Knowledge): void {
    const after = updated(this.#common, said);
    if (after === this.#common) return;
    this.#common = after;
    this.#matched = 0;
    for (const known of this.#known.values()) if (this.#holds(known)) this.#matched += 1;
  }

  #holds(known: Knowledge): boolean {
    return isTrue(this.#predicate.condition, updated(this.#common, known));
  }
}

function saidBit(claim: Claim): number {
  return 1 << claim.index;
}

function holdsBit(claim: Claim): number {
  return 1 << (claim.index + MAX_CLAIMS);
}

const ALL_SAID = (1 << MAX_CLAIMS) - 1;

/** What is known once something more was said. */
function updated(known: Knowledge, said: Knowledge): Knowledge {
  const about = said & ALL_SAID;
  return (known & ~(about | (about << MAX_CLAIMS))) | said;
}

function isTrue(condition: Condition, known: Knowledge): boolean {
  switch (condition.kind) {
    case 'claim':
      return (known & holdsBit(condition)) !== 0;
    case 'and':
      return condition.conditions.every((inner) => isTrue(inner, known));
    case 'or':
      return condition.conditions.some((inner) => isTrue(inner, known));
  }
}

/** Undefined: the event says nothing about it. Members that an object only inherits do not count. */
function memberOf(event: ObservedEvent, { event: kind, path }: Claim): unknown {
  if (kind === 'event' && path.length === 1) {
    if (path[0] === 'type') return event.type;
    if (path[0] === 'device') return event.device;
  }
  let value = event.body;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

function holds(claim: Claim, value: unknown): boolean {
  switch (claim.operator) {
    case '==':
      return isEqual(claim, value);
    case '!=':
      return !isEqual(claim, value);
    case '~':
      return isPlain(value) && matchesWildcard(String(value), claim.text);
    case '<':
      return orderOf(claim, value) < 0;
    case '<=':
      return orderOf(claim, value) <= 0;
    case '>':
      return orderOf(claim, value) > 0;
    case '>=':
      return orderOf(claim, value) >= 0;
  }
}

function isEqual({ text, number }: Claim, value: unknown): boolean {
  if (typeof value === 'number' && number !== undefined) return value === number;
  return isPlain(value) && foldCase(String(value)) === foldCase(text);
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** Numbers as numbers; text as versions if a version is asked for, else by code points; NaN where there is no order. */
function orderOf({ text, number }: Claim, value: unknown): number {
  if (typeof value === 'number') return number === undefined ? Number.NaN : value - number;
  if (typeof value !== 'string') return Number.NaN;
  const wanted = versionOrderKey(text);
  if (wanted === undefined) return compareText(value, text);
  const actual = versionOrderKey(value);
  return actual === undefined ? Number.NaN : compareText(actual, wanted);
}

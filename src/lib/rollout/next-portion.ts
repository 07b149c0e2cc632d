import type { EventOf } from './campaign-event.js';
import type { StageState } from './campaign-state.js';
import type { RolloutPlan } from './plan.js';
import { portionName } from './portion-name.js';

const MINUTE_MS = 60_000;
/** Each is a rollout at the server, which is asked about: those of a slow stage of very many devices are larger and rarer. */
const MAX_PORTIONS = 1_000;

/** What a stage gives next, and from when on; undefined: all is given. */
export interface NextPortion {
  /** Milliseconds since 1970; -Infinity: at once. */
  readonly dueAt: number;
  readonly event: EventOf<'preparing'>;
}

/**
 * The next portion of a stage: devices that try again, all that is left, or as many as its rate allows by then.
 *
 * @param made how many portions the stage has that are no retries
 */
export function nextPortion(
  plan: RolloutPlan,
  index: number,
  state: StageState,
  made: number,
): NextPortion | undefined {
  const base = { type: 'preparing', stage: index, software: null } as const;
  if (state.retryDevices !== null) {
    const portion = portionName.ofRetry(plan, index, state.retries);
    return { dueAt: -Infinity, event: { ...base, portion, range: null, devices: [...state.retryDevices] } };
  }
  const { rate, devices, startAt } = plan.stages[index]!;
  const left = devices.length - state.given;
  if (left === 0) return undefined;
  const portion = portionName.ofStage(plan, index, made);
  const next = (size: number, dueAt: number): NextPortion => ({
    dueAt,
    event: { ...base, portion, range: [state.given, state.given + Math.min(size, left)], devices: null },
  });
  const startMs = startAt === null ? -Infinity : Date.parse(startAt);
  if (rate === null) return next(left, startMs);
  // Whole devices, as often as that makes the rate. What was missed is not made up for: that would be a burst.
  const perMinute = rate.devicesPerMinute * rate.growth ** Math.min(state.rate.grown, 64);
  const size = Math.max(1, Math.floor(perMinute), Math.ceil(devices.length / MAX_PORTIONS));
  const intervalMs = (size / perMinute) * MINUTE_MS;
  return next(size, state.lastGivenAt === null ? startMs : state.lastGivenAt + intervalMs);
}

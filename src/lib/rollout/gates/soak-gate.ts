import type { GateOf } from '../gate-spec.js';
import { durationText } from './duration-text.js';
import type { GateOpinion } from './evidence.js';

/**
 * How long the other gates have held. A clock that goes back only makes it longer: nothing is counted before `goodSince`.
 *
 * @param goodSince milliseconds since 1970; null: the others do not hold
 */
export function judgeSoak(gate: GateOf<'soak'>, now: number, goodSince: number | null): GateOpinion {
  const whole = durationText(gate.seconds);
  if (gate.seconds === 0) return { decision: 'advance', reason: 'no soak time is asked for' };
  if (goodSince === null)
    return { decision: 'hold', reason: `the soak time of ${whole} begins when the other gates hold` };
  const passedSeconds = Math.max(0, now - goodSince) / 1000;
  if (passedSeconds >= gate.seconds) return { decision: 'advance', reason: `the other gates have held for ${whole}` };
  const left = durationText(Math.ceil(gate.seconds - passedSeconds));
  return { decision: 'hold', reason: `the other gates have to hold for ${whole}, ${left} left` };
}

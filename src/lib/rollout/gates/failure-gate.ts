import { numberText } from '../../core/number-text.js';
import type { GateOf } from '../gate-spec.js';
import type { StageFigures } from '../observation.js';
import { isCertainlyAtLeast, lowerBound } from '../statistics.js';
import { count, evidenceOf, type GateOpinion, nothingJudged, percentText } from './evidence.js';

/** Whether it is certain that too many devices fail. Stuck ones count as failed. */
export function judgeFailure(gate: GateOf<'failure'>, figures: StageFigures): GateOpinion {
  const { judged, bad, open } = evidenceOf(figures);
  const { atMostPercent, confidencePercent, minimumSample, otherwise } = gate;
  if (judged < minimumSample) {
    const sofar = judged === 0 ? nothingJudged(figures) : `${count(judged, 'device')} succeeded or failed`;
    const reason = `${sofar}, ${numberText(minimumSample)} needed to judge failures`;
    // Without a device that could still end it would hold for ever.
    return open > 0 ? { decision: 'hold', reason } : { decision: 'pause', reason: `${reason}, and no device is left` };
  }
  const bound = lowerBound(bad, judged, confidencePercent);
  const stuck = figures.stuck > 0 ? ` (${numberText(figures.stuck)} of them stuck)` : '';
  const share = `${numberText(bad)} of ${numberText(judged)} failed${stuck}`;
  const allowed = `at most ${atMostPercent} % allowed`;
  const certain = `at least ${percentText(bound, atMostPercent)} at ${confidencePercent} % confidence, ${allowed}`;
  const isAbove = atMostPercent > 0 ? isCertainlyAtLeast(bad, judged, atMostPercent, confidencePercent) : bad > 0;
  if (isAbove) return { decision: otherwise, reason: `${share}: ${certain}` };
  return { decision: 'advance', reason: bad === 0 ? `${share}, ${allowed}` : `${share}: ${certain}` };
}

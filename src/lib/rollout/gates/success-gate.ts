import { numberText } from '../../core/number-text.js';
import type { GateOf } from '../gate-spec.js';
import type { StageFigures } from '../observation.js';
import { isCertainlyAtLeast, lowerBound, moreSuccessesNeeded } from '../statistics.js';
import { count, type Evidence, evidenceOf, type GateOpinion, nothingJudged, percentText } from './evidence.js';

/** How many devices installed the update, and what that says of all that would get it. */
export function judgeSuccess(gate: GateOf<'success'>, figures: StageFigures): GateOpinion {
  const evidence = evidenceOf(figures);
  const { judged, installed, open, ended, devices } = evidence;
  if (judged === 0) {
    const reason = `${nothingJudged(figures)}, which proves nothing`;
    // hawkbit#735: a stage of devices that had the update already ends at once, and must not count as a success.
    return open > 0
      ? { decision: 'hold', reason }
      : { decision: 'pause', reason: `${reason}; no device is left to wait for` };
  }
  const { atLeastPercent, confidencePercent, completedPercent } = gate;
  const bound = lowerBound(installed, judged, confidencePercent);
  const figuresText =
    `${numberText(installed)} of ${numberText(judged)} installed: ` +
    `at least ${percentText(bound, atLeastPercent)} at ${confidencePercent} % confidence, ${atLeastPercent} % needed`;

  const isProved = isCertainlyAtLeast(installed, judged, atLeastPercent, confidencePercent);
  if (isProved && ended * 100 >= devices * completedPercent) return { decision: 'advance', reason: figuresText };

  const needed = moreSuccessesNeeded(installed, judged, atLeastPercent, confidencePercent);
  if (needed > open) return unreachable(evidence, needed, figures, figuresText);
  if (isProved) {
    const completed = percentText(ended / devices, completedPercent);
    return { decision: 'hold', reason: `${figuresText}; ${completed} ended, ${completedPercent} % needed` };
  }
  return {
    decision: 'hold',
    reason: `${figuresText}; ${numberText(needed)} more without a failure would do`,
  };
}

/** Even if every device that is left succeeded, it would not be enough. */
function unreachable(evidence: Evidence, needed: number, figures: StageFigures, figuresText: string): GateOpinion {
  const more = Number.isFinite(needed)
    ? `${numberText(needed)} more without a failure would be needed`
    : 'it can never be certain';
  const left = evidence.open === 0 ? 'no device is left' : `only ${count(evidence.open, 'device')} left`;
  const reason = `${figuresText}; ${more}, and ${left}`;
  // Those on their way may end; but no further device is given what can no longer pass.
  return { decision: evidence.open > 0 && figures.waiting === 0 ? 'hold' : 'pause', reason };
}

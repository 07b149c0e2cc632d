import { numberText } from '../../core/number-text.js';
import type { StageFigures } from '../observation.js';
import { count, evidenceOf, type GateOpinion, nothingJudged } from './evidence.js';

/** What holds of a stage that has no success gate, which would say how many have to have ended: all of them have to. */
export function judgeCompleted(figures: StageFigures, isApproved: boolean): GateOpinion {
  const { devices, ended, open, judged } = evidenceOf(figures);
  if (open > 0) {
    const reason = `${numberText(ended)} of ${count(devices, 'device')} ended; all have to, as no success gate says how many`;
    return { decision: 'hold', reason };
  }
  if (judged > 0) return { decision: 'advance', reason: `all ${count(devices, 'device')} ended` };
  const reason = `${nothingJudged(figures)}, which proves nothing`;
  // Somebody has looked at it and wants it to go on.
  return { decision: isApproved ? 'advance' : 'pause', reason };
}

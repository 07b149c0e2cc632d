import { numberText } from '../../core/number-text.js';
import type { GateOf } from '../gate-spec.js';
import type { StageFigures } from '../observation.js';
import { durationText } from './duration-text.js';
import { count, evidenceOf, type GateOpinion, percentText } from './evidence.js';

/**
 * How many devices of the stage have fallen silent on their way. It speaks of these very devices and infers nothing, so it
 * needs no confidence; and it is a share of the whole stage, so that the first to fall silent are not all there is.
 */
export function judgeStuck(gate: GateOf<'stuck'>, figures: StageFigures): GateOpinion {
  const { devices, judged } = evidenceOf(figures);
  const { stuck } = figures;
  const silent = `silent for ${durationText(gate.afterSeconds)}`;
  if (judged === 0) {
    return { decision: 'hold', reason: `none of ${count(figures.total, 'device')} has ended or been ${silent}` };
  }
  const reason =
    `${numberText(stuck)} of ${count(devices, 'device')} ${silent}: ` +
    `${percentText(stuck / devices, gate.atMostPercent)}, at most ${gate.atMostPercent} % allowed`;
  return { decision: stuck * 100 > devices * gate.atMostPercent ? gate.otherwise : 'advance', reason };
}

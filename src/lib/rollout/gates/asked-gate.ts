import type { GateOf } from '../gate-spec.js';
import type { ProbeResult } from '../observation.js';
import type { GateOpinion } from './evidence.js';

/** What a probe or a command said. One that could not be asked says nothing, so it holds. */
export function judgeAsked(gate: GateOf<'probe'> | GateOf<'command'>, result: ProbeResult | undefined): GateOpinion {
  if (result === undefined) return { decision: 'hold', reason: `the ${gate.type} was not asked yet` };
  switch (result.outcome) {
    case 'good':
      return { decision: 'advance', reason: result.said };
    case 'bad':
      return { decision: gate.otherwise, reason: result.said };
    case 'holds':
    case 'failed':
      return { decision: 'hold', reason: result.said };
  }
}

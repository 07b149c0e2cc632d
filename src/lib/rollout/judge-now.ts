import type { Acceptance, StageState } from './campaign-state.js';
import type { GateSpec } from './gate-spec.js';
import { isGood, judgeStage, strictestOf } from './judge-stage.js';
import type { GateVerdict, Observation, StageFigures, StageVerdict } from './observation.js';
import type { PlanStage } from './plan.js';
import type { Sighting } from './sighting.js';
import { badDevices } from './state-changes.js';

export interface Judgement {
  readonly verdict: StageVerdict;
  /** See `Observation.goodSince`. */
  readonly goodSince: number | null;
}

/**
 * Asks the gates of a stage, with what a person has said of them.
 *
 * Resuming accepts what was known by then: a gate that stood in the way holds the stage instead of stopping it again, until
 * there is new evidence. That is, for what counts devices, one more that has not made it; for health, a window that lies
 * wholly behind; for a probe or a command, another answer. Approving lets the stage pass on the same terms.
 */
export function judgeNow(
  { gates }: PlanStage,
  state: StageState,
  { now, figures, seen }: { now: number; figures: StageFigures; seen: Sighting },
): Judgement {
  const observation = (goodSince: number | null): Observation => ({
    now,
    figures,
    startedAt: state.startedAt ?? now,
    goodSince,
    measurements: seen.measurements,
    probes: seen.probes,
    isApproved: state.approvedBy !== null,
  });
  const judged = (goodSince: number | null): StageVerdict => {
    const verdict = judgeStage(gates, observation(goodSince));
    const { accepted } = state;
    if (accepted === null) return verdict;
    return strictestOf(verdict.gates.map((one) => accepting(one, gates[one.gate], accepted, { now, figures })));
  };
  // Whether the others hold does not depend on the soak time, so it is known before that is judged.
  const goodSince = isGood(judged(state.goodSince)) ? (state.goodSince ?? now) : null;
  return { verdict: judged(goodSince), goodSince };
}

function accepting(
  verdict: GateVerdict,
  gate: GateSpec | undefined,
  accepted: Acceptance,
  { now, figures }: { now: number; figures: StageFigures },
): GateVerdict {
  if (!accepted.gates.includes(verdict.gate) || isNewEvidence(gate, accepted, now, figures)) return verdict;
  if (accepted.passes && verdict.decision !== 'advance') {
    return { ...verdict, decision: 'advance', reason: `${verdict.reason}; ${accepted.by} lets it pass` };
  }
  if (verdict.decision !== 'pause' && verdict.decision !== 'abort') return verdict;
  const next = 'approve passes the stage as it stands, retry-failed tries again';
  return {
    ...verdict,
    decision: 'hold',
    reason: `${verdict.reason}; ${accepted.by} has resumed it knowing that: ${next}`,
  };
}

function isNewEvidence(gate: GateSpec | undefined, accepted: Acceptance, now: number, figures: StageFigures): boolean {
  switch (gate?.type) {
    case 'health':
      return now - accepted.at >= gate.windowSeconds * 1_000;
    case 'probe':
    case 'command':
      return now - accepted.at >= gate.everySeconds * 1_000;
    default:
      return badDevices(figures) > accepted.bad;
  }
}
